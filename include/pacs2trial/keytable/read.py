"""Reading a key table: from a file or a query to its rows."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path

from pacs2trial.connections import Connections
from pacs2trial.errors import InputError
from pacs2trial.keytable.grid import Grid, Record
from pacs2trial.keytable.row import OPTIONAL, REQUIRED, KeyTableRow, Place
from pacs2trial.keytable.text import csv_grid, known_name, plain_name
from pacs2trial.settings import Settings
from pacs2trial.trials.definition import TrialDefinition

WORKBOOK = b"PK\x03\x04"
OLD_WORKBOOK = b"\xd0\xcf\x11\xe0"
"""First bytes of .xls, and of an .xlsx with a password ([MS-OFFCRYPTO] 1.3.3)."""

TRUTHS = {"yes": True, "true": True, "1": True, "": False, "no": False, "false": False, "0": False}


def read_keys(
    definition: TrialDefinition, settings: Settings, connections: Connections, file: Path | None = None
) -> list[KeyTableRow]:
    """The rows of a trial's key table, from where its definition says or from ``file``.

    Raises:
        InputError: there is no such file, or it is no table; the query is refused.
        SetupError: the driver of the database is not installed.
        TransientError: the database does not answer.
    """
    if file is not None or definition.keys.file is not None:
        return read_key_table(file or key_file(definition, settings))
    from pacs2trial.keytable.query import query_grid  # late: most sites have no database of keys

    return _rows(query_grid(definition, connections))


def key_file(definition: TrialDefinition, settings: Settings) -> Path:
    """The key table that a definition names, below the folder of key tables.

    Raises:
        InputError: the file is not there, or would be outside that folder; or the definition names a query.
    """
    if definition.keys.file is None:
        raise InputError(f"trial {definition.trial}, keys: names a query, not a file")
    folder = settings.keys.resolve()
    path = (folder / definition.keys.file).resolve()
    if not path.is_relative_to(folder):
        raise InputError(f"trial {definition.trial}, keys.file: key tables live in {folder}, never outside")
    if not path.is_file():
        raise InputError(f"trial {definition.trial}: there is no key table {path}: put it there")
    return path


def read_key_table(path: Path) -> list[KeyTableRow]:
    """The rows of a file: an Excel workbook, or CSV in any common encoding and with any common delimiter.

    What the file is, its content says, not its name. A cell that cannot be read is a fault of its row, which
    :func:`~pacs2trial.keytable.check.check_key_table` lists with everything else that is wrong.

    Raises:
        InputError: the file is absent or neither, or a column is missing or there twice.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"there is no key table {path}") from None
    except OSError as error:
        raise InputError(f"the key table {path} cannot be read: {error.strerror}") from None
    if data.startswith(OLD_WORKBOOK):
        raise InputError(f"{path.name} is an old or a protected workbook: save it as .xlsx without a password")
    if data.startswith(WORKBOOK):
        from pacs2trial.keytable.excel import workbook_grid  # late: a command that reads CSV need not wait for it

        return _rows(workbook_grid(data, path.name))
    return _rows(csv_grid(data, path.name))


def _rows(grid: Grid) -> list[KeyTableRow]:
    if not any(grid.header):
        raise InputError(f"{grid.table}: {grid.header_row} must name the columns: {', '.join(REQUIRED)}")
    names = [known_name(cell) for cell in grid.header]
    problems = [f"{grid.table}: {grid.header_row}: {problem}" for problem in _header_problems(grid.header, names)]
    if problems:
        raise InputError(*problems)
    place = Place(grid.table, dict(zip(names, grid.letters, strict=False)))
    return [_row(record, names, place) for record in grid.records]


def _header_problems(header: Sequence[str], names: Sequence[str]) -> Iterator[str]:
    """What is wrong with the header. It may be data by mistake: only cells that resemble a known name are quoted."""
    for required in REQUIRED:
        if required not in names:
            similar = [cell for cell in header if plain_name(cell) == plain_name(required)]
            yield f"column {required} is missing" + (f": rename {similar[0]!r}" if similar else ": add it")
    for place, name in enumerate(names, start=1):
        if name and name in names[: place - 1]:
            yield f"column {place} has the same name as one before it: rename one"
    for optional in OPTIONAL:
        for cell in header:
            if plain_name(cell) == plain_name(optional) and cell.lower() != optional:
                yield f"column {cell!r} looks like {optional}: rename it to {optional}, or to something else"


def _row(record: Record, names: Sequence[str], place: Place) -> KeyTableRow:
    padded = [*record.cells, *[""] * (len(names) - len(record.cells))]
    cells = dict(zip(names, padded, strict=False))
    faults = [*record.row_faults, *_record_faults(record, names, padded)]
    truths = {name: TRUTHS.get(cells.get(name, "").lower()) for name in ("alias", "as_is")}
    faults += [f"column {name}: write yes or leave it empty" for name, truth in truths.items() if truth is None]
    unread = record.faults if truths["as_is"] else {**record.excused, **record.faults}
    faults += [f"column {names[index]}: {fault}" for index, fault in sorted(unread.items()) if index < len(names)]
    days: dict[str, date | None] = {}
    for name in ("study_date_from", "study_date_to"):
        try:
            days[name] = _day(cells.get(name, ""))
        except ValueError:
            faults.append(f"column {name}: write the day as 2024-01-31 (year, month, day)")
    return KeyTableRow(
        number=record.number,
        patient_id=cells["patient_id"],
        subject_key=cells["subject_key"],
        issuer=cells.get("issuer", ""),
        alias=bool(truths["alias"]),
        as_is=bool(truths["as_is"]),
        accession_number=cells.get("accession_number", ""),
        study_date_from=days.get("study_date_from"),
        study_date_to=days.get("study_date_to"),
        columns={name: cell for name, cell in cells.items() if name and name not in REQUIRED + OPTIONAL},
        faults=tuple(faults),
        place=place,
    )


def _record_faults(record: Record, names: Sequence[str], padded: Sequence[str]) -> Iterator[str]:
    if any(record.cells[len(names) :]):
        yield f"there are {len(record.cells)} cells under {len(names)} columns: a delimiter in a cell needs quotes"
    if any(cell for name, cell in zip(names, padded, strict=False) if not name):
        yield "a cell stands under a column without a name: name the column in row 1"


def _day(cell: str) -> date | None:
    """A day as ISO 8601 or DICOM (DA, PS3.5 6.2) writes it; anything else is ambiguous."""
    if not cell:
        return None
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}|\d{8}", cell, re.ASCII):
        raise ValueError("not a day")
    return datetime.strptime(cell.replace("-", ""), "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone
