"""Days as columns of a chart; the template draws what stands here in units of the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final

from pacs2trial.holdings.progress import Day

WIDTH: Final = 360
HEIGHT: Final = 72
_GAP: Final = 2


@dataclass(frozen=True)
class Column:
    """One day."""

    day: date
    number: int
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Chart:
    """One count over time; ``title`` says of what, in the number of ``total``."""

    title: str
    kind: str
    total: int
    highest: int
    columns: Sequence[Column]


def charts(days: Sequence[Day]) -> list[Chart]:
    """What arrived, was packed and was delivered, each with a scale of its own."""
    return [
        _chart("instance", "arrived", "ready", [(day.day, day.arrived) for day in days]),
        _chart("package", "made", "good", [(day.day, day.packed) for day in days]),
        _chart("package", "delivered", "good", [(day.day, day.delivered) for day in days]),
    ]


def _chart(what: str, became: str, kind: str, counts: Sequence[tuple[date, int]]) -> Chart:
    total = sum(number for _, number in counts)
    title = f"{what if total == 1 else what + 's'} {became}"
    highest = max((number for _, number in counts), default=0)
    step = WIDTH / max(len(counts), 1)
    columns = []
    for place, (day, number) in enumerate(counts):
        height = round(HEIGHT * number / highest, 1) if highest else 0.0
        columns.append(Column(day, number, round(place * step, 1), HEIGHT - height, round(step - _GAP, 1), height))
    return Chart(title, kind, total, highest, columns)
