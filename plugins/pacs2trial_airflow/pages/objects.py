"""One object: every attribute as staged and as the trial would get it, and what it says in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from pacs2trial.preview.outcomes import Header, HeaderRow, Outcome
from pacs2trial.trials.definition import STAGING
from pacs2trial_airflow.access import LoggedIn, entitled, may_see
from pacs2trial_airflow.pages.made import headers
from pacs2trial_airflow.pages.page import page
from pacs2trial_airflow.pages.paging import Offset, Text, paged
from pacs2trial_airflow.pages.pool import pool
from pacs2trial_airflow.scopes import Instance, ScopeName, Series, Study

router = APIRouter(
    prefix="/trials/{scope}/studies/{study}/series/{series}/instances/{instance}", dependencies=[Depends(entitled)]
)

KINDS: Final = {
    Outcome.KEPT: "idle",
    Outcome.MAPPED: "ready",
    Outcome.REPLACED: "ready",
    Outcome.EMPTIED: "wait",
    Outcome.REMOVED: "bad",
    Outcome.ADDED: "good",
}
"""Colours of what became of an attribute."""

ROWS: Final = 500


@dataclass(frozen=True)
class Wanted:
    """Which rows a reader asked for: one outcome, private ones, text in name, tag, path or values."""

    outcome: str
    text: str

    def admits(self, row: HeaderRow, *, staged: bool) -> bool:
        asked = row.is_private if self.outcome == "private" else self.outcome in ("", row.outcome)
        if not asked or not self.text:
            return asked
        seen = (row.tag, row.name, row.path, row.final, row.rule, *([row.staged] if staged else []))
        return any(self.text in each.casefold() for each in seen)


@router.get("")
async def one_object(
    request: Request,
    user: LoggedIn,
    scope: ScopeName,
    study: Study,
    series: Series,
    instance: Instance,
    outcome: Literal["", "kept", "mapped", "replaced", "emptied", "removed", "added", "private"] = "",
    find: Text = "",
    offset: Offset = 0,
) -> HTMLResponse:
    """The header, filtered; values of staging only for those who may see staging."""
    uids = (scope, study, series, instance)
    staged = may_see(user, STAGING) and scope != STAGING
    header: Header = await pool.run(headers.header_of_object, *uids)
    said = await pool.run(headers.told_by, *uids)
    wanted = Wanted(outcome, find.strip().casefold())
    rows = [row for row in header.rows if wanted.admits(row, staged=staged)]
    return page(
        request,
        "object.html",
        scope=scope,
        study=study,
        series=series,
        instance=instance,
        owner=said.owner,
        header=header,
        rows=paged(rows[offset:], offset, ROWS),
        number=len(rows),
        outcomes=[(each.value, header.counts[each], KINDS[each]) for each in Outcome],
        kinds=KINDS,
        outcome=outcome,
        find=find,
        staged=staged,
        said=said,
    )
