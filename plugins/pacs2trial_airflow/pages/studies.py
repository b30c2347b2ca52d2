"""All studies of a scope, page by page; one study with its series and the graph of its links."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import HTMLResponse

from pacs2trial.holdings.ledger import Content, Narrowing
from pacs2trial.holdings.levels import Level
from pacs2trial.holdings.lists import Line, in_staging, lines
from pacs2trial.holdings.search import header_of
from pacs2trial.holdings.view import View
from pacs2trial.preview.facts import facts_of_series, facts_of_study
from pacs2trial_airflow.access import entitled
from pacs2trial_airflow.pages.made.held import WITHOUT_IMAGE
from pacs2trial_airflow.pages.made.links import graph_of
from pacs2trial_airflow.pages.page import page
from pacs2trial_airflow.pages.paging import SIZE, Offset, Text, paged
from pacs2trial_airflow.pages.pool import pool
from pacs2trial_airflow.scopes import ScopeName, Study
from pacs2trial_airflow.site import NotFoundError, site
from pacs2trial_airflow.work import in_thread

router = APIRouter(prefix="/trials/{scope}", dependencies=[Depends(entitled)])

MOST_SERIES = 500


@router.get("/studies")
async def studies(
    request: Request, scope: ScopeName, subject: Text = "", modality: Text = "", offset: Offset = 0
) -> HTMLResponse:
    """Studies, narrowed by subject key or modality."""
    narrowing = Narrowing(
        owners=(subject.strip(),) if subject.strip() else None,
        modalities_in_study=(modality.strip().upper(),) if modality.strip() else None,
    )

    def found() -> HTMLResponse:
        page_of = paged(lines(site.view(scope), Level.STUDY, narrowing, limit=SIZE + 1, offset=offset), offset)
        return page(request, "studies.html", scope=scope, studies=page_of, subject=subject, modality=modality)

    return await in_thread(found)


@router.get("/studies/{study}")
async def one_study(request: Request, scope: ScopeName, study: Study) -> HTMLResponse:
    """The series of a study."""
    pool.warm(scope)

    def found() -> HTMLResponse:
        view = site.view(scope)
        series = series_of(view, study)
        speaking = representatives(view, series)
        described = [
            (line, facts_of_series(header_of(view, speaking[line.representative])), speaking[line.representative])
            for line in series
            if line.representative in speaking
        ]
        described.sort(key=lambda one: _place(one[0], one[2]))
        facts = facts_of_study(header_of(view, speaking[series[0].representative]))
        return page(
            request,
            "study.html",
            scope=scope,
            study=study,
            owner=series[0].owner,
            facts=facts,
            series=described,
            without_image=WITHOUT_IMAGE,
        )

    return await in_thread(found)


@router.get("/studies/{study}/links")
async def links(request: Request, scope: ScopeName, study: Study) -> HTMLResponse:
    """The graph of the subject's links."""
    graph, held = await pool.run(graph_of, scope, study)
    owner = (await in_thread(lambda: series_of(site.view(scope), study)))[0].owner
    return page(request, "links.html", scope=scope, study=study, owner=owner, graph=graph, held=held)


def _place(line: Line, content: Content) -> tuple[bool, int, str]:
    """Images first, the largest series before all."""
    return content.modality in WITHOUT_IMAGE, -line.instances, content.modality


def series_of(view: View, study: str, series: str = "") -> list[Line]:
    """The series of a study, or one of them.

    Raises:
        NotFoundError: the scope holds nothing by these UIDs.
    """
    wanted = [uid for uid in (study, series) if uid]
    known = in_staging(view, wanted)
    if len(known) < len(wanted):
        raise NotFoundError("nothing is held by these UIDs")
    narrowing = Narrowing(studies=(known[study],), series=(known[series],) if series else None)
    found = lines(view, Level.SERIES, narrowing, limit=MOST_SERIES)
    if not found:
        raise NotFoundError("nothing is held by these UIDs")
    return found


def representatives(view: View, series: list[Line]) -> dict[int, Content]:
    """The object that speaks for each series, by its number in the ledger."""
    with view.ws.vault.session(read_only=True) as session:
        return view.ledger.contents(session, [line.representative for line in series])
