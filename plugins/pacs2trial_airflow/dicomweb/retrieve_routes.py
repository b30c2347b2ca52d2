"""WADO-RS: studies, series and instances as objects, and what they say (PS3.18 10.4)."""

from __future__ import annotations

import json
from collections.abc import Iterator

from fastapi import APIRouter, Request
from fastapi.responses import Response

from pacs2trial.holdings.json_model import metadata_of
from pacs2trial.holdings.objects import ShownObject
from pacs2trial_airflow.dicomweb.accept import accepted
from pacs2trial_airflow.dicomweb.answers import as_multipart, begun, streamed
from pacs2trial_airflow.dicomweb.media import DICOM, as_file, asks_for_one, object_syntax
from pacs2trial_airflow.dicomweb.multipart import Part, multipart
from pacs2trial_airflow.dicomweb.resources import address, base_url, found, shown_now
from pacs2trial_airflow.dicomweb.search_routes import json_kind
from pacs2trial_airflow.scopes import Instance, ScopeName, Series, Study
from pacs2trial_airflow.site import site
from pacs2trial_airflow.work import in_thread

router = APIRouter()

_AVAILABLE_TRANSFER_SYNTAX = "00083002"


@router.get("/studies/{study}")
async def study_objects(scope: ScopeName, study: Study, request: Request) -> Response:
    """Every object of a study."""
    return await _objects(scope, request, study)


@router.get("/studies/{study}/series/{series}")
async def series_objects(scope: ScopeName, study: Study, series: Series, request: Request) -> Response:
    """Every object of a series."""
    return await _objects(scope, request, study, series)


@router.get("/studies/{study}/series/{series}/instances/{instance}")
async def instance_object(
    scope: ScopeName, study: Study, series: Series, instance: Instance, request: Request
) -> Response:
    """One object."""
    return await _objects(scope, request, study, series, instance)


@router.get("/studies/{study}/metadata")
async def study_metadata(scope: ScopeName, study: Study, request: Request) -> Response:
    """What the objects of a study say."""
    return await _metadata(scope, request, study)


@router.get("/studies/{study}/series/{series}/metadata")
async def series_metadata(scope: ScopeName, study: Study, series: Series, request: Request) -> Response:
    """What the objects of a series say."""
    return await _metadata(scope, request, study, series)


@router.get("/studies/{study}/series/{series}/instances/{instance}/metadata")
async def instance_metadata(
    scope: ScopeName, study: Study, series: Series, instance: Instance, request: Request
) -> Response:
    """What one object says."""
    return await _metadata(scope, request, study, series, instance)


async def _objects(scope: str, request: Request, *uids: str) -> Response:
    ranges, base = accepted(request.headers.get("accept")), base_url(request, scope)

    def part(shown: ShownObject) -> Part:
        syntax = object_syntax(ranges, shown.transfer_syntax)
        where = address(base, shown.study, shown.series, shown.sop_instance)
        return Part(f"{DICOM}; transfer-syntax={syntax}", as_file(shown, syntax), where)

    def prepared() -> tuple[int, int, Iterator[Part]]:
        view = site.view(scope)
        objects, held = shown_now(view, found(view, *uids))
        return len(objects), held, begun(part(view.object_of(content)) for content in objects)

    number, held, parts = await in_thread(prepared)
    if number == 1 and asks_for_one(ranges):
        only = next(parts)
        return streamed(iter(only.content), only.content_type, held=held)
    return as_multipart(multipart(DICOM, parts), held=held)


async def _metadata(scope: str, request: Request, *uids: str) -> Response:
    kind, base = json_kind(request), base_url(request, scope)

    def prepared() -> tuple[int, Iterator[bytes]]:
        view = site.view(scope)
        objects, held = shown_now(view, found(view, *uids))
        texts = (_described(view.object_of(content), base) for content in objects)
        return held, _listed(next(texts), texts)

    held, texts = await in_thread(prepared)
    return streamed(texts, kind, held=held, text=True)


def _described(shown: ShownObject, base: str) -> bytes:
    where = address(base, shown.study, shown.series, shown.sop_instance)
    content = metadata_of(shown, lambda tag: f"{where}/bulkdata/{tag}")
    content[_AVAILABLE_TRANSFER_SYNTAX] = {"vr": "UI", "Value": [shown.transfer_syntax]}
    return json.dumps(dict(sorted(content.items())), separators=(",", ":")).encode()


def _listed(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield b"[" + first
    for text in others:
        yield b"," + text
    yield b"]"
