"""Where ultrasound devices burn in who the patient is, as is publicly known: by manufacturer, model and matrix.

Each line of ``data/ultrasound_masks.csv`` names its source. These areas are wiped besides whatever text is found, so
that a line too many costs a strip of black, and a line too few nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from pacs2trial.pixels.areas import Area

_ULTRASOUND = {"US", "IVUS", "BDUS", "EC"}


@dataclass(frozen=True)
class DeviceMask:
    """What is wiped of the images of a device; rows or columns of 0 stand for any.

    Manufacturer and model are parts of what the header says, whatever the case.
    """

    manufacturer: str
    model: str
    rows: int
    columns: int
    areas: tuple[Area, ...]
    source: str = ""

    def fits(self, facts: Mapping[str, Any]) -> bool:
        return (
            self.rows in (0, facts.get("rows"))
            and self.columns in (0, facts.get("columns"))
            and self.manufacturer.casefold() in str(facts.get("manufacturer") or "").casefold()
            and self.model.casefold() in str(facts.get("model") or "").casefold()
        )


@cache
def known_masks() -> Sequence[DeviceMask]:
    """The masks that are shipped."""
    with (files("pacs2trial.filtering") / "data" / "ultrasound_masks.csv").open(encoding="utf-8") as file:
        return [
            DeviceMask(
                line["manufacturer"],
                line["model"],
                int(line["rows"] or 0),
                int(line["columns"] or 0),
                tuple(areas_of(line["areas"])),
                line["source"],
            )
            for line in csv.DictReader(file)
        ]


def known_areas(facts: Mapping[str, Any]) -> tuple[Area, ...]:
    """What is publicly known to identify in the images of a device, by the facts of an object; empty if nothing is."""
    if str(facts.get("modality") or "").strip().upper() not in _ULTRASOUND:
        return ()
    return tuple(sorted({area for mask in known_masks() if mask.fits(facts) for area in mask.areas}))


def areas_of(text: str) -> list[Area]:
    """``x,y,width,height`` of all frames, several with semicolons between."""
    return [Area(*(int(number) for number in part.split(","))) for part in text.split(";")]
