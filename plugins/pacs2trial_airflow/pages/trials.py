"""All trials that a user may see, each with its balance."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from pacs2trial.trials.definition import STAGING
from pacs2trial.trials.load import load_trials
from pacs2trial_airflow.access import LoggedIn, may_see
from pacs2trial_airflow.pages.page import page
from pacs2trial_airflow.site import site
from pacs2trial_airflow.work import in_thread

router = APIRouter()


@router.get("/")
async def all_trials(request: Request, user: LoggedIn) -> HTMLResponse:
    """The trials, and staging for those who may see it."""

    def found() -> HTMLResponse:
        trials, broken = load_trials(site.ws.settings.trials)
        seen = [definition for name, definition in sorted(trials.items()) if may_see(user, name)]
        return page(request, "trials.html", trials=seen, broken=broken, staging=may_see(user, STAGING))

    return await in_thread(found)
