"""What a scope gives is what its package, or the staging store, holds: byte for byte."""

from __future__ import annotations

import pytest
from pynetdicom.dsutils import encode
from sqlalchemy import func, select, update

from pacs2trial.errors import HeldError, PermanentError
from pacs2trial.holdings.search import contents
from pacs2trial.holdings.view import View, Views
from pacs2trial.network.identifier import identifier
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault.tables import AuditEntry, HeldStudy, Instance, LookupAnswer, PackageRow, StagedVersion, Subject
from pacs2trial_demo.identities import LUCZYNSKA
from support.hospital import LUNG, Hospital, small_study
from support.shown import ShownSite


def given(view: View) -> dict[str, bytes]:
    shown = (view.object_of(content) for content in contents(view, identifier("IMAGE")))
    return {each.sop_instance: b"".join(each.file()) for each in shown}


def test_a_trial_is_given_the_bytes_of_its_packages(shown_site: ShownSite) -> None:
    assert given(shown_site.view(LUNG)) == shown_site.given()


def test_staging_is_given_as_it_lies_there(shown_site: ShownSite) -> None:
    assert given(shown_site.view(STAGING)) == shown_site.staged()


def test_pydicom_writes_an_object_as_it_is(shown_site: ShownSite) -> None:
    """DIMSE sends what pydicom encodes, so that has to be the same bytes."""
    for scope in (LUNG, STAGING):
        view = shown_site.view(scope)
        for content in contents(view, identifier("IMAGE")):
            shown = view.object_of(content)
            again = encode(shown.dataset(), False, True)
            assert again == b"".join([bytes(shown.header), *map(bytes, shown.pixel)])


def test_looking_writes_nothing(shown_site: ShownSite) -> None:
    tables = (AuditEntry, LookupAnswer, PackageRow, Instance)

    def rows() -> list[int]:
        with shown_site.ws.vault.session(read_only=True) as session:
            return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]

    before = rows()
    given(shown_site.view(LUNG))
    assert rows() == before


def test_a_withdrawn_subject_is_not_shown(hospital: Hospital) -> None:
    hospital.filter(LUNG, "LA-001")
    view = Views(hospital.ws).of(LUNG)
    assert contents(view, identifier("IMAGE"))
    with hospital.ws.vault.session() as session:
        session.execute(update(Subject).values(withdrawn_at=func.now()))
    assert contents(view, identifier("IMAGE")) == []


def test_a_study_in_doubt_is_not_shown(hospital: Hospital) -> None:
    hospital.filter(LUNG, "LA-001")
    view = Views(hospital.ws).of(LUNG)
    (study,) = {content.chosen.study for content in contents(view, identifier("IMAGE"))}
    with hospital.ws.vault.session() as session:
        subject = session.scalars(select(Subject).where(Subject.trial == LUNG)).one()
        session.add(HeldStudy(trial=LUNG, subject_id=subject.id, study=study, reason="a test"))
    assert contents(view, identifier("IMAGE")) == []


def test_a_changed_definition_is_followed_at_once(hospital: Hospital) -> None:
    hospital.filter(LUNG, "LA-001")
    views = Views(hospital.ws)
    before = given(views.of(LUNG))
    hospital.define(LUNG, profile={"options": []})
    after = given(views.of(LUNG))
    assert after.keys() == before.keys()
    assert after != before
    assert given(views.of(LUNG)) == after


def test_a_corrected_key_table_is_followed_at_once(hospital: Hospital) -> None:
    hospital.define(LUNG, profile={"rules": [{"attribute": "ClinicalTrialTimePointID", "set": "{timepoint}"}]})
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA}, timepoint="T0")
    hospital.filter(LUNG, "LA-001")
    view = Views(hospital.ws).of(LUNG)
    assert all(b"T0" in content for content in given(view).values())
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA}, timepoint="T9")
    assert all(b"T9" in content for content in given(view).values())


def test_names_that_nobody_knows_hold_the_structure_set(hospital: Hospital) -> None:
    hospital.define(LUNG, profile={"options": ["clean_descriptors"], "roi_names": {"allow": "none", "unknown": "hold"}})
    hospital.filter(LUNG, "LA-001")
    view = Views(hospital.ws).of(LUNG)
    (structures,) = [one for one in contents(view, identifier("IMAGE")) if one.modality == "RTSTRUCT"]
    assert view.is_held(structures)
    assert [one for one in contents(view, identifier("IMAGE")) if view.is_held(one)] == [structures]
    with pytest.raises(HeldError, match="names of structures"):
        view.object_of(structures)


@pytest.mark.parametrize("scope", [STAGING, LUNG])
def test_a_lost_or_damaged_file_is_named_and_not_shown(hospital: Hospital, scope: str) -> None:
    hospital.filter(LUNG, "LA-001")
    view = Views(hospital.ws).of(scope)
    lost, damaged = contents(view, identifier("IMAGE"))[:2]
    staging = hospital.ws.settings.staging
    (staging / lost.chosen.path).unlink()
    (staging / damaged.chosen.path).write_bytes(b"no object any more")
    for content in (lost, damaged):
        with pytest.raises(PermanentError, match=r"\.dcm"):
            view.object_of(content)


def test_what_was_cleaned_up_is_not_listed(hospital: Hospital) -> None:
    hospital.filter(LUNG, "LA-001")
    with hospital.ws.vault.session() as session:
        session.execute(update(StagedVersion).values(removed_at=func.now()))
    for scope in (STAGING, LUNG):
        assert contents(Views(hospital.ws).of(scope), identifier("IMAGE")) == []


def test_a_later_version_is_not_shown_beside_the_current_one(hospital: Hospital) -> None:
    again = small_study()
    for dataset in again:
        dataset.SeriesDescription = "CT abdomen"
    hospital.stage(again)
    listed = contents(Views(hospital.ws).of(STAGING), identifier("IMAGE"))
    assert len({one.chosen.sop_instance for one in listed}) == len(listed) == len(again)
