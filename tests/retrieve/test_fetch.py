from datetime import date

import pytest
from sqlalchemy import delete

from pacs2trial.errors import PermanentError, TransientError
from pacs2trial.retrieve.fetch import fetch
from pacs2trial.retrieve.plan import plan_run
from pacs2trial.vault.tables import Instance, InstanceState, StagedVersion
from pacs2trial_demo.generate import study
from pacs2trial_demo.identities import LUCZYNSKA
from pacs2trial_demo.pacs import DemoPacs
from support.sites import DAY, MODALITIES, TRIAL, Site, add_new, wanted

BOTH = ["LA-001", "LA-002"]


def transfers(pacs: DemoPacs) -> list[str]:
    """The level of every C-MOVE and C-GET that the PACS got."""
    return [one.level for one in pacs.requests if one.service in {"C-MOVE", "C-GET"}]


def test_everything_wanted_is_staged(site: Site, pacs: DemoPacs, each_way: str):
    plan = plan_run(site.ws, TRIAL)
    report = fetch(site.ws, plan.run_key, BOTH)
    assert site.in_state(InstanceState.STAGED) == site.staging_uids(wanted(pacs))
    assert set(site.ledger().values()) == {InstanceState.STAGED}
    assert report.asked == report.arrived == len(wanted(pacs)) == len(site.staged_files())
    assert {one.service for one in pacs.requests} == {"C-FIND", each_way.upper()}
    assert set(transfers(pacs)) == {"SERIES"}


def test_what_is_staged_is_not_asked_for_again(site: Site, pacs: DemoPacs, each_way: str):
    fetch(site.ws, plan_run(site.ws, TRIAL).run_key, BOTH)
    pacs.requests.clear()
    plan = plan_run(site.ws, TRIAL)
    assert [one.missing for one in plan.subjects] == [0, 0]
    assert fetch(site.ws, plan.run_key, BOTH).asked == 0
    assert transfers(pacs) == []


def test_a_late_series_is_picked_up_by_the_next_run(site: Site, pacs: DemoPacs):
    site.define(modalities=[*MODALITIES, "MR"])
    fetch(site.ws, plan_run(site.ws, TRIAL).run_key, BOTH)
    late = add_new(pacs, study(LUCZYNSKA, when=DAY, parts={"MR"}))
    pacs.requests.clear()
    plan = plan_run(site.ws, TRIAL)
    assert [one.missing for one in plan.subjects] == [len(late), 0]
    fetch(site.ws, plan.run_key, BOTH)
    assert site.in_state(InstanceState.STAGED) == site.staging_uids(wanted(pacs) | late)
    assert transfers(pacs) == ["SERIES"]


def test_of_a_series_that_has_grown_only_the_new_instances_are_asked_for(site: Site, pacs: DemoPacs):
    fetch(site.ws, plan_run(site.ws, TRIAL).run_key, BOTH)
    new = add_new(pacs, study(LUCZYNSKA, when=DAY, parts={"CT"}, slices=5, matrix=64))
    pacs.requests.clear()
    fetch(site.ws, plan_run(site.ws, TRIAL).run_key, BOTH)
    (request,) = [one for one in pacs.requests if one.service == "C-MOVE"]
    assert (request.level, {request.identifier.SOPInstanceUID}) == ("IMAGE", new)


def test_failed_sub_operations_are_asked_for_once_more_by_instance(site: Site, pacs: DemoPacs, each_way: str):
    pacs.faults.fail_suboperations = 2
    plan = plan_run(site.ws, TRIAL)
    fetch(site.ws, plan.run_key, ["LA-001"])
    assert site.in_state(InstanceState.STAGED) == site.staging_uids(wanted(pacs, LUCZYNSKA.patient_id))
    again = [one for one in pacs.requests if one.level == "IMAGE" and one.service == each_way.upper()]
    named = [uid for one in again for uid in _values(one.identifier["SOPInstanceUID"])]
    assert len(named) == 2


def _values(element):
    return [element.value] if element.VM == 1 else list(element.value)


def test_a_busy_pacs_is_asked_twice_and_then_left_to_airflow(site: Site, pacs: DemoPacs, each_way: str):
    plan = plan_run(site.ws, TRIAL, subjects=["LA-001"])
    pacs.faults.no_suboperations = True
    pacs.requests.clear()
    with pytest.raises(TransientError, match=r"0 of \d+ instances came.*busy"):
        fetch(site.ws, plan.run_key, ["LA-001"])
    series, instances = transfers(pacs).count("SERIES"), transfers(pacs).count("IMAGE")
    assert series == instances > 0
    pacs.faults.no_suboperations = False
    fetch(site.ws, plan.run_key, ["LA-001"])
    assert site.in_state(InstanceState.STAGED) == site.staging_uids(wanted(pacs, LUCZYNSKA.patient_id))


