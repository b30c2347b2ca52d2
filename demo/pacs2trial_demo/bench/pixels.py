"""Reading text in pixels: images a second on one core, a long cine with text in single frames, and what was missed."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from pacs2trial.dicomfile.encoding import EncodedObject, split_file
from pacs2trial.pixels.areas import Area, part_covered
from pacs2trial.redaction.redact import redact
from pacs2trial.textdetection.find import find_text
from pacs2trial.textdetection.judge import Judged, judge_text
from pacs2trial.textdetection.likeness import identifiers, named_in
from pacs2trial_demo.generate import part10
from pacs2trial_demo.generate.burned_in import Typeface, burn, cine, image_object, written

_TEXTS = ("LINDQVIST, ASTRID", "ID: PX4471093", "23.04.1961")
_OWN = identifiers(names=["Lindqvist^Astrid"], ids=["PX4471093"], birth_dates=[date(1961, 4, 23)])
_FACES: tuple[Typeface, ...] = ("dots", "strokes", "outlines")
_HEIGHTS = (7, 9, 11, 14, 20, 32)
_LEVELS = ((255, 0), (60, 0), (30, 0), (150, 110), (0, 110))
_HARMLESS = ("Gain 60%", "Depth 12 cm", "Sag Liver", "36 Hz", "TIB 0.5", "MI 1.4", "L12-5", "4.00 MHz", "PSV 54 cm/s")
_CINE_FRAMES = 200
_MOST_SECONDS = 30


@dataclass(frozen=True)
class Read:
    """What one object took, in seconds by the clock and of processor time, and what became of it."""

    wall: float
    cpu: float
    judged: Judged
    missed: int
    needless: float


def pixel_tables(rounds: int) -> list[Table]:
    """Everything about pixels that ``make bench`` tells."""
    return [_speeds(rounds), _recall()]


def _speeds(rounds: int) -> Table:
    table = _table(
        "Text in pixels, one core", "object", "images/s of a core", "s by the clock", "missed", "wiped needlessly"
    )
    kinds = {
        "US 1024 x 768, grey, 12 texts": [_screen(768, 1024)],
        "SC 512 x 512, grey, 12 texts": [_screen(512, 512)],
        "CT 512 x 512, no text": [_plain()],
    }
    _read(_plain(), [])
    for name, images in kinds.items():
        places = [] if "no text" in name else [_place(text, index) for index, text in enumerate(_TEXTS)]
        taken = [_read(image, places) for _ in range(rounds) for image in images]
        _row(table, name, taken)
    film, places = _film()
    _row(table, f"cine 1024 x 768, {_CINE_FRAMES} frames, 3 texts in one frame each", [_read(film, places)])
    table.caption = (
        f"Of processor time; the cine's {_CINE_FRAMES} frames count as one image and are to take less than "
        f"{_MOST_SECONDS} s. Redaction included; load of the models (2 s) not."
    )
    return table


def _row(table: Table, name: str, taken: Sequence[Read]) -> None:
    wall, cpu = (float(np.median([getattr(one, clock) for one in taken])) for clock in ("wall", "cpu"))
    missed, needless = max(one.missed for one in taken), max(one.needless for one in taken)
    table.add_row(name, f"{1 / cpu:.2g}", f"{wall:.1f}", str(missed), f"{100 * needless:.2f} %")


def _recall() -> Table:
    """Every face, size and contrast: three texts an image."""
    table = _table("Recall by height of the letters (pixels)", "height", "texts", "found", "recall")
    for height in _HEIGHTS:
        found = wanted = 0
        for face in _FACES:
            for level, ground in _LEVELS:
                image = np.full((240, 512), ground, np.uint8)
                for line, text in enumerate(_TEXTS):
                    burn(image, written(text, height, face), 20, 20 + 75 * line, level)
                read = [one.text for one in find_text(_encoded(image[None])) if named_in(one.text, _OWN)]
                found += min(len(read), len(_TEXTS))
                wanted += len(_TEXTS)
        table.add_row(str(height), str(wanted), str(found), f"{100 * found / wanted:.1f} %")
    table.caption = "Dots, strokes and a smooth face; white, dark grey and darker on black, lighter and black on grey"
    return table


def _read(pixels: NDArray[np.uint8], places: Sequence[Area]) -> Read:
    """Find, judge and wipe, and compare what was wiped with what had to be."""
    obj = _encoded(pixels)
    rows, columns = pixels.shape[1:3]
    cpu, wall = time.process_time(), time.perf_counter()
    judged = judge_text(find_text(obj), _OWN, columns=columns, rows=rows)
    redact(obj, judged.areas)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    missed = sum(not any(_covers(area, place) for area in judged.areas) for place in places)
    needless = [area for area in judged.areas if not any(_touches(area, place) for place in places)]
    return Read(wall, cpu, judged, missed, part_covered(needless, columns, rows))


def _covers(area: Area, place: Area) -> bool:
    inside = area.left <= place.left + 2 and area.right >= place.right - 2
    return inside and area.top <= place.top + 4 and area.bottom >= place.bottom - 4 and _frames_match(area, place)


def _touches(area: Area, place: Area) -> bool:
    beside = area.right <= place.left or place.right <= area.left
    return not beside and area.top < place.bottom and place.top < area.bottom


def _frames_match(area: Area, place: Area) -> bool:
    return area.covers_frame(place.first_frame)


def _place(text: str, index: int) -> Area:
    rows, columns = written(text, 18).shape
    return Area(20, 60 + 40 * index, columns, rows)


def _screen(rows: int, columns: int) -> NDArray[np.uint8]:
    screen = cine(1, rows, columns)
    for index, text in enumerate(_TEXTS):
        burn(screen[0], written(text, 18), 20, 60 + 40 * index)
    for index, text in enumerate(_HARMLESS):
        burn(screen[0], written(text, 16), columns - 130, 20 + 24 * index, 210)
    return screen


def _plain() -> NDArray[np.uint8]:
    """A round of tissue on black."""
    y, x = np.mgrid[0:512, 0:512]
    noise = np.random.default_rng(1).normal(120, 12, (512, 512))
    return np.where(np.hypot(x - 256, y - 256) < 200, noise, 0).astype(np.uint8)[np.newaxis]


def _film() -> tuple[NDArray[np.uint8], list[Area]]:
    film = cine(_CINE_FRAMES)
    places = []
    for text, frame, left, top in zip(_TEXTS, (71, 105, 193), (400, 30, 700), (300, 120, 40), strict=True):
        writing = written(text, 18)
        burn(film[frame - 1], writing, left, top)
        places.append(Area(left, top, writing.shape[1], writing.shape[0], frame, frame))
    return film, places


def _encoded(pixels: NDArray[np.uint8]) -> EncodedObject:
    return split_file(part10(image_object(pixels)))


def _table(title: str, first: str, *headings: str) -> Table:
    table = Table(title=title, title_justify="left", caption_justify="left")
    table.add_column(first)
    for heading in headings:
        table.add_column(heading, justify="right")
    return table
