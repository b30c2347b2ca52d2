"""Hours of a PACS, and how many transfers it bears at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from pacs2trial.errors import ClosedError, TransientError
from pacs2trial.network.suboperations import never
from pacs2trial.network.webpeer import node
from pacs2trial.retrieve.fetch import fetch
from pacs2trial.retrieve.outstanding import asked_instances
from pacs2trial.retrieve.plan import plan_run
from pacs2trial.retrieve.requests import Level, requests
from pacs2trial.retrieve.runs import load_run
from pacs2trial.retrieve.turn import place
from pacs2trial.retrieve.ways import most_at_once
from pacs2trial.vault.tables import InstanceState
from pacs2trial_demo.identities import LUCZYNSKA
from pacs2trial_demo.pacs import DemoPacs
from support.sites import TRIAL, Site, wanted

NOON, NIGHT = datetime(2026, 11, 23, 12, tzinfo=UTC), datetime(2026, 11, 23, 23, tzinfo=UTC)


def transfers(pacs: DemoPacs) -> int:
    return len([one for one in pacs.requests if one.service == "C-MOVE"])


def limited(site: Site, pacs: DemoPacs, **extra: object) -> str:
    """The PACS connected with those limits, and the key of a run that is planned."""
    site.connect(pacs.aet, pacs.port, **extra)
    return plan_run(site.ws, TRIAL, subjects=["LA-001"]).run_key


def test_by_day_nothing_is_asked_for_and_the_error_says_when_it_may_be(site: Site, pacs: DemoPacs) -> None:
    run_key = limited(site, pacs, hours="20:00-06:00")
    with pytest.raises(ClosedError, match=r"it may from Monday 2026-11-23 20:00 \(UTC\) on") as closed:
        fetch(site.ws, run_key, ["LA-001"], clock=lambda: NOON)
    assert closed.value.opens == NOON.replace(hour=20)
    assert transfers(pacs) == 0


@pytest.mark.parametrize("way", [{"clock": lambda: NIGHT}, {"clock": lambda: NOON, "at_any_hour": True}])
def test_by_night_or_when_a_person_says_so_everything_comes(site: Site, pacs: DemoPacs, way) -> None:
    run_key = limited(site, pacs, hours="20:00-06:00")
    report = fetch(site.ws, run_key, ["LA-001"], **way)
    assert report.asked == report.arrived == len(wanted(pacs, LUCZYNSKA.patient_id))


def test_when_the_night_ends_the_transfer_stops_and_the_next_night_brings_the_rest(site: Site, pacs: DemoPacs) -> None:
    run_key = limited(site, pacs, hours="20:00-06:00")
    pacs.faults.delay = 0.3

    def ending() -> datetime:
        """It is morning as soon as the first object is staged."""
        came = site.in_state(InstanceState.STAGED)
        return NIGHT + timedelta(hours=8) if came else NIGHT

    with pytest.raises(ClosedError, match="Tuesday 2026-11-24 20:00"):
        fetch(site.ws, run_key, ["LA-001"], clock=ending)
    first = site.in_state(InstanceState.STAGED)
    assert 0 < len(first) < len(wanted(pacs, LUCZYNSKA.patient_id))
    pacs.faults.delay = 0
    fetch(site.ws, run_key, ["LA-001"], clock=lambda: NIGHT)
    assert site.in_state(InstanceState.STAGED) == site.staging_uids(wanted(pacs, LUCZYNSKA.patient_id))


def test_who_has_everything_does_not_wait_for_the_night(site: Site, pacs: DemoPacs) -> None:
    run_key = limited(site, pacs, hours="20:00-06:00")
    fetch(site.ws, run_key, ["LA-001"], clock=lambda: NIGHT)
    assert fetch(site.ws, run_key, ["LA-001"], clock=lambda: NOON).asked == 0


def test_no_more_transfers_run_at_once_than_the_connection_allows(site: Site, pacs: DemoPacs) -> None:
    site.connect(pacs.aet, pacs.port, rate={"associations": 2}, transfer_timeout=1)
    main = node(site.ws.connections, "main", site.ws.settings)
    two = place(site.ws, main, never), place(site.ws, main, never)
    with two[0], two[1], pytest.raises(TransientError, match="all 2 transfers"), place(site.ws, main, never):
        pass
    with place(site.ws, main, never):
        pass


def test_by_c_move_one_request_asks_for_no_more_than_the_share_of_a_minute(site: Site, pacs: DemoPacs) -> None:
    run = load_run(site.ws, limited(site, pacs, rate={"instances_per_minute": 2.5}))
    main = node(site.ws.connections, "main", site.ws.settings)
    asked = asked_instances(site.ws.vault, run, ["LA-001"])
    assert most_at_once(main, site.ws.definition(TRIAL)) == 2
    chosen = requests(site.ws.vault, asked, purpose="test", level=Level.STUDY, at_most=2)
    assert sum(one.expected for one in chosen) == len(asked)
    assert max(one.expected for one in chosen) == 2
    assert max(one.expected for one in requests(site.ws.vault, asked, purpose="test", level=Level.SERIES)) > 2
