"""An object that refers to an object of another patient waits for a person."""

from __future__ import annotations

from copy import deepcopy

from pydicom.dataset import FileDataset
from pydicom.uid import UID
from sqlalchemy import select

from pacs2trial.clearance.held import decide_held, held_series
from pacs2trial.filtering.filter import Filtered, filter_subject
from pacs2trial.filtering.strangers import RULE
from pacs2trial.vault.tables import Instance, TrialInstance
from pacs2trial_demo.identities import OXENBARGER
from support.hospital import LUNG, SECOND_DAY, Hospital, small_study

KEY = "LA-009"


def dose_on(plan: FileDataset | str) -> list[FileDataset]:
    """A study of a second patient, whose dose refers to that plan."""
    study = [deepcopy(one) for one in small_study(OXENBARGER, SECOND_DAY)]
    (dose,) = (one for one in study if one.Modality == "RTDOSE")
    dose.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID = (
        UID(plan) if isinstance(plan, str) else plan.SOPInstanceUID
    )
    return study


def filtered(hospital: Hospital) -> Filtered:
    return filter_subject(hospital.ws, hospital.ws.definition(LUNG), hospital.subject(LUNG, KEY))


def held_modalities(hospital: Hospital) -> set[str]:
    with hospital.ws.vault.session(read_only=True) as session:
        query = select(Instance.modality).join(TrialInstance).where(TrialInstance.rule == RULE)
        return set(session.scalars(query))


def second_patient(hospital: Hospital, study: list[FileDataset]) -> None:
    hospital.stage(study)
    hospital.enrol(LUNG, {KEY: OXENBARGER})


def test_a_dose_on_the_plan_of_another_patient_is_held(hospital: Hospital) -> None:
    (plan,) = (one for one in small_study() if one.Modality == "RTPLAN")
    second_patient(hospital, dose_on(plan))
    done = filtered(hospital)
    assert (done.held, done.reasons[RULE]) == (1, 1)
    assert held_modalities(hospital) == {"RTDOSE"}


def test_a_plan_that_nobody_has_holds_nothing(hospital: Hospital) -> None:
    second_patient(hospital, dose_on("1.2.826.0.1.3680043.10.999.77.1"))
    assert filtered(hospital).held == 0


def test_a_person_lets_it_through_or_not(hospital: Hospital) -> None:
    (plan,) = (one for one in small_study() if one.Modality == "RTPLAN")
    second_patient(hospital, dose_on(plan))
    filtered(hospital)
    definition = hospital.ws.definition(LUNG)
    (series,) = held_series(hospital.ws, definition)
    assert (series.modality, series.rule, series.instances) == ("RTDOSE", RULE, 1)
    decide_held(hospital.ws, definition, series.token, accept=False, reason="mixed up", actor="ann")
    done = filtered(hospital)
    assert (done.held, done.rejected) == (0, 1)
