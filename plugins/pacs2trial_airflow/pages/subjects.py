"""One subject of a trial, or one patient of staging: studies, packages, what is held."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from pacs2trial.errors import InputError
from pacs2trial.holdings.ledger import Narrowing
from pacs2trial.holdings.levels import Level
from pacs2trial.holdings.lists import Line, lines
from pacs2trial.holdings.packages import held_studies, packages
from pacs2trial.holdings.view import View
from pacs2trial.staging.balance import Balance, balance, balance_by_study
from pacs2trial.trials.definition import STAGING
from pacs2trial_airflow.access import entitled
from pacs2trial_airflow.pages.bars import Bars
from pacs2trial_airflow.pages.page import page
from pacs2trial_airflow.scopes import ScopeName, SubjectKey
from pacs2trial_airflow.site import NotFoundError, site
from pacs2trial_airflow.work import in_thread

router = APIRouter(prefix="/trials/{scope}", dependencies=[Depends(entitled)])

MOST_STUDIES = 500


@router.get("/subjects/{key}")
async def subject(request: Request, scope: ScopeName, key: SubjectKey) -> HTMLResponse:
    """The studies of a subject, each with its balance."""

    def found() -> HTMLResponse:
        view = site.view(scope)
        held = lines(view, Level.STUDY, Narrowing(owners=(key,)), limit=MOST_STUDIES)
        if scope == STAGING:
            if not held:
                raise NotFoundError("there is no such patient in staging")
            return page(request, "patient.html", scope=scope, key=key, studies=held)
        modalities = site.definition(scope).source.modalities
        try:
            (whole,) = balance(view.ws.vault, scope, [key], modalities=modalities)
        except InputError as error:
            raise NotFoundError(*error.problems) from None
        of_studies = balance_by_study(view.ws.vault, scope, [key], modalities=modalities)
        return page(
            request,
            "subject.html",
            scope=scope,
            key=key,
            owner=key,
            whole=Bars.of(whole),
            studies=_with_lines(view, of_studies, held),
            packages=packages(view.ws.vault, scope, key),
            doubtful=held_studies(view.ws.vault, scope, key),
        )

    return await in_thread(found)


def _with_lines(view: View, balances: Sequence[Balance], held: Sequence[Line]) -> list[tuple[Bars, Line | None]]:
    """Each study's balance with what can be looked at of it, if there is anything."""
    with view.ws.vault.session(read_only=True) as session:
        staged = view.staged(session, [line.study for line in held])
    by_study = {staged[line.study]: line for line in held}
    return [(Bars.of(one), by_study.get(one.study)) for one in balances]
