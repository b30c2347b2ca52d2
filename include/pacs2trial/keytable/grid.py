"""A key table as it was found in a file or a database: a header and records, still without a meaning."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite
from typing import Any
from uuid import UUID

from pacs2trial.keytable.row import IDS

MOST_DIGITS = 15
"""Digits that a number of a spreadsheet keeps; the rest become zeros."""

FORMULA = "it holds a formula: paste its value instead"
LOST = "the spreadsheet made a number or a date of it, and the ID is lost: type it anew into a column formatted as text"
ZEROS = (
    "the spreadsheet keeps it as a number, without leading zeros: format the column as text and type the ID anew, "
    "or write yes in a column as_is if it is right as it stands"
)
NO_TEXT = "it cannot be read as text: turn it into text in the query"


class Formula:
    """Stands for a cell whose value a spreadsheet computes."""


@dataclass(frozen=True)
class Record:
    """One record: its row number, its cells as text, and what was wrong with reading it.

    Attributes:
        faults: by position of the cell.
        excused: faults for which a person can answer with ``as_is``.
        row_faults: those of the row as a whole.
    """

    number: int
    cells: Sequence[str]
    faults: Mapping[int, str] = field(default_factory=dict)
    excused: Mapping[int, str] = field(default_factory=dict)
    row_faults: tuple[str, ...] = ()


@dataclass(frozen=True)
class Grid:
    """Header and records.

    Attributes:
        table: file, sheet or query, as messages name it.
        letters: of the columns, where the table is a sheet.
        header_row: where messages say that the header stands.
    """

    table: str
    header: Sequence[str]
    records: Sequence[Record]
    letters: Sequence[str] = ()
    header_row: str = "row 1"


def record_of(number: int, names: Sequence[str], values: Sequence[Any], *, exact: bool) -> Record:
    """A record of typed values as text.

    Args:
        number: its row number.
        names: the columns, as :mod:`pacs2trial.keytable.read` knows them.
        values: one a column.
        exact: whether a whole number is what was meant: so in a database, not in a spreadsheet, which makes 12 of 0012.
    """
    cells: list[str] = []
    faults: dict[int, str] = {}
    excused: dict[int, str] = {}
    for place, value in enumerate(values):
        is_id = place < len(names) and names[place] in IDS
        text, fault = _text(value, is_id=is_id)
        cells.append(text)
        if fault:
            faults[place] = fault
        elif is_id and not exact and isinstance(value, int | float):
            excused[place] = ZEROS
    return Record(number, cells, faults, excused)


def _text(value: Any, *, is_id: bool) -> tuple[str, str]:
    """The text of a cell, and what is wrong with it."""
    match value:
        case None:
            return "", ""
        case str():
            return value.strip(), ""
        case Formula():
            return "", FORMULA
        case bool():
            return "yes" if value else "no", LOST if is_id else ""
        case int() | float() | Decimal():
            return _number(value, is_id=is_id)
        case datetime() | date() | time():
            return _moment(value), LOST if is_id else ""
        case UUID():
            return str(value), ""
        case _:
            return "", NO_TEXT


def _number(value: float | Decimal, *, is_id: bool) -> tuple[str, str]:
    if not isfinite(value) or value != int(value):
        return str(value), LOST if is_id else ""
    text = str(int(value))
    lost = is_id and isinstance(value, float) and len(text.lstrip("-")) > MOST_DIGITS
    return text, LOST if lost else ""


def _moment(value: date | time) -> str:
    if isinstance(value, datetime):
        return value.date().isoformat() if value.time() == time.min else value.isoformat(" ")
    return value.isoformat()
