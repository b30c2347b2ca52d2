import logging
from datetime import date, timedelta

import pydicom
import pytest
from sqlalchemy import func, select

from pacs2trial.collect import PackageMade, collect_subject
from pacs2trial.errors import HeldError, InputError, PermanentError, TransientError
from pacs2trial.filtering.filter import filter_subject
from pacs2trial.keytable import enrolled
from pacs2trial.retrieve.plan import plan_run
from pacs2trial.retrieve.runs import load_run
from pacs2trial.retrieve.settle import retrieve
from pacs2trial.vault.tables import Instance, InstanceState, Pin, Run, RunStudy
from pacs2trial_demo.generate import study
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from pacs2trial_demo.pacs import DemoPacs
from support.sites import DAY, TRIAL, Site, add_new, objects_of, wanted


def count(site: Site, table) -> int:
    with site.ws.vault.session(read_only=True) as session:
        return session.scalar(select(func.count()).select_from(table))


def test_everything_wanted_is_expected_and_nothing_else(site: Site, pacs: DemoPacs):
    plan = plan_run(site.ws, TRIAL)
    assert site.in_state(InstanceState.EXPECTED) == site.staging_uids(wanted(pacs))
    assert set(site.ledger().values()) == {InstanceState.EXPECTED}
    assert {one.subject_key: one.expected for one in plan.subjects} == {
        "LA-001": len(wanted(pacs, LUCZYNSKA.patient_id)),
        "LA-002": len(wanted(pacs, OXENBARGER.patient_id)),
    }
    assert all(one.missing == one.expected and one.studies == 1 and not one.held for one in plan.subjects)


def test_only_the_named_subjects_are_asked_for(site: Site, pacs: DemoPacs):
    plan = plan_run(site.ws, TRIAL, subjects=["LA-002"])
    assert [one.subject_key for one in plan.subjects] == ["LA-002"]
    assert set(site.ledger()) == site.staging_uids(wanted(pacs, OXENBARGER.patient_id))


def test_an_unknown_subject_is_refused_before_anything_is_asked(site: Site, pacs: DemoPacs):
    with pytest.raises(InputError, match="LA-999"):
        plan_run(site.ws, TRIAL, subjects=["LA-999"])
    assert not pacs.requests


@pytest.mark.parametrize(("shift", "found"), [(-1, 0), (0, 1), (1, 0)])
def test_the_window_is_of_study_dates_and_inclusive(site: Site, pacs: DemoPacs, shift, found):
    day = DAY + timedelta(days=shift)
    plan = plan_run(site.ws, TRIAL, date_from=day, date_to=day)
    assert [one.studies for one in plan.subjects] == [found, found]


def test_a_dry_run_counts_and_leaves_nothing(site: Site, pacs: DemoPacs):
    plan = plan_run(site.ws, TRIAL, dry_run=True)
    assert sum(one.missing for one in plan.subjects) == len(wanted(pacs))
    assert (plan.dry_run, plan.run_key) == (True, "")
    assert [count(site, table) for table in (Instance, Run, RunStudy)] == [0, 0, 0]


def test_a_second_plan_announces_the_same_instances(site: Site, pacs: DemoPacs):
    plan_run(site.ws, TRIAL)
    before = site.ledger()
    plan_run(site.ws, TRIAL)
    assert site.ledger() == before


def test_a_pacs_that_lies_about_numbers_changes_no_set(site: Site, pacs: DemoPacs):
    pacs.faults.surplus = 7
    plan_run(site.ws, TRIAL)
    assert set(site.ledger()) == site.staging_uids(wanted(pacs))


def test_a_refused_association_is_permanent_and_plans_nothing(site: Site, pacs: DemoPacs):
    pacs.faults.refuse_associations = True
    with pytest.raises(PermanentError, match="rejected the association"):
        plan_run(site.ws, TRIAL)
    assert (count(site, Run), count(site, Instance)) == (0, 0)


def test_a_wrong_ae_title_is_named(site: Site, pacs: DemoPacs):
    site.connect("WRONG", pacs.port)
    with pytest.raises(PermanentError, match=r"called AE title not recognized.*WRONG"):
        plan_run(site.ws, TRIAL)


@pytest.mark.parametrize("after", [0, 1, 3])
def test_a_find_that_breaks_off_plans_nothing(site: Site, pacs: DemoPacs, after):
    pacs.faults.abort_find_after = after
    with pytest.raises(TransientError, match="broke off during C-FIND"):
        plan_run(site.ws, TRIAL)
    assert count(site, Run) == 0


