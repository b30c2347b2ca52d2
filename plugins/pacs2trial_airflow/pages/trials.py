"""All trials that a user may see, each with its balance; one trial with its subjects and its last weeks."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from pacs2trial.holdings.ledger import Narrowing
from pacs2trial.holdings.levels import Level
from pacs2trial.holdings.lists import lines, subjects
from pacs2trial.holdings.progress import progress
from pacs2trial.review import open_questions
from pacs2trial.staging.balance import balance, balance_of_trial
from pacs2trial.trials.definition import STAGING, TrialDefinition
from pacs2trial.trials.load import load_trials
from pacs2trial_airflow.access import LoggedIn, entitled, is_reviewer, may_see
from pacs2trial_airflow.pages.bars import Bars
from pacs2trial_airflow.pages.charts import charts
from pacs2trial_airflow.pages.page import page
from pacs2trial_airflow.pages.paging import SIZE, Offset, Text, paged
from pacs2trial_airflow.scopes import ScopeName
from pacs2trial_airflow.site import site
from pacs2trial_airflow.work import in_thread

router = APIRouter()


@router.get("/")
async def all_trials(request: Request, user: LoggedIn) -> HTMLResponse:
    """The trials, and staging for those who may see it."""

    def found() -> HTMLResponse:
        trials, broken = load_trials(site.ws.settings.trials)
        seen = [definition for name, definition in sorted(trials.items()) if may_see(user, name)]
        names = sorted(path.name for path in broken)
        return page(
            request,
            "trials.html",
            trials=[(definition, _sums(definition)) for definition in seen],
            questions=open_questions(site.ws),
            reviewer=is_reviewer(user),
            unseen=len(trials) - len(seen),
            broken=names,
            staging=may_see(user, STAGING),
        )

    return await in_thread(found)


@router.get("/trials/{scope}", dependencies=[Depends(entitled)])
async def one_trial(
    request: Request,
    user: LoggedIn,
    scope: ScopeName,
    find: Text = "",
    offset: Offset = 0,
    waiting: Literal["", "true"] = "",
) -> HTMLResponse:
    """The subjects of a trial with their balances; for STAGING its patients."""

    def of_staging() -> HTMLResponse:
        patients = paged(lines(site.view(STAGING), Level.PATIENT, Narrowing(), limit=SIZE + 1, offset=offset), offset)
        return page(request, "staging.html", scope=scope, tab="overview", patients=patients)

    def of_trial() -> HTMLResponse:
        definition, vault = site.definition(scope), site.ws.vault
        found = subjects(vault, scope, text=find, waiting=bool(waiting), limit=SIZE + 1, offset=offset)
        keys = paged(found.keys, offset)
        balances = balance(vault, scope, keys.items, modalities=definition.source.modalities)
        return page(
            request,
            "trial.html",
            scope=scope,
            tab="overview",
            definition=definition,
            questions=open_questions(site.ws).get(scope, 0),
            reviewer=is_reviewer(user),
            sums=_sums(definition),
            charts=charts(progress(vault, scope, today=datetime.now(UTC).date())),
            keys=keys,
            total=found.total,
            subjects=[Bars.of(one) for one in balances],
            find=find,
            waiting=waiting,
        )

    return await in_thread(of_staging if scope == STAGING else of_trial)


def _sums(definition: TrialDefinition) -> Bars:
    return Bars.of(balance_of_trial(site.ws.vault, definition.trial, modalities=definition.source.modalities))
