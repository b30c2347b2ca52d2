"""What a run of a trial's DAG did, as the tab of a run shows it and as a page to print for the trial's file."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from pacs2trial.holdings.packages import packages_of
from pacs2trial.holdings.runs import RunAccount, run_account
from pacs2trial.review import open_questions
from pacs2trial.staging.balance import Balance, balance
from pacs2trial_airflow.access import DAG_PREFIX, LoggedIn, entitled, is_reviewer
from pacs2trial_airflow.pages.airflow_runs import airflow_run
from pacs2trial_airflow.pages.bars import Bars
from pacs2trial_airflow.pages.desk import back_to
from pacs2trial_airflow.pages.page import page
from pacs2trial_airflow.review_names import REVIEW_PREFIX
from pacs2trial_airflow.site import site
from pacs2trial_airflow.work import in_thread

router = APIRouter()

STATES = {
    "success": "good",
    "running": "ready",
    "queued": "ready",
    "scheduled": "ready",
    "awaiting_input": "wait",
    "deferred": "wait",
    "skipped": "idle",
    "failed": "bad",
    "upstream_failed": "bad",
}
"""Colours of Airflow's states."""


@router.get("/run")
async def run(
    request: Request,
    user: LoggedIn,
    dag_id: Annotated[str, Query(max_length=250)],
    run_id: Annotated[str, Query(max_length=250)],
) -> Response:
    """The accounting of one run; of a review's run what it asked about; for any other DAG a page that says so."""
    trial = dag_id.removeprefix(DAG_PREFIX) if dag_id.startswith(DAG_PREFIX) else ""

    def found() -> Response:
        if dag_id.startswith(REVIEW_PREFIX):
            asking = dag_id.removeprefix(REVIEW_PREFIX)
            entitled(asking, user)
            return back_to(request, f"/trials/{quote(asking)}/reviews?prompt={quote(run_id, safe='')}")
        if not trial:
            return page(request, "no_trial.html")
        entitled(trial, user)
        seen = airflow_run(dag_id, run_id)
        account = run_account(site.ws.vault, seen.run_key) if seen.run_key else None
        balances = _balances(trial, account)
        total = Balance("", **{name: sum(getattr(one, name) for one in balances) for name in _COUNTS})
        return page(
            request,
            "run.html",
            dag_id=dag_id,
            scope=trial,
            run=seen,
            account=account,
            questions=open_questions(site.ws).get(trial, 0),
            reviewer=is_reviewer(user),
            whole=Bars.of(total),
            subjects=[Bars.of(one) for one in balances],
            packages=packages_of(site.ws.vault, trial, [one.subject_key for one in balances]),
            states=STATES,
            printed=datetime.now(UTC),
        )

    return await in_thread(found)


_COUNTS = [name for name in Balance.__dataclass_fields__ if name not in ("subject_key", "study")]


def _balances(trial: str, account: RunAccount | None) -> list[Balance]:
    """The balances of the run's subjects as they are now; withdrawn ones are not among them."""
    if account is None:
        return []
    modalities = site.definition(trial).source.modalities
    every = balance(site.ws.vault, trial, None, modalities=modalities) if account.expected else []
    return [one for one in every if one.subject_key in account.expected]
