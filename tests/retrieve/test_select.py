"""``source.select``: which studies of a subject belong to a trial."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import FileDataset

from pacs2trial.filtering.filter import Filtered, filter_subject
from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.keytable import enrolled
from pacs2trial.retrieve.plan import plan_run
from pacs2trial.retrieve.settle import retrieve
from pacs2trial.staging.ledger import balance
from pacs2trial.vault.tables import InstanceState
from pacs2trial_demo.generate import part10, study
from pacs2trial_demo.identities import LUCZYNSKA
from pacs2trial_demo.pacs import DemoPacs
from support.sites import DAY, MODALITIES, TRIAL, Site, add_new, wanted

SMALL = {"parts": {"CT"}, "slices": 2, "matrix": 32}


@pytest.fixture
def late(site: Site, pacs: DemoPacs) -> set[str]:
    """A second study of the first patient, 60 days after the other, called otherwise."""
    objects = study(LUCZYNSKA, when=DAY + timedelta(days=60), **SMALL)
    for one in objects:
        one.StudyDescription = "Control, thorax"
    return add_new(pacs, objects)


def choose(site: Site, start: str | None = None, **select: object) -> None:
    source = {"pacs": "main", "modalities": list(MODALITIES), "retrieve": "c-get", "select": select}
    site.define_source(source)
    if start is not None:
        site.enrol({"patient_id": LUCZYNSKA.patient_id, "subject_key": "LA-001", "start_date": start})


def filtered(site: Site) -> Filtered:
    (subject,) = enrolled(site.ws.vault, TRIAL, ["LA-001"])
    return filter_subject(site.ws, site.ws.definition(TRIAL), subject)


@pytest.mark.parametrize(("start", "studies"), [(DAY, 1), (DAY + timedelta(days=60), 1), (DAY + timedelta(days=30), 2)])
def test_studies_around_a_day_of_the_key_table_belong(site: Site, pacs: DemoPacs, late, start: date, studies) -> None:
    choose(site, start.isoformat(), days={"column": "start_date", "before": 30, "after": 30})
    (one,) = plan_run(site.ws, TRIAL).subjects
    assert (one.studies, one.held) == (studies, ())


@pytest.mark.parametrize(("after", "studies"), [(59, 1), (60, 2)])
def test_both_ends_of_the_window_belong(site: Site, pacs: DemoPacs, late, after, studies) -> None:
    choose(site, DAY.isoformat(), days={"column": "start_date", "after": after})
    assert plan_run(site.ws, TRIAL).subjects[0].studies == studies


@pytest.mark.parametrize("cell", ["", "soon"])
def test_without_a_day_in_the_key_table_a_person_decides(site: Site, pacs: DemoPacs, cell) -> None:
    choose(site, cell, days={"column": "start_date", "before": 30})
    (one,) = plan_run(site.ws, TRIAL).subjects
    assert one.studies == 0
    assert one.held == ("source.select.days: the key table names no one day in column start_date",)


@pytest.mark.parametrize(
    ("patterns", "studies"), [("control*", 1), (["*THORAX"], 1), ("control", 0), (["c?ntrol*", "*"], 2)]
)
def test_studies_whose_description_matches_belong(site: Site, pacs: DemoPacs, late, patterns, studies) -> None:
    choose(site, description=patterns)
    assert plan_run(site.ws, TRIAL, subjects=["LA-001"]).subjects[0].studies == studies


def test_only_what_is_selected_is_fetched_and_the_rest_is_not_wanted_by_that_rule(
    site: Site, pacs: DemoPacs, late
) -> None:
    choose(site, description="control*")
    site.enrol({"patient_id": LUCZYNSKA.patient_id, "subject_key": "LA-001"})
    retrieve(site.ws, TRIAL)
    assert site.in_state(InstanceState.STAGED) == site.staging_uids(late)
    pushed = study(LUCZYNSKA, when=DAY + timedelta(days=90), **SMALL)
    for ds in pushed:
        stage_part10(site.ws, part10(ds), source="push:SCANNER")
    found = filtered(site)
    assert (found.accepted, found.not_wanted, found.held) == (len(late), len(pushed), 0)
    assert dict(found.reasons) == {"source.select.description: no pattern matches": len(pushed)}
    (line,) = balance(site.ws.vault, TRIAL, ["LA-001"], modalities=MODALITIES)
    assert (line.accepted, line.not_wanted) == (len(late), len(pushed))


def test_a_study_is_one_whatever_some_of_its_objects_are_called(site: Site, pacs: DemoPacs, late) -> None:
    choose(site, description="control*")
    site.enrol({"patient_id": LUCZYNSKA.patient_id, "subject_key": "LA-001"})
    objects = study(LUCZYNSKA, when=DAY + timedelta(days=90), **SMALL)
    objects[0].StudyDescription, objects[1].StudyDescription = "Control", ""
    for ds in objects:
        stage_part10(site.ws, part10(ds), source="push:SCANNER")
    assert filtered(site).accepted == 2


def test_linked_studies_come_in_the_same_run(site: Site, pacs: DemoPacs, late) -> None:
    """Plan and structures were filed in a study of their own, which refers to the slices of another."""
    moved = move_to_new_study(pacs, {"RTSTRUCT", "RTPLAN", "RTDOSE"})
    everything = wanted(pacs, LUCZYNSKA.patient_id)
    choose(site, description="planning of another day")
    site.enrol({"patient_id": LUCZYNSKA.patient_id, "subject_key": "LA-001"})
    retrieve(site.ws, TRIAL)
    assert site.in_state(InstanceState.STAGED) == site.staging_uids(moved)
    choose(site, description="planning of another day", linked=True)
    retrieve(site.ws, TRIAL)
    assert site.in_state(InstanceState.STAGED) == site.staging_uids(everything - late)
    found = filtered(site)
    assert (found.accepted, found.held) == (len(everything - late), 0)


def move_to_new_study(pacs: DemoPacs, modalities: set[str]) -> set[str]:
    moved = set()
    for one in pacs.index.instances():
        if one.uid("PATIENT") != LUCZYNSKA.patient_id or one.header.Modality not in modalities:
            continue
        ds: FileDataset = pydicom.dcmread(one.path)
        ds.StudyInstanceUID, ds.StudyDescription = "1.2.826.0.1.3680043.8.498.77", "Planning of another day"
        path = Path(one.path)
        ds.save_as(path)
        pacs.index.add(path)
        moved.add(str(ds.SOPInstanceUID))
    return moved
