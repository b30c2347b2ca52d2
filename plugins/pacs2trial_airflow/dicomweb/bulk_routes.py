"""WADO-RS: frames and other values as they are encoded (PS3.18 10.4.1.1.6, 10.4.1.1.5)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Path, Request
from fastapi.responses import Response
from pydicom.dataset import Dataset
from pydicom.uid import UID, ExplicitVRLittleEndian

from pacs2trial.errors import InputError
from pacs2trial.holdings.frames import encoded_frames, image_description, pixel_value
from pacs2trial.holdings.json_model import BULK
from pacs2trial.holdings.objects import ShownObject
from pacs2trial.preview.rendering import decoded
from pacs2trial_airflow.dicomweb.accept import MediaRange, accepted
from pacs2trial_airflow.dicomweb.answers import as_multipart, begun
from pacs2trial_airflow.dicomweb.media import AS_IT_IS, OCTETS, frame_form
from pacs2trial_airflow.dicomweb.multipart import Multipart, Part, multipart
from pacs2trial_airflow.dicomweb.resources import one
from pacs2trial_airflow.scopes import Instance, ScopeName, Series, Study
from pacs2trial_airflow.site import NotFoundError, site
from pacs2trial_airflow.work import in_thread

router = APIRouter()

_INSTANCE = "/studies/{study}/series/{series}/instances/{instance}"
_AS_KEPT = MediaRange("*/*", multipart=True, transfer_syntax=AS_IT_IS)
_LONGEST_NUMBER = 9


@router.get(_INSTANCE + "/frames/{numbers}")
async def frames(
    scope: ScopeName, study: Study, series: Series, instance: Instance, numbers: str, request: Request
) -> Response:
    """Frames by their numbers, from 1, separated by commas."""
    ranges = accepted(request.headers.get("accept"))
    wanted = frame_numbers(numbers)
    return as_multipart(await in_thread(partial(_frames, scope, (study, series, instance), wanted, ranges)))


@router.get(_INSTANCE + "/bulkdata/{tag}")
async def bulk_data(
    scope: ScopeName,
    study: Study,
    series: Series,
    instance: Instance,
    tag: Annotated[str, Path(pattern="^[0-9A-F]{8}$")],
) -> Response:
    """The value of one element outside of sequences, as it is encoded; compressed pixel data frame by frame."""
    return as_multipart(await in_thread(partial(_bulk_data, scope, (study, series, instance), int(tag, 16))))


def frame_numbers(text: str) -> list[int]:
    """The frames that a path names.

    Raises:
        InputError: it is no list of numbers.
    """
    numbers = text.split(",")
    if not all(number.isascii() and number.isdigit() and len(number) <= _LONGEST_NUMBER for number in numbers):
        raise InputError("frames are numbers from 1, separated by commas")
    return [int(number) for number in numbers]


def require_frames(shown: ShownObject, header: Dataset, numbers: list[int]) -> None:
    """Return if the object has these frames.

    Raises:
        NotFoundError: it lacks one.
    """
    count = image_description(header).frames if shown.pixel else 0
    if not all(1 <= number <= count for number in numbers):
        raise NotFoundError(f"the object has {count} frames")


def _frames(scope: str, uids: tuple[str, str, str], numbers: list[int], ranges: list[MediaRange]) -> Multipart:
    view = site.view(scope)
    shown = view.object_of(one(view, *uids))
    header = shown.described()
    require_frames(shown, header, numbers)
    kind, syntax = frame_form(ranges, shown.transfer_syntax)
    found: Iterator[bytes] = encoded_frames(shown, header, numbers)
    if syntax != shown.transfer_syntax:
        found = (decoded(header, frame, shown.transfer_syntax) for frame in found)
    return _of_frames(kind, syntax, found)


def _of_frames(kind: str, syntax: str, frames: Iterator[bytes]) -> Multipart:
    content_type = kind if syntax == ExplicitVRLittleEndian else f"{kind}; transfer-syntax={syntax}"
    return multipart(kind, begun(Part(content_type, [frame]) for frame in frames))


def _bulk_data(scope: str, uids: tuple[str, str, str], tag: int) -> Multipart:
    view = site.view(scope)
    shown = view.object_of(one(view, *uids))
    header = shown.described()
    if shown.pixel and tag == shown.pixel_tag:
        if not UID(shown.transfer_syntax).is_encapsulated:
            return multipart(OCTETS, [Part(OCTETS, map(bytes, pixel_value(shown)))])
        numbers = range(1, image_description(header).frames + 1)
        kind, syntax = frame_form([_AS_KEPT], shown.transfer_syntax)
        return _of_frames(kind, syntax, encoded_frames(shown, header, numbers))
    element = header.get_item(tag) if tag in header else None
    value = element.value if element is not None and element.VR in BULK else None
    if not isinstance(value, bytes):
        raise NotFoundError("the object has no such bulk data")
    return multipart(OCTETS, [Part(OCTETS, [value])])
