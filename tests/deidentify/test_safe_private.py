"""Retain Safe Private through both stages: who asks gets it, who does not gets nothing, and no identity rides along."""

from __future__ import annotations

import io

import pydicom
import pytest
from pydicom.dataset import Dataset

from pacs2trial.deidentify import deidentify
from pacs2trial.dicomfile.encoding import split_dataset, split_file
from pacs2trial.profile import PrivateAttribute, SubjectValues, staging_plan, trial_plan
from pacs2trial.profile.site_list import from_plan
from support.definitions import trial
from support.objects import BIRTH_DATE, MARKER, PLANTED, STUDY_UID, TableOfPseudonyms, ct_slice, encoded
from support.stages import PATIENT_CODE, SHIFT, SUBJECT_KEY, file_of

SITE = (
    PrivateAttribute(0x0029, "ACME 1.0", 0x01, "LO", "1", "kernel"),
    PrivateAttribute(0x0029, "ACME 1.0", 0x02, "OB", "1", "a table of gains"),
    PrivateAttribute(0x0029, "ACME 1.0", 0x03, "UN", "1", "the same"),
    PrivateAttribute(0x0029, "ACME 1.0", 0x04, "DA", "1", "calibration"),
    PrivateAttribute(0x0029, "ACME 1.0", 0x05, "SQ", "1", "steps"),
    PrivateAttribute(0x7FD1, "SIEMENS SYNGO ULTRA-SOUND TOYON DATA STREAMING", 0x10, "OB", "1", "volumes, looked at"),
)
NO_SITE: tuple[PrivateAttribute, ...] = ()


def through(
    ds: Dataset, *options: str, site: tuple[PrivateAttribute, ...] = NO_SITE, implicit: bool = False
) -> list[bytes]:
    """The object as staging and as the trial holds it."""
    staging, scope = TableOfPseudonyms(), TableOfPseudonyms("LUNGART")
    syntax = "1.2.840.10008.1.2" if implicit else "1.2.840.10008.1.2.1"
    sent = split_dataset(encoded(ds, implicit=implicit), syntax)
    first = deidentify(sent, staging_plan(site), staging, patient=PATIENT_CODE)
    values = SubjectValues(SUBJECT_KEY, PATIENT_CODE, SHIFT, {})
    plan = trial_plan(trial(*options), site)
    last = deidentify(split_file(file_of(first)), plan, scope, patient=SUBJECT_KEY, values=values)
    return [file_of(first), file_of(last)]


def private(data: bytes) -> dict[tuple[int, str, int], object]:
    ds = pydicom.dcmread(io.BytesIO(data))
    return {
        (element.tag.group, str(element.private_creator), element.tag.element & 0xFF): element.value
        for element in ds
        if element.tag.is_private and element.tag.element > 0xFF
    }


def leaks(data: bytes) -> list[str]:
    return [planted for planted in PLANTED if planted.lower().encode() in data.lower() and planted != BIRTH_DATE]


def scanner() -> Dataset:
    """What a Siemens MR, a Philips PET and a GE scanner write, and what no list knows."""
    ds = ct_slice()
    siemens = ds.private_block(0x0019, "SIEMENS MR HEADER", create=True)
    siemens.add_new(0x0C, "IS", "800")
    siemens.add_new(0x0E, "FD", [0.5, -0.25, 1.0])
    siemens.add_new(0x08, "LO", MARKER)
    philips = ds.private_block(0x7053, "Philips PET Private Group", create=True)
    philips.add_new(0x00, "DS", "1.25")
    ds.private_block(0x0025, "GEMS_SERS_01", create=True).add_new(0x07, "SL", 120)
    quant = ds.private_block(0x0099, "NQHeader", create=True)
    quant.add_new(0x02, "UI", STUDY_UID + ".1")
    quant.add_new(0x05, "LT", f"finished for {MARKER}")
    quant.add_new(0x20, "SH", "ml")
    return ds


