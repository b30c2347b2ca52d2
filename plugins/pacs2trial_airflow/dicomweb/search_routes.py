"""QIDO-RS: searching for studies, series and instances (PS3.18 10.6)."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pacs2trial.holdings.json_model import json_of
from pacs2trial.holdings.levels import UNIQUE_KEYS, Level
from pacs2trial.holdings.search import search
from pacs2trial_airflow.dicomweb.accept import accepted, first_of
from pacs2trial_airflow.dicomweb.parameters import SearchParameters, search_parameters
from pacs2trial_airflow.dicomweb.resources import NotAcceptableError, address, base_url
from pacs2trial_airflow.scopes import ScopeName, Series, Study
from pacs2trial_airflow.site import site
from pacs2trial_airflow.work import in_thread

router = APIRouter()

JSON = ("application/dicom+json", "application/json")
_RETRIEVE_URL = "00081190"


@router.get("/studies")
async def studies(scope: ScopeName, request: Request) -> Response:
    """Studies."""
    return await _search(scope, request, Level.STUDY)


@router.get("/series")
async def all_series(scope: ScopeName, request: Request) -> Response:
    """Series of all studies."""
    return await _search(scope, request, Level.SERIES)


@router.get("/instances")
async def all_instances(scope: ScopeName, request: Request) -> Response:
    """Instances of all studies."""
    return await _search(scope, request, Level.IMAGE)


@router.get("/studies/{study}/series")
async def series_of_study(scope: ScopeName, study: Study, request: Request) -> Response:
    """Series of one study."""
    return await _search(scope, request, Level.SERIES, StudyInstanceUID=study)


@router.get("/studies/{study}/instances")
async def instances_of_study(scope: ScopeName, study: Study, request: Request) -> Response:
    """Instances of one study."""
    return await _search(scope, request, Level.IMAGE, StudyInstanceUID=study)


@router.get("/studies/{study}/series/{series}/instances")
async def instances_of_series(scope: ScopeName, study: Study, series: Series, request: Request) -> Response:
    """Instances of one series."""
    return await _search(scope, request, Level.IMAGE, StudyInstanceUID=study, SeriesInstanceUID=series)


def json_kind(request: Request) -> str:
    """The kind of JSON that the client accepts.

    Raises:
        NotAcceptableError: none.
    """
    kind = first_of(accepted(request.headers.get("accept")), JSON, multipart=False)
    if kind is None:
        raise NotAcceptableError(f"only {' and '.join(JSON)} can be had here")
    return kind


async def _search(scope: str, request: Request, level: Level, **within: str) -> Response:
    kind = json_kind(request)
    asked = search_parameters(level, request.query_params.multi_items(), **within)
    matches = await in_thread(partial(_matches, scope, level, asked, base_url(request, scope)))
    headers = [("Warning", f'299 pacs2trial "{text}"') for text in asked.warnings]
    if len(matches) > asked.limit:
        matches.pop()
        text = "there are further matches; ask for them with offset"
        headers.append(("Warning", f'299 pacs2trial "{text}"'))
    response = Response(json.dumps(matches, separators=(",", ":")), media_type=kind)
    for name, value in headers:
        response.headers.append(name, value)
    return response


def _matches(scope: str, level: Level, asked: SearchParameters, base: str) -> list[dict[str, Any]]:
    """Up to one more than was asked for, which tells that there are more."""
    answers = search(
        site.view(scope),
        level,
        asked.identifier,
        include=asked.include,
        limit=asked.limit + 1,
        offset=asked.offset,
    )
    found = []
    for answer in answers:
        match = json_of(answer)
        uids = [str(answer[UNIQUE_KEYS[one]].value) for one in Level if Level.PATIENT < one <= level]
        match[_RETRIEVE_URL] = {"vr": "UR", "Value": [address(base, *uids)]}
        match["00080056"] = {"vr": "CS", "Value": ["ONLINE"]}
        found.append(match)
    return found