def test_a_pacs_short_of_resources_is_transient(site: Site, pacs: DemoPacs):
    pacs.faults.find_status = 0xA700
    with pytest.raises(TransientError, match="out of resources"):
        plan_run(site.ws, TRIAL)


def test_a_trial_without_key_table_says_how_to_import_one(site: Site, pacs: DemoPacs):
    with pytest.raises(InputError, match="keys import PELVIC"):
        plan_run(site.ws, "PELVIC")


def test_an_unknown_connection_says_where_to_add_it(site: Site):
    with pytest.raises(InputError, match="AIRFLOW_CONN_MAIN"):
        plan_run(site.ws, TRIAL)


def enrol_visits(site: Site, *windows: tuple[str, str], accession: str = "") -> None:
    site.enrol(
        *(
            {
                "patient_id": LUCZYNSKA.patient_id,
                "subject_key": "LA-001",
                "study_date_from": first,
                "study_date_to": last,
                "accession_number": accession,
            }
            for first, last in windows
        )
    )


def test_a_visit_lets_in_the_studies_of_its_days(site: Site, pacs: DemoPacs):
    enrol_visits(site, ("2024-03-01", "2024-03-31"))
    (one,) = plan_run(site.ws, TRIAL).subjects
    assert (one.studies, one.held) == (1, ())


def test_a_study_of_no_visit_is_no_part_of_the_trial(site: Site, pacs: DemoPacs):
    enrol_visits(site, ("2024-04-01", ""))
    (one,) = plan_run(site.ws, TRIAL).subjects
    assert (one.studies, one.expected, one.held) == (0, 0, ())
    assert site.ledger() == {}


def test_a_study_of_two_visits_waits_for_a_person(site: Site, pacs: DemoPacs):
    enrol_visits(site, ("2024-03-01", "2024-03-31"), ("2024-03-10", "2024-04-30"))
    (one,) = plan_run(site.ws, TRIAL).subjects
    assert (one.studies, len(one.held)) == (0, 1)
    assert "two rows of the key table" in one.held[0]


def test_a_study_in_doubt_keeps_its_subject_from_being_collected_until_the_key_table_is_corrected(
    site: Site, pacs: DemoPacs
):
    def collect() -> list[PackageMade]:
        retrieve(site.ws, TRIAL)
        (subject,) = enrolled(site.ws.vault, TRIAL)
        filter_subject(site.ws, site.ws.definition(TRIAL), subject)
        return collect_subject(site.ws, site.ws.definition(TRIAL), subject)

    new = study(LUCZYNSKA, when=DAY + timedelta(days=5), parts={"CT"}, slices=1)
    add_new(pacs, new)
    enrol_visits(site, ("2024-03-01", "2024-03-31"), ("2024-03-15", "2024-04-30"))
    with pytest.raises(HeldError, match=r"1 studies held .*two rows of the key table"):
        collect()
    enrol_visits(site, ("2024-03-01", "2024-03-14"), ("2024-03-15", "2024-04-30"))
    (package,) = collect()
    assert package.instances == len(wanted(pacs, LUCZYNSKA.patient_id))


def test_a_visit_is_found_by_its_accession_number(site: Site, pacs: DemoPacs):
    enrol_visits(site, ("", ""), accession=LUCZYNSKA.accession_number(DAY))
    assert plan_run(site.ws, TRIAL).subjects[0].studies == 1
    enrol_visits(site, ("", ""), accession="ANOTHER-1")
    assert plan_run(site.ws, TRIAL).subjects[0].studies == 0


def copy_as(pacs: DemoPacs, **elements: str) -> None:
    """Put a changed copy of one object of the first patient into the PACS."""
    source = next(one for one in objects_of(pacs, LUCZYNSKA.patient_id) if one.header.Modality == "CT")
    changed = pydicom.dcmread(source.path)
    for keyword, value in elements.items():
        setattr(changed, keyword, value)
    changed.file_meta.MediaStorageSOPInstanceUID = changed.SOPInstanceUID
    path = pacs.folder / "changed.dcm"
    changed.save_as(path, enforce_file_format=True)
    pacs.index.add(path)


