"""Settling: waiting until everything expected has arrived, and striking the balance (promise 4)."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from datetime import date

from pacs2trial.errors import BalanceError
from pacs2trial.network.webpeer import node
from pacs2trial.retrieve.fetch import Progress, fetch
from pacs2trial.retrieve.outstanding import asked_instances, counts
from pacs2trial.retrieve.plan import plan_run
from pacs2trial.retrieve.runs import RunInfo, load_run
from pacs2trial.staging.ledger import Balance, balance, record_missing
from pacs2trial.vault.tables import InstanceState
from pacs2trial.workspace import Workspace

_logger = logging.getLogger(__name__)
_POLL = 0.25  # seconds between two looks at the ledger


def settle(ws: Workspace, run_key: str, subject_keys: Sequence[str], *, timeout: float | None = None) -> list[Balance]:
    """Wait until every expected instance of the run has arrived, and strike the balance of each subject.

    Args:
        ws: the site.
        run_key: key of a planned run.
        subject_keys: which of its subjects.
        timeout: seconds without any arrival after which the rest is marked missing; the connection's
            ``settle_timeout`` when absent.

    Raises:
        InputError: unknown run or connection.
        BalanceError: instances are missing or failed; one line for each subject, with counts.
    """
    run = load_run(ws, run_key)
    source = run.definition.source
    patience = node(ws.connections, source.pacs, ws.settings, way=source.retrieve).patience
    limit = patience.settle_timeout if timeout is None else timeout
    overdue = _wait(ws, run, subject_keys, limit, patience.settle_quiet)
    if overdue:
        record_missing(ws.vault, overdue, f"did not arrive: nothing came for {limit:g} s")
    balances = balance(ws.vault, run.trial, subject_keys, modalities=run.definition.source.modalities)
    gaps = [_gap(one) for one in balances if one.missing or one.failed]
    if gaps:
        raise BalanceError("\n".join(gaps))
    return balances


def retrieve(
    ws: Workspace,
    trial: str,
    *,
    subjects: Sequence[str] | None = None,
    date_from: date | None = None,
    date_to: date | None = None,
    progress: Progress | None = None,
    at_any_hour: bool = False,
) -> list[Balance]:
    """Plan, fetch and settle in one go; arguments and errors as :func:`plan_run`, :func:`fetch`, :func:`settle`."""
    plan = plan_run(ws, trial, subjects=subjects, date_from=date_from, date_to=date_to)
    keys = [subject.subject_key for subject in plan.subjects]
    fetch(ws, plan.run_key, keys, progress=progress, at_any_hour=at_any_hour)
    return settle(ws, plan.run_key, keys)


def _wait(ws: Workspace, run: RunInfo, subject_keys: Sequence[str], limit: float, quiet: float) -> list[str]:
    """Wait; returns the SOP instances that are given up, none once all have come and that stayed so for ``quiet`` s."""
    seen = counts(ws.vault, run, subject_keys)
    changed = time.monotonic()
    while True:
        waiting = seen.get(InstanceState.EXPECTED, 0)
        still = time.monotonic() - changed
        if not seen or (not waiting and still >= quiet):
            return []
        if waiting and still >= limit:
            asked = asked_instances(ws.vault, run, subject_keys)
            return [one.sop_instance for one in asked if one.state is InstanceState.EXPECTED]
        time.sleep(_POLL)
        now = counts(ws.vault, run, subject_keys)
        if now != seen:
            seen, changed = now, time.monotonic()


def _gap(one: Balance) -> str:
    return (
        f"{one.subject_key}: of {one.expected} expected instances {one.missing} are missing and {one.failed} failed; "
        "run the retrieval again, and if they stay away ask at the PACS whether it can still send them"
    )
