"""Key tables in Excel workbooks (.xlsx, ISO/IEC 29500), by typed cells: what a spreadsheet did to an ID is seen."""

from __future__ import annotations

import io
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from typing import Any

from openpyxl import load_workbook
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from pacs2trial.errors import InputError
from pacs2trial.keytable.grid import Formula, Grid, Record, record_of
from pacs2trial.keytable.row import REQUIRED
from pacs2trial.keytable.text import known_name, plain_name

MOST_BYTES = 100 * 2**20
"""Of all parts of a workbook unpacked; a key table of 100,000 rows has a tenth of it."""

HIDDEN = "it is hidden: show it, look at it, or delete it"
MERGED = "it is part of merged cells: unmerge them and fill in each"


def workbook_grid(data: bytes, name: str) -> Grid:
    """The one sheet of a workbook that is a key table.

    A hidden or merged row is a fault of that row: nobody could see what would be imported.

    Raises:
        InputError: it is no workbook, or not exactly one sheet has the required columns in row 1, or that sheet or one
            of its columns is hidden. Sheets are named by their number, since their names may be a patient's.
    """
    _require_small(data, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            sheets = load_workbook(io.BytesIO(data)).worksheets
    except Exception as error:  # noqa: BLE001 - openpyxl lets pass what zipfile and XML parsers raise
        raise InputError(
            f"{name} is not a workbook that can be read ({type(error).__name__}): save it anew as .xlsx"
        ) from None
    number, sheet = _key_sheet(sheets, name)
    return _grid(sheet, f"{name}, sheet {number}")


def _require_small(data: bytes, name: str) -> None:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as parts:
            size = sum(part.file_size for part in parts.infolist())
    except zipfile.BadZipFile:
        raise InputError(f"{name} is damaged: save it anew as .xlsx") from None
    if size > MOST_BYTES:
        raise InputError(f"{name} unpacks to {size // 2**20} MB: save the key table alone, without pictures")


def _key_sheet(sheets: Sequence[Worksheet], name: str) -> tuple[int, Worksheet]:
    wanted = {plain_name(required) for required in REQUIRED}
    tables = [
        (number, sheet)
        for number, sheet in enumerate(sheets, start=1)
        if wanted <= {plain_name(str(cell.value or "")) for cell in sheet[1]}
    ]
    if len(tables) > 1:
        numbers = " and ".join(str(number) for number, _ in tables)
        raise InputError(f"{name}: sheets {numbers} are key tables: keep one")
    if not tables and len(sheets) > 1:
        raise InputError(f"{name}: no sheet has the columns {' and '.join(REQUIRED)} in row 1")
    if not sheets:
        raise InputError(f"{name} has no sheet")
    number, sheet = tables[0] if tables else (1, sheets[0])
    if sheet.sheet_state != "visible":
        raise InputError(f"{name}: sheet {number}, the key table, is hidden: show it and look at it")
    return number, sheet


def _grid(sheet: Worksheet, table: str) -> Grid:
    values = [[_value(cell) for cell in row] for row in sheet.iter_rows()]
    header = [str(value if value is not None else "").strip() for value in values[0]] if values else []
    while header and not header[-1]:
        header.pop()
    letters = [get_column_letter(place) for place in range(1, len(header) + 1)]
    names = [known_name(cell) for cell in header]
    merged = {row for area in sheet.merged_cells.ranges for row in range(area.min_row, area.max_row + 1)}
    problems = [f"{table}: row 1 {MERGED}"] if 1 in merged else []
    problems += [f"{table}: column {letter} {HIDDEN}" for letter in letters if letter in _hidden_columns(sheet)]
    if problems:
        raise InputError(*problems)
    records = [
        _record(number, names, row, hidden=_is_hidden(sheet, number), merged=number in merged)
        for number, row in enumerate(values[1:], start=2)
        if any(value not in (None, "") for value in row)
    ]
    return Grid(table, header, records, letters)


def _record(number: int, names: Sequence[str], row: Sequence[Any], *, hidden: bool, merged: bool) -> Record:
    while len(row) > len(names) and row[-1] is None:
        row = row[:-1]
    found = record_of(number, names, row, exact=False)
    faults = [HIDDEN] * hidden + [MERGED] * merged
    return Record(found.number, found.cells, found.faults, found.excused, tuple(faults))


def _value(cell: Any) -> Any:
    """What a cell holds; formulas are not computed, since what they showed last may be long outdated."""
    return Formula() if getattr(cell, "data_type", "") == "f" else cell.value


def _is_hidden(sheet: Worksheet, row: int) -> bool:
    return row in sheet.row_dimensions and bool(sheet.row_dimensions[row].hidden)


def _hidden_columns(sheet: Worksheet) -> set[str]:
    return set(_hidden_letters(sheet))


def _hidden_letters(sheet: Worksheet) -> Iterator[str]:
    """Letters of hidden columns; neighbours that look the same are kept as one entry with a range."""
    for dimension in sheet.column_dimensions.values():
        if dimension.hidden:
            first = dimension.min or 1
            for place in range(first, min(dimension.max or first, sheet.max_column) + 1):
                yield get_column_letter(place)
