"""What a run of a DAG did, as the tab of a run shows it and as a page to print."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, status
from fastapi.responses import HTMLResponse

from pacs2trial_airflow.access import DAG_PREFIX, LoggedIn, may_see
from pacs2trial_airflow.pages.page import page
from pacs2trial_airflow.work import in_thread

router = APIRouter()


@router.get("/run")
async def run(
    request: Request,
    user: LoggedIn,
    dag_id: Annotated[str, Query(max_length=250)],
    run_id: Annotated[str, Query(max_length=250)],
) -> HTMLResponse:
    """The accounting of one run."""
    trial = dag_id.removeprefix(DAG_PREFIX) if dag_id.startswith(DAG_PREFIX) else ""

    def found() -> HTMLResponse:
        if trial and not may_see(user, trial):
            raise HTTPException(status.HTTP_403_FORBIDDEN, "you may not see what this trial gets")
        return page(request, "run.html", trial=trial, run_id=run_id)

    return await in_thread(found)
