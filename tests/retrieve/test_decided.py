"""Studies in doubt at the PACS, once a person has decided."""

from __future__ import annotations

import pydicom
import pytest

from pacs2trial.corrections.doubts import decide, doubts
from pacs2trial.errors import InputError
from pacs2trial.keytable.studies import Answer
from pacs2trial.retrieve.plan import plan_run
from pacs2trial.vault.tables import InstanceState
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from pacs2trial_demo.pacs import DemoPacs
from support.sites import TRIAL, Site, objects_of

from .test_plan import copy_as


def token(site: Site, key: str) -> str:
    return next(one.token for one in doubts(site.ws, TRIAL) if one.subject_key == key)


def test_a_study_of_two_patient_ids_goes_to_the_subject_that_a_person_names(site: Site, pacs: DemoPacs) -> None:
    first = plan_run(site.ws, TRIAL).subjects[0].subject_key
    copy_as(pacs, PatientID=OXENBARGER.patient_id, SOPInstanceUID="1.2.3.4", SeriesInstanceUID="1.2.3.5")
    before = plan_run(site.ws, TRIAL).subjects
    assert [(one.studies, len(one.held)) for one in before] == [(0, 1), (1, 1)]
    decide(site.ws, TRIAL, token(site, first), Answer.BELONGS, reason="asked the ward", actor="ann")
    assert doubts(site.ws, TRIAL) == [], "the other subject does without it"
    after = plan_run(site.ws, TRIAL).subjects
    assert [(one.studies, one.held) for one in after] == [(1, ()), (1, ())]


def test_a_study_that_changed_its_patient_at_the_pacs_is_expected_anew(site: Site, pacs: DemoPacs) -> None:
    plan_run(site.ws, TRIAL)
    before = site.ledger()
    for number, one in enumerate(objects_of(pacs, LUCZYNSKA.patient_id)):
        moved = pydicom.dcmread(one.path)
        moved.PatientID = OXENBARGER.patient_id
        path = pacs.folder / f"moved{number}.dcm"
        moved.save_as(path)
        pacs.index.add(path)
    second = plan_run(site.ws, TRIAL).subjects[1]
    assert len(second.held) == 1
    decide(site.ws, TRIAL, token(site, second.subject_key), Answer.BELONGS, reason="corrected", actor="ann")
    first, second = plan_run(site.ws, TRIAL).subjects
    assert (first.studies, first.held, second.studies, second.held) == (0, (), 2, ())
    assert site.ledger() == before, "nothing is known twice"
    assert set(site.ledger().values()) == {InstanceState.EXPECTED}


def test_a_study_that_is_left_out_is_not_asked_for(site: Site, pacs: DemoPacs) -> None:
    copy_as(pacs, PatientID=OXENBARGER.patient_id, SOPInstanceUID="1.2.3.4", SeriesInstanceUID="1.2.3.5")
    plan_run(site.ws, TRIAL)
    for one in doubts(site.ws, TRIAL):
        decide(site.ws, TRIAL, one.token, Answer.LEFT_OUT, reason="nobody's", actor="ann")
    assert [(one.studies, one.held) for one in plan_run(site.ws, TRIAL).subjects] == [(0, ()), (1, ())]


def test_a_study_of_two_visits_cannot_be_given_to_both(site: Site, pacs: DemoPacs) -> None:
    visit = {"patient_id": LUCZYNSKA.patient_id, "subject_key": "LA-001", "study_date_to": ""}
    site.enrol(visit | {"study_date_from": "2024-01-01"}, visit | {"study_date_from": "2024-02-01"})
    plan_run(site.ws, TRIAL)
    (doubt,) = doubts(site.ws, TRIAL)
    with pytest.raises(InputError, match="correct the key table"):
        decide(site.ws, TRIAL, doubt.token, Answer.BELONGS, reason="x", actor="ann")


def test_a_study_under_two_ids_of_one_person_is_in_no_doubt(site: Site, pacs: DemoPacs) -> None:
    row = {"subject_key": "LA-001"}
    site.enrol(
        {"patient_id": LUCZYNSKA.patient_id, **row, "alias": ""},
        {"patient_id": OXENBARGER.patient_id, **row, "alias": "yes"},
    )
    copy_as(pacs, PatientID=OXENBARGER.patient_id, SOPInstanceUID="1.2.3.4", SeriesInstanceUID="1.2.3.5")
    (one,) = plan_run(site.ws, TRIAL).subjects
    assert (one.studies, one.held) == (2, ())