def test_a_study_of_two_patient_ids_waits_for_a_person(site: Site, pacs: DemoPacs):
    copy_as(pacs, PatientID=OXENBARGER.patient_id, SOPInstanceUID="1.2.3.4", SeriesInstanceUID="1.2.3.5")
    first, second = plan_run(site.ws, TRIAL).subjects
    assert (first.studies, second.studies) == (0, 1)
    assert "two patient IDs" in first.held[0]
    assert "two patient IDs" in second.held[0]


def test_a_study_that_changed_its_patient_id_at_the_pacs_waits_for_a_person(site: Site, pacs: DemoPacs):
    plan_run(site.ws, TRIAL)
    before = site.ledger()
    for number, one in enumerate(objects_of(pacs, LUCZYNSKA.patient_id)):
        moved = pydicom.dcmread(one.path)
        moved.PatientID = OXENBARGER.patient_id
        path = pacs.folder / f"moved{number}.dcm"
        moved.save_as(path)
        pacs.index.add(path)
    first, second = plan_run(site.ws, TRIAL).subjects
    assert (first.studies, second.studies, len(second.held)) == (0, 1, 1)
    assert site.ledger() == before


@pytest.mark.parametrize(
    ("ours", "theirs", "studies", "held"), [("HOSP", "HOSP", 1, 0), ("HOSP", "OTHER", 0, 0), ("", "OTHER", 0, 1)]
)
def test_a_study_of_another_issuer_is_another_patients(site: Site, pacs: DemoPacs, ours, theirs, studies, held):
    for one in objects_of(pacs, LUCZYNSKA.patient_id):
        one.header.IssuerOfPatientID = theirs
    site.enrol({"patient_id": LUCZYNSKA.patient_id, "subject_key": "LA-001", "issuer": ours})
    (one,) = plan_run(site.ws, TRIAL).subjects
    assert (one.studies, len(one.held)) == (studies, held)


def test_the_studies_of_an_alias_belong_to_the_subject(site: Site, pacs: DemoPacs):
    site.enrol(
        {"patient_id": LUCZYNSKA.patient_id, "subject_key": "LA-001", "alias": ""},
        {"patient_id": OXENBARGER.patient_id, "subject_key": "LA-001", "alias": "yes"},
    )
    (one,) = plan_run(site.ws, TRIAL).subjects
    assert (one.studies, one.expected) == (2, len(wanted(pacs)))


def test_a_run_keeps_the_definition_that_it_was_planned_with(site: Site, pacs: DemoPacs):
    before = site.ws.definition(TRIAL)
    plan = plan_run(site.ws, TRIAL, date_from=DAY)
    site.define(modalities=["MR"], sponsor="Another")
    run = load_run(site.ws, plan.run_key)
    assert run.definition == before
    assert (run.trial, run.date_from, run.date_to) == (TRIAL, DAY, None)


def test_two_runs_of_the_same_definition_pin_it_once(site: Site, pacs: DemoPacs):
    runs = [load_run(site.ws, plan_run(site.ws, TRIAL).run_key) for _ in range(2)]
    assert runs[0].key != runs[1].key
    assert runs[0].staging_plan == runs[1].staging_plan
    with site.ws.vault.session(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(Pin).where(Pin.kind == "definition")) == 1


def test_an_unknown_run_is_bad_input(site: Site):
    with pytest.raises(InputError, match="'nonsense' is unknown"):
        load_run(site.ws, "nonsense")


def test_no_identity_is_logged_while_planning(site: Site, pacs: DemoPacs, caplog):
    caplog.set_level(logging.DEBUG)
    copy_as(pacs, PatientID=OXENBARGER.patient_id, SOPInstanceUID="1.2.3.4", SeriesInstanceUID="1.2.3.5")
    plan_run(site.ws, TRIAL)
    assert "LA-001" in caplog.text
    for identity in (LUCZYNSKA, OXENBARGER):
        for value in (identity.patient_id, identity.family, identity.accession):
            assert value.lower() not in caplog.text.lower()
    assert not [
        uid for one in pacs.index.instances() for uid in (one.uid("STUDY"), one.uid("IMAGE")) if uid in caplog.text
    ]


def test_a_patient_with_a_second_study_has_both(site: Site, pacs: DemoPacs):
    add_new(pacs, study(LUCZYNSKA, when=date(2024, 5, 2), parts={"CT"}, slices=2, matrix=64))
    assert plan_run(site.ws, TRIAL).subjects[0].studies == 2