def test_an_instance_that_the_pacs_passes_over_stays_expected(site: Site, pacs: DemoPacs, each_way: str):
    lost = sorted(wanted(pacs, LUCZYNSKA.patient_id))[0]
    pacs.faults.dropped.add(lost)
    plan = plan_run(site.ws, TRIAL)
    report = _fetched(site, plan.run_key)
    assert site.in_state(InstanceState.EXPECTED) == site.staging_uids([lost])
    assert report is None or report.asked - report.arrived == 1


def _fetched(site, run_key):
    """The report; None when the PACS answered the request for the lost instance alone with 'sent nothing'."""
    try:
        return fetch(site.ws, run_key, BOTH)
    except TransientError:
        return None


def test_an_unknown_move_destination_is_permanent_and_says_what_to_register(site: Site, pacs: DemoPacs):
    pacs.destinations.clear()
    plan = plan_run(site.ws, TRIAL)
    with pytest.raises(PermanentError, match="register the AE title 'PACS2TRIAL'"):
        fetch(site.ws, plan.run_key, BOTH)


def test_a_pacs_that_is_gone_is_transient_and_asked_once(site: Site, pacs: DemoPacs):
    plan = plan_run(site.ws, TRIAL)
    pacs.stop()
    with pytest.raises(TransientError, match="connection refused"):
        fetch(site.ws, plan.run_key, BOTH)


def test_only_the_subjects_of_the_batch_are_fetched(site: Site, pacs: DemoPacs):
    fetch(site.ws, plan_run(site.ws, TRIAL).run_key, ["LA-001"])
    assert site.in_state(InstanceState.STAGED) == site.staging_uids(wanted(pacs, LUCZYNSKA.patient_id))


def test_a_run_fetches_only_the_studies_of_its_window(site: Site, pacs: DemoPacs):
    plan_run(site.ws, TRIAL)
    add_new(pacs, study(LUCZYNSKA, when=date(2024, 5, 2), parts={"CT"}, slices=2, matrix=64))
    plan = plan_run(site.ws, TRIAL, date_from=date(2024, 5, 1))
    assert fetch(site.ws, plan.run_key, BOTH).arrived == 2
    assert len(site.in_state(InstanceState.STAGED)) == 2


def test_a_series_whose_modality_the_pacs_does_not_tell_is_asked_for(site: Site, pacs: DemoPacs):
    everything = wanted(pacs)
    for one in pacs.index.instances():
        if one.header.Modality == "RTPLAN":
            one.header.Modality = ""
    fetch(site.ws, plan_run(site.ws, TRIAL).run_key, BOTH)
    assert site.in_state(InstanceState.STAGED) == site.staging_uids(everything)


def test_progress_is_told_in_numbers_that_rise_to_the_whole(site: Site, pacs: DemoPacs):
    told = []
    fetch(site.ws, plan_run(site.ws, TRIAL).run_key, BOTH, progress=lambda done, total: told.append((done, total)))
    assert told == sorted(told)
    assert told[-1] == (len(wanted(pacs)), len(wanted(pacs)))


def test_a_cancelled_fetch_asks_for_nothing_more(site: Site, pacs: DemoPacs, each_way: str):
    plan = plan_run(site.ws, TRIAL)
    pacs.requests.clear()
    report = fetch(site.ws, plan.run_key, BOTH, cancelled=lambda: bool(transfers(pacs)))
    assert report.cancelled
    assert len(transfers(pacs)) == 1


def test_two_runs_do_not_work_on_one_subject_at_once(site: Site, pacs: DemoPacs):
    plan = plan_run(site.ws, TRIAL)
    pacs.requests.clear()
    with site.ws.vault.lock(f"{TRIAL}/LA-001"), pytest.raises(TransientError):
        fetch(site.ws, plan.run_key, ["LA-001"])
    assert transfers(pacs) == []


def test_both_ways_stage_the_same_bytes(site: Site, pacs: DemoPacs):
    fetch(site.ws, plan_run(site.ws, TRIAL).run_key, BOTH)
    moved = {path: path.read_bytes() for path in site.staged_files()}
    for path in moved:
        path.unlink()
    site.define(retrieve="c-get")
    _forget_instances(site)
    fetch(site.ws, plan_run(site.ws, TRIAL).run_key, BOTH)
    assert {path: path.read_bytes() for path in site.staged_files()} == moved


def _forget_instances(site: Site) -> None:
    with site.ws.vault.session() as session:
        session.execute(delete(StagedVersion))
        session.execute(delete(Instance))
