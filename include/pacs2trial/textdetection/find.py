"""Text in the pixel data of one object: every frame is looked at, in the ways in which a person might see it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from pacs2trial.dicomfile.encoding import EncodedObject
from pacs2trial.pixels.areas import Area
from pacs2trial.pixels.image import Image, image_of
from pacs2trial.textdetection.found import FoundText

if TYPE_CHECKING:
    from pacs2trial.textdetection.cine import Film
    from pacs2trial.textdetection.reader import Picture, Reader, Reading


def find_text(obj: EncodedObject, *, threads: int = 1) -> list[FoundText]:
    """Every line of text in the pixels of an object, by frame and place; empty if it has no pixels.

    Args:
        obj: the object in memory; nothing is written anywhere.
        threads: that read one picture; a caller with several processes says 1.

    Raises:
        UnsafeObjectError: ``undecodable-pixels``, ``pixel-length`` or ``pixel-encoding``: nobody can say what the
            image shows, and it must be held.
        SetupError: the models are not installed.
    """
    from pacs2trial.textdetection.cine import ALL_UP_TO, film_of
    from pacs2trial.textdetection.reader import reader

    image = image_of(obj)
    if image is None:
        return []
    eyes, frames = reader(threads), image.description.frames
    if frames <= ALL_UP_TO:
        found = [_found(one, number, number) for number in range(1, frames + 1) for one in _read(image, number, eyes)]
    else:
        found = list(_in_film(film_of(image), eyes))
    return _distinct(found)


def _read(image: Image, number: int, eyes: Reader) -> Iterator[Reading]:
    """The texts of one frame, in every view of it."""
    from pacs2trial.pixels.decoding import shown_values
    from pacs2trial.textdetection.views import views_of

    for view in views_of(shown_values(image, number), image):
        yield from eyes.read(view)


def _in_film(film: Film, eyes: Reader) -> Iterator[FoundText]:
    from pacs2trial.textdetection.cine import new_parts, shown_in, whole_frames

    whole = whole_frames(film)
    for number in whole:
        for one in _read(film.image, number, eyes):
            place = _found(one, number, number)
            yield _found(one, *shown_in(film, place.area, number))
    if len(whole) < film.image.description.frames:
        for part, picture in _cut(film.image, new_parts(film, whole)):
            for one in (*eyes.read(picture), *eyes.read_enlarged(picture, 2)):
                placed = replace(
                    one,
                    left=one.left + part.left,
                    top=one.top + part.top,
                    right=one.right + part.left,
                    bottom=one.bottom + part.top,
                )
                area = _found(placed, part.first_frame, part.first_frame).area
                yield _found(placed, *shown_in(film, area, part.first_frame))


def _cut(image: Image, parts: Iterable[Area]) -> Iterator[tuple[Area, Picture]]:
    """The parts as they are seen, in every view of their frame."""
    from pacs2trial.pixels.decoding import shown_values
    from pacs2trial.textdetection.views import views_of

    number, views = 0, []
    for part in parts:
        if part.first_frame != number:
            number = part.first_frame
            views = list(views_of(shown_values(image, number), image))
        for view in views:
            yield part, view[part.top : part.bottom, part.left : part.right]


def _found(one: Reading, first: int, last: int) -> FoundText:
    area = Area(one.left, one.top, max(one.right - one.left, 1), max(one.bottom - one.top, 1), first, last)
    return FoundText(area, one.text, one.confidence)


def _distinct(found: Iterable[FoundText]) -> list[FoundText]:
    """What was read alike at the same place is told once, with all its frames."""
    kept: list[FoundText] = []
    for one in sorted(found, key=lambda text: (text.area.first_frame, text.area.top, text.area.left)):
        for place, other in enumerate(kept):
            if one.text == other.text and _same_place(one.area, other.area):
                kept[place] = _joined(other, one)
                break
        else:
            kept.append(one)
    return kept


def _same_place(one: Area, other: Area) -> bool:
    across = min(one.right, other.right) - max(one.left, other.left)
    down = min(one.bottom, other.bottom) - max(one.top, other.top)
    together = one.first_frame <= other.last_frame + 1 and other.first_frame <= one.last_frame + 1
    most = max(one.width * one.height, other.width * other.height)
    return together and across > 0 and down > 0 and across * down * 2 > most


def _joined(one: FoundText, other: FoundText) -> FoundText:
    left, top = min(one.area.left, other.area.left), min(one.area.top, other.area.top)
    area = Area(
        left,
        top,
        max(one.area.right, other.area.right) - left,
        max(one.area.bottom, other.area.bottom) - top,
        min(one.area.first_frame, other.area.first_frame),
        max(one.area.last_frame, other.area.last_frame),
    )
    return replace(one, area=area, confidence=max(one.confidence, other.confidence))
