import logging
import threading
import time

import pytest

from pacs2trial.errors import BalanceError, TransientError
from pacs2trial.retrieve.fetch import fetch
from pacs2trial.retrieve.plan import plan_run
from pacs2trial.retrieve.settle import retrieve, settle
from pacs2trial.vault.tables import InstanceState
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from pacs2trial_demo.pacs import DemoPacs
from support.sites import TRIAL, Site, wanted

BOTH = ["LA-001", "LA-002"]


def test_the_whole_pull_ends_in_a_balance_of_equal_sets(site: Site, pacs: DemoPacs, each_way: str):
    balances = {one.subject_key: one for one in retrieve(site.ws, TRIAL)}
    assert site.in_state(InstanceState.STAGED) == site.staging_uids(wanted(pacs))
    for key, identity in (("LA-001", LUCZYNSKA), ("LA-002", OXENBARGER)):
        expected = len(wanted(pacs, identity.patient_id))
        assert (balances[key].expected, balances[key].staged, balances[key].waiting) == (expected, expected, 0)
        assert balances[key].settled()


def lose_one(site: Site, pacs: DemoPacs) -> tuple[str, str]:
    """Plan and fetch while the PACS passes over one instance: the run, and the original UID."""
    lost = sorted(wanted(pacs, LUCZYNSKA.patient_id))[0]
    pacs.faults.dropped.add(lost)
    plan = plan_run(site.ws, TRIAL)
    try:
        fetch(site.ws, plan.run_key, BOTH)
    except TransientError as error:
        assert "busy" in str(error)
    return plan.run_key, lost


def test_what_never_came_is_missing_and_the_balance_says_whose(site: Site, pacs: DemoPacs):
    run_key, lost = lose_one(site, pacs)
    expected = len(wanted(pacs, LUCZYNSKA.patient_id))
    with pytest.raises(
        BalanceError, match=f"LA-001: of {expected} expected instances 1 are missing and 0 failed"
    ) as caught:
        settle(site.ws, run_key, BOTH, timeout=0.5)
    assert "LA-002" not in str(caught.value)
    assert lost not in str(caught.value)
    assert site.in_state(InstanceState.MISSING) == site.staging_uids([lost])


def test_a_subject_without_gap_settles_though_another_has_one(site: Site, pacs: DemoPacs):
    run_key, _ = lose_one(site, pacs)
    (balance,) = settle(site.ws, run_key, ["LA-002"], timeout=0.5)
    assert balance.settled()
    assert site.in_state(InstanceState.MISSING) == set()


def test_what_was_missing_is_fetched_when_the_pacs_has_it_again(site: Site, pacs: DemoPacs):
    run_key, _ = lose_one(site, pacs)
    with pytest.raises(BalanceError):
        settle(site.ws, run_key, BOTH, timeout=0.5)
    pacs.faults.dropped.clear()
    assert all(one.settled() and not one.missing for one in retrieve(site.ws, TRIAL))
    assert site.in_state(InstanceState.STAGED) == site.staging_uids(wanted(pacs))


def test_instances_that_come_late_are_waited_for(site: Site, pacs: DemoPacs):
    plan = plan_run(site.ws, TRIAL)
    pacs.faults.delay = 0.2
    transfer = threading.Thread(target=fetch, args=(site.ws, plan.run_key, BOTH))
    transfer.start()
    balances = settle(site.ws, plan.run_key, BOTH, timeout=5)
    transfer.join()
    assert sum(one.staged for one in balances) == len(wanted(pacs))


def test_the_time_limit_counts_from_the_last_arrival(site: Site, pacs: DemoPacs):
    plan = plan_run(site.ws, TRIAL)
    began = time.monotonic()
    with pytest.raises(BalanceError):
        settle(site.ws, plan.run_key, BOTH, timeout=1)
    assert 1 <= time.monotonic() - began < 30
    assert site.in_state(InstanceState.EXPECTED) == set()


def test_nothing_asked_is_settled_at_once(site: Site, pacs: DemoPacs):
    plan = plan_run(site.ws, TRIAL, subjects=["LA-001"])
    began = time.monotonic()
    (balance,) = settle(site.ws, plan.run_key, ["LA-002"], timeout=30)
    assert balance.expected == 0
    assert time.monotonic() - began < 25


def test_a_patient_who_is_not_enrolled_is_never_staged(site: Site, pacs: DemoPacs):
    site.enrol({"patient_id": LUCZYNSKA.patient_id, "subject_key": "LA-001"})
    retrieve(site.ws, TRIAL)
    assert set(site.ledger()) == site.staging_uids(wanted(pacs, LUCZYNSKA.patient_id))


def test_no_identity_is_logged_by_a_pull_with_faults(site: Site, pacs: DemoPacs, caplog, each_way: str):
    caplog.set_level(logging.DEBUG)
    run_key, _ = lose_one(site, pacs)
    with pytest.raises(BalanceError) as caught:
        settle(site.ws, run_key, BOTH, timeout=0.5)
    said = (caplog.text + str(caught.value)).lower()
    assert "la-001" in said
    for identity in (LUCZYNSKA, OXENBARGER):
        for value in (identity.patient_id, identity.family, identity.accession):
            assert value.lower() not in said
    originals = {one.uid(level) for one in pacs.index.instances() for level in ("STUDY", "SERIES", "IMAGE")}
    assert not [uid for uid in originals if uid in said]