KEPT = {
    (0x0019, "SIEMENS MR HEADER", 0x0C): 800,
    (0x0019, "SIEMENS MR HEADER", 0x0E): [0.5, -0.25, 1.0],
    (0x7053, "Philips PET Private Group", 0x00): 1.25,
    (0x0025, "GEMS_SERS_01", 0x07): 120,
    (0x0099, "NQHeader", 0x20): "ml",
}


@pytest.mark.parametrize("implicit", [False, True])
def test_a_trial_with_the_option_gets_the_safe_attributes_and_others_nothing(implicit: bool) -> None:
    staged, asked = through(scanner(), "retain_safe_private", implicit=implicit)
    assert leaks(staged) == leaks(asked) == []
    first, last = TableOfPseudonyms(), TableOfPseudonyms("LUNGART")
    version = (0x0099, "NQHeader", 0x02)
    for found, uid in (
        (private(staged), first.uid(STUDY_UID + ".1")),
        (private(asked), last.uid(first.uid(STUDY_UID + ".1"))),
    ):
        assert found.pop(version) == uid
        message = found.pop((0x0099, "NQHeader", 0x05), "")
        assert MARKER not in str(message)
        assert found == KEPT
    assert private(through(scanner(), "clean_descriptors", implicit=implicit)[1]) == {}


def test_what_hides_in_a_safe_private_sequence_is_treated_as_everywhere() -> None:
    ds = ct_slice()
    inner = Dataset()
    inner.PatientName, inner.OperatorsName = f"{MARKER}^Nested", f"{MARKER}^Op"
    inner.StudyInstanceUID, inner.Modality = STUDY_UID, "MR"
    own = inner.private_block(0x2001, "Philips Imaging DD 002", create=True)
    own.add_new(0x02, "FD", 0.5)
    own.add_new(0x52, "LO", f"step of {MARKER}")
    own.add_new(0xEE, "LO", MARKER)
    ds.private_block(0x2001, "Philips Imaging DD 001", create=True).add_new(0xFD, "SQ", [inner])
    staged, asked = through(ds, "retain_safe_private")
    assert leaks(staged) == leaks(asked) == []
    (item,) = private(asked)[0x2001, "Philips Imaging DD 001", 0xFD]  # type: ignore[misc, attr-defined]
    assert item.StudyInstanceUID == pydicom.dcmread(io.BytesIO(asked)).StudyInstanceUID
    assert item.Modality == "MR"
    assert item.private_block(0x2001, "Philips Imaging DD 002")[0x02].value == 0.5


def test_the_site_s_own_list_is_over_the_table() -> None:
    ds = ct_slice()
    block = ds.private_block(0x0029, "ACME 1.0", create=True)
    block.add_new(0x01, "LO", "B30f")
    block.add_new(0x02, "OB", bytes(range(16)))
    block.add_new(0x04, "DA", "20190312")
    inner = Dataset()
    inner.PatientName = f"{MARKER}^Nested"
    inner.InstanceNumber = 4
    inner.private_block(0x0029, "ACME 1.0", create=True).add_new(0x01, "LO", "B31f")
    block.add_new(0x05, "SQ", [inner])
    name = {low: (0x0029, "ACME 1.0", low) for low in range(1, 6)}

    staged, kept = through(ds, "retain_safe_private", "retain_modified_dates", site=SITE)
    found = private(kept)
    assert (found[name[1]], found[name[2]]) == ("B30f", bytes(range(16)))
    assert str(found[name[4]]) == "20190203"
    assert str(private(staged)[name[4]]) == "20190312"
    (step,) = found[name[5]]
    assert step.InstanceNumber == 4
    assert leaks(staged) == leaks(kept) == []
    assert name[4] not in private(through(ds, "retain_safe_private", site=SITE)[1])
    assert private(through(ds, "retain_safe_private")[1]) == {}


