"""WADO-RS: rendered instances and frames, and thumbnails (PS3.18 10.4.1.1.3, 10.4.1.1.4, 8.3.5)."""

from __future__ import annotations

import re
from functools import partial
from typing import Final, cast

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.datastructures import QueryParams

from pacs2trial.errors import InputError
from pacs2trial.holdings.frames import encoded_frames, image_description
from pacs2trial.holdings.ledger import Content
from pacs2trial.holdings.view import View
from pacs2trial.preview.rendering import Function, Kind, Viewport, Window, rendered
from pacs2trial_airflow.dicomweb.accept import MediaRange, accepted
from pacs2trial_airflow.dicomweb.bulk_routes import frame_numbers, require_frames
from pacs2trial_airflow.dicomweb.resources import NotAcceptableError, found, one
from pacs2trial_airflow.scopes import Instance, ScopeName, Series, Study
from pacs2trial_airflow.site import NotFoundError, site
from pacs2trial_airflow.work import in_thread

router = APIRouter()

KINDS: Final = ("image/jpeg", "image/png", "image/gif")
THUMBNAIL: Final = Viewport(columns=128, rows=128)
_LARGEST: Final = 8192
_FUNCTIONS: Final = {"linear": "LINEAR", "linear-exact": "LINEAR_EXACT", "sigmoid": "SIGMOID"}
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,9}(\.[0-9]{1,9})?")
_INSTANCE: Final = "/studies/{study}/series/{series}/instances/{instance}"


@router.get(_INSTANCE + "/rendered")
async def instance_rendered(
    scope: ScopeName, study: Study, series: Series, instance: Instance, request: Request
) -> Response:
    """The first frame of an instance as a picture."""
    return await _one_rendered(scope, (study, series, instance), "1", request)


@router.get(_INSTANCE + "/frames/{number}/rendered")
async def frame_rendered(
    scope: ScopeName, study: Study, series: Series, instance: Instance, number: str, request: Request
) -> Response:
    """One frame as a picture."""
    return await _one_rendered(scope, (study, series, instance), number, request)


@router.get(_INSTANCE + "/thumbnail")
async def instance_thumbnail(
    scope: ScopeName, study: Study, series: Series, instance: Instance, request: Request
) -> Response:
    """The middle frame of an instance, small."""
    return await _thumbnail(scope, request, study, series, instance)


@router.get("/studies/{study}/series/{series}/thumbnail")
async def series_thumbnail(scope: ScopeName, study: Study, series: Series, request: Request) -> Response:
    """The middle image of a series, small."""
    return await _thumbnail(scope, request, study, series)


@router.get("/studies/{study}/thumbnail")
async def study_thumbnail(scope: ScopeName, study: Study, request: Request) -> Response:
    """An image of a study, small."""
    return await _thumbnail(scope, request, study)


async def _one_rendered(scope: str, uids: tuple[str, str, str], number: str, request: Request) -> Response:
    numbers = frame_numbers(number)
    if len(numbers) > 1:
        raise InputError("one frame at a time can be rendered")
    kind = picture_kind(accepted(request.headers.get("accept")))
    window, viewport, quality = read_picture(request.query_params)

    def picture() -> bytes:
        view = site.view(scope)
        return _picture(view, one(view, *uids), numbers[0], kind, window, viewport, quality)

    return Response(await in_thread(picture), media_type=f"image/{kind}")


async def _thumbnail(scope: str, request: Request, *uids: str) -> Response:
    kind = picture_kind(accepted(request.headers.get("accept")))
    _, viewport, quality = read_picture(request.query_params)

    def picture() -> bytes:
        view = site.view(scope)
        images = [content for content in found(view, *uids) if content.modality not in _WITHOUT_IMAGE]
        if not images:
            raise NotFoundError("there is no image")
        middle = images[len(images) // 2]
        return _picture(view, middle, None, kind, None, viewport or THUMBNAIL, quality)

    return Response(await in_thread(partial(picture)), media_type=f"image/{kind}")


_WITHOUT_IMAGE: Final = frozenset(("RTSTRUCT", "RTPLAN", "RTRECORD", "REG", "PR", "KO", "SR", "PLAN"))


def _picture(
    view: View,
    content: Content,
    number: int | None,
    kind: Kind,
    window: Window | None,
    viewport: Viewport | None,
    quality: int,
) -> bytes:
    """A frame, the middle one where none is named."""
    shown = view.object_of(content)
    header = shown.described()
    number = number or (image_description(header).frames + 1) // 2
    require_frames(shown, header, [number])
    (frame,) = encoded_frames(shown, header, [number])
    return rendered(header, frame, shown.transfer_syntax, window=window, viewport=viewport, kind=kind, quality=quality)


def picture_kind(ranges: list[MediaRange]) -> Kind:
    """The kind of picture that a client accepts.

    Raises:
        NotAcceptableError: none.
    """
    for each in ranges:
        for kind in KINDS:
            if not each.multipart and each.admits(kind):
                return cast("Kind", kind.removeprefix("image/"))
    raise NotAcceptableError(f"pictures can be had as {', '.join(KINDS)}")


def read_picture(query: QueryParams) -> tuple[Window | None, Viewport | None, int]:
    """Window, viewport and quality of a query (PS3.18 8.3.5.1).

    Raises:
        InputError: a parameter is unknown or malformed.
    """
    unknown = set(query) - {"window", "viewport", "quality"}
    if unknown:
        raise InputError("only window, viewport and quality are parameters of a picture")
    quality = query.get("quality", "90")
    if not re.fullmatch(r"[0-9]{1,3}", quality) or not 1 <= int(quality) <= 100:
        raise InputError("quality must be a number from 1 to 100")
    return _window(query.get("window")), _viewport(query.get("viewport")), int(quality)


def _window(text: str | None) -> Window | None:
    if text is None:
        return None
    center, width, function, *more = [*text.split(","), *[""] * 3][: max(3, text.count(",") + 1)]
    known = _FUNCTIONS.get(function or "linear")
    if more or known is None or not _NUMBER.fullmatch(center) or not _NUMBER.fullmatch(width) or float(width) <= 0:
        raise InputError("window must be center,width,function with function linear, linear-exact or sigmoid")
    return Window(float(center), float(width), cast("Function", known))


def _viewport(text: str | None) -> Viewport | None:
    if text is None:
        return None
    parts = text.split(",")
    if len(parts) not in (2, 6) or not all(re.fullmatch(r"[0-9]{1,5}", part) for part in parts):
        raise InputError("viewport must be columns,rows or columns,rows,left,top,width,height")
    columns, rows, *region = (int(part) for part in parts)
    if not 0 < columns <= _LARGEST or not 0 < rows <= _LARGEST or (region and 0 in region[2:]):
        raise InputError(f"a picture has 1 to {_LARGEST} columns and rows, and its region is not empty")
    return Viewport(columns, rows, (region[0], region[1], region[2], region[3]) if region else None)
