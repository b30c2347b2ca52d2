"""Texts that leave are counted and shown as new until a person has seen them; unknown names hold a subject."""

from __future__ import annotations

import json

import pytest
from pydicom.dataset import FileDataset

from pacs2trial.collect import collect_subject
from pacs2trial.collect.texts import held_names, mark_reviewed, new_texts, texts_of
from pacs2trial.errors import HeldError
from pacs2trial.review import Word, approve, reviews
from support.hospital import LUNG, SECOND_DAY, Hospital, small_study

HOLDING = {"options": ["clean_descriptors", "retain_modified_dates"], "roi_names": {"unknown": "hold"}}


def with_names(*names: str, when: object = SECOND_DAY) -> list[FileDataset]:
    """A study whose structures are called so, as far as names are given."""
    found = small_study(when=when)
    for dataset in found:
        if dataset.Modality == "RTSTRUCT":
            for roi, name in zip(dataset.StructureSetROISequence, names, strict=False):
                roi.ROIName = name
    return found


def values(site: Hospital, *, only_new: bool = False) -> dict[tuple[str, str], int]:
    return {(one.attribute, one.value): one.count for one in texts_of(site.ws, LUNG, only_new=only_new)}


def test_texts_that_leave_are_counted_by_attribute_and_value(hospital: Hospital) -> None:
    hospital.package(LUNG, "LA-001")
    found = values(hospital)
    slices = sum(dataset.Modality == "CT" for dataset in small_study())
    assert any(attribute == "ROIName" for attribute, _ in found)
    assert sum(number for (attribute, _), number in found.items() if attribute == "SeriesDescription") >= slices
    assert not any(value in ("REMOVED", "", "ORIGINAL", "AXIAL") for _, value in found)
    assert not any(attribute == "PatientID" for attribute, _ in found)


def test_a_coded_string_that_is_no_term_is_shown_too(hospital: Hospital) -> None:
    """A name that is not the patient's own passes as a term would; a person sees it before the package leaves."""
    changed = small_study(when=SECOND_DAY)
    for dataset in changed:
        dataset.ScanOptions, dataset.FilterType = "WENZELSTRANGER", "WENZELSTRANGER"
    hospital.stage(changed)
    hospital.package(LUNG, "LA-001")
    found = values(hospital, only_new=True)
    assert found["ScanOptions", "WENZELSTRANGER"] == found["FilterType", "WENZELSTRANGER"] > 0


def test_nothing_is_new_twice(hospital: Hospital) -> None:
    made = hospital.package(LUNG, "LA-001")
    assert values(hospital, only_new=True) == values(hospital) != {}
    assert new_texts(hospital.ws, LUNG) == {made.package_id: len(values(hospital))}
    with hospital.ws.vault.session() as session:
        fresh = mark_reviewed(session, LUNG, None, "somebody")
    assert fresh == len(values(hospital))
    assert values(hospital, only_new=True) == {}
    assert new_texts(hospital.ws, LUNG) == {made.package_id: 0}
    other = small_study(when=SECOND_DAY)
    for dataset in other:
        dataset.SeriesDescription = "Lung boost 17"
    hospital.stage(other)
    hospital.package(LUNG, "LA-001")
    assert {value for _, value in values(hospital, only_new=True)} == {"Lung boost 17"}


def test_an_approved_package_has_no_new_texts(hospital: Hospital) -> None:
    hospital.define(LUNG, review="always")
    made = hospital.package(LUNG, "LA-001")
    assert all(proof.passed for proof in hospital.verify(made))
    (item,) = approve(hospital.ws, LUNG, "LA-001", Word("somebody"))
    assert item.new_texts == 0
    assert values(hospital, only_new=True) == {}
    assert [one.new_texts for one in reviews(hospital.ws, LUNG)] == [0]


def test_the_vault_holds_texts_sealed_only(hospital: Hospital) -> None:
    hospital.stage(with_names("Zwergpinscher", "Lung_L"))
    hospital.define(LUNG, profile=HOLDING)
    hospital.filter(LUNG, "LA-001")
    with pytest.raises(HeldError):
        hospital.collect(LUNG, "LA-001")
    hospital.ws.vault.close()
    stored = b"".join(path.read_bytes() for path in hospital.ws.settings.home.glob("vault.db*"))
    assert b"Zwergpinscher" not in stored


def test_unknown_structure_names_hold_the_subject_until_they_are_known(hospital: Hospital) -> None:
    hospital.define(LUNG, profile=HOLDING)
    hospital.stage(with_names("Zwergpinscher"))
    with pytest.raises(HeldError) as held:
        hospital.collect(LUNG, "LA-001")
    assert "Zwergpinscher" not in str(held.value)
    assert "roi_names" in str(held.value)
    names = held_names(hospital.ws, LUNG)["LA-001"]
    assert ("ROIName", "Zwergpinscher") in names
    assert not list((hospital.ws.settings.packages / LUNG).glob("*"))
    known = {**HOLDING, "roi_names": {"unknown": "hold", "also": [name for _, name in names]}}
    hospital.define(LUNG, profile=known)
    hospital.package(LUNG, "LA-001")
    assert held_names(hospital.ws, LUNG) == {}
    assert ("ROIName", "Zwergpinscher") in values(hospital)


def test_a_copy_is_held_as_well(hospital: Hospital, tmp_path) -> None:
    hospital.define(LUNG, profile=HOLDING)
    hospital.stage(with_names("Zwergpinscher"))
    hospital.filter(LUNG, "LA-001")
    with pytest.raises(HeldError):
        collect_subject(
            hospital.ws, hospital.ws.definition(LUNG), hospital.subject(LUNG, "LA-001"), output=tmp_path / "out"
        )
    assert not list((tmp_path / "out").glob("*"))


def test_texts_can_be_said_as_json(hospital: Hospital) -> None:
    hospital.package(LUNG, "LA-001")
    assert json.dumps([[one.attribute, one.value] for one in texts_of(hospital.ws, LUNG)])