@pytest.mark.parametrize("vr", ["OB", "UN"])
@pytest.mark.parametrize(
    "hidden",
    [
        MARKER.encode() + b"son",
        b"zzphison",
        "Zoltan".encode("utf-16-le"),
        b"4711 ZZPHI-4711",
        b"Mary-Jane ",
        BIRTH_DATE.encode(),
        b"aCCzzphi99",
    ],
)
def test_a_blob_with_an_identifier_in_it_goes(hidden: bytes, vr: str) -> None:
    ds = ct_slice()
    block = ds.private_block(0x0029, "ACME 1.0", create=True)
    low = 0x02 if vr == "OB" else 0x03
    block.add_new(low, vr, bytes(64) + hidden + bytes(64 + len(hidden) % 2))
    staged, kept = through(ds, "retain_safe_private", "retain_full_dates", site=SITE)
    assert private(staged) == private(kept) == {}
    block[low].value = bytes(128)
    assert private(through(ds, "retain_safe_private", site=SITE)[1]) == {(0x0029, "ACME 1.0", low): bytes(128)}


def test_pixel_like_payloads_stay_only_if_the_site_says_so() -> None:
    ds = ct_slice()
    toyon = (0x7FD1, "SIEMENS SYNGO ULTRA-SOUND TOYON DATA STREAMING", 0x10)
    ds.private_block(toyon[0], toyon[1], create=True).add_new(0x10, "OB", bytes(32))
    hologic = ds.private_block(0x7E01, "HOLOGIC, Inc.", create=True)
    hologic.add_new(0x02, "SH", "3DQuorum")
    hologic.add_new(0x12, "OB", bytes(32))
    assert set(private(through(ds, "retain_safe_private")[1])) == {(0x7E01, "HOLOGIC, Inc.", 0x02)}
    assert toyon in private(through(ds, "retain_safe_private", site=SITE)[1])


@pytest.mark.parametrize("group", [0x3253, 0x3287])
def test_the_document_and_the_digest_of_varian_always_go(group: int) -> None:
    ds = ct_slice()
    creator = f"Varian Medical Systems VISION {group:04X}"
    block = ds.private_block(group, creator, create=True)
    block.add_new(0x00, "UN", b"<Plan><Name>x</Name></Plan>")
    block.add_new(0x01, "IS", "26")
    block.add_new(0x02, "LO", "ExtendedIF")
    site = tuple(PrivateAttribute(group, creator, low, vr, "1", "x") for low, vr in enumerate(("UN", "IS", "LO")))
    for data in through(ds, "retain_safe_private", site=site):
        assert private(data) == {}
        assert b"Varian" not in data


def test_a_sender_s_word_that_a_block_is_safe_counts_for_nothing() -> None:
    """Private Data Element Characteristics Sequence (0008,0300) with SAFE (PS3.3 C.12.1)."""
    ds = ct_slice()
    ds.private_block(0x0029, "ELSE", create=True).add_new(0x01, "LO", "harmless")
    block = Dataset()
    block.PrivateGroupReference, block.PrivateCreatorReference = 0x0029, "ELSE"
    block.BlockIdentifyingInformationStatus = "SAFE"
    ds.PrivateDataElementCharacteristicsSequence = [block]
    for data in through(ds, "retain_safe_private"):
        assert private(data) == {}
        assert b"ELSE" not in data


def test_the_list_of_the_site_is_part_of_the_plan() -> None:
    definition = trial("retain_safe_private")
    plans = [
        staging_plan(),
        staging_plan(SITE),
        staging_plan(SITE[:1]),
        trial_plan(definition),
        trial_plan(definition, SITE),
    ]
    assert len({plan.digest for plan in plans}) == len(plans)
    assert "113111" in plans[-1].codes


def test_a_plan_gives_back_the_list_it_was_made_with() -> None:
    assert from_plan(staging_plan(SITE).canonical) == SITE
