"""Reading a key table from its file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from pathlib import Path

from pacs2trial.errors import InputError, NotAvailableError
from pacs2trial.keytable.row import OPTIONAL, REQUIRED, KeyTableRow
from pacs2trial.keytable.text import decoded, plain_name, records
from pacs2trial.settings import Settings
from pacs2trial.trials.definition import TrialDefinition

SPREADSHEET_SUFFIXES = (".xlsx", ".xls", ".xlsm", ".ods")
TRUTHS = {"yes": True, "true": True, "1": True, "": False, "no": False, "false": False, "0": False}


def key_file(definition: TrialDefinition, settings: Settings) -> Path:
    """The key table that a definition names, below the folder of key tables.

    Raises:
        InputError: the file is not there, or would be outside that folder.
        NotAvailableError: the definition names a query.
    """
    if definition.keys.file is None:
        raise NotAvailableError(f"trial {definition.trial}, keys: a query cannot be read yet; name a CSV file instead")
    folder = settings.keys.resolve()
    path = (folder / definition.keys.file).resolve()
    if not path.is_relative_to(folder):
        raise InputError(f"trial {definition.trial}, keys.file: key tables live in {folder}, never outside")
    if not path.is_file():
        raise InputError(f"trial {definition.trial}: there is no key table {path}: put it there")
    return path


def read_key_table(path: Path) -> list[KeyTableRow]:
    """The rows of a CSV file, in any common encoding and with any common delimiter.

    A cell that cannot be read is a fault of its row, which :func:`~pacs2trial.keytable.check.check_key_table` lists
    with everything else that is wrong.

    Raises:
        InputError: the file is absent or not CSV, or a column is missing or there twice.
        NotAvailableError: it is a spreadsheet.
    """
    if path.suffix.lower() in SPREADSHEET_SUFFIXES:
        raise NotAvailableError(f"{path.name} is a spreadsheet, which cannot be read yet: save it as CSV UTF-8")
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise InputError(f"there is no key table {path}") from None
    except OSError as error:
        raise InputError(f"the key table {path} cannot be read: {error.strerror}") from None
    table = records(decoded(data, path.name), path.name)
    if not table or not table[0]:
        raise InputError(f"{path.name}: row 1 must name the columns: {', '.join(REQUIRED)}")
    header, *body = table
    names = [_known_name(cell) for cell in header]
    problems = [f"{path.name}: row 1: {problem}" for problem in _header_problems(header, names)]
    if problems:
        raise InputError(*problems)
    return [_row(number, names, record) for number, record in enumerate(body, start=2) if record]


def _known_name(header: str) -> str:
    """A known column in whatever case it is written; a free column keeps its name."""
    return header.lower() if header.lower() in REQUIRED + OPTIONAL else header


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


def _row(number: int, names: Sequence[str], record: Sequence[str]) -> KeyTableRow:
    faults = []
    if any(record[len(names) :]):
        faults.append(f"there are {len(record)} cells under {len(names)} columns: a delimiter in a cell needs quotes")
    padded = [*record, *[""] * (len(names) - len(record))]
    cells = dict(zip(names, padded, strict=False))
    if any(cell for name, cell in zip(names, padded, strict=False) if not name):
        faults.append("a cell stands under a column without a name: name the column in row 1")
    alias = TRUTHS.get(cells.get("alias", "").lower())
    if alias is None:
        faults.append("column alias: write yes or leave it empty")
    days: dict[str, date | None] = {}
    for name in ("study_date_from", "study_date_to"):
        try:
            days[name] = _day(cells.get(name, ""))
        except ValueError:
            faults.append(f"column {name}: write the day as 2024-01-31 (year, month, day)")
    return KeyTableRow(
        number=number,
        patient_id=cells["patient_id"],
        subject_key=cells["subject_key"],
        issuer=cells.get("issuer", ""),
        alias=bool(alias),
        accession_number=cells.get("accession_number", ""),
        study_date_from=days.get("study_date_from"),
        study_date_to=days.get("study_date_to"),
        columns={name: cell for name, cell in cells.items() if name and name not in REQUIRED + OPTIONAL},
        faults=tuple(faults),
    )


def _day(cell: str) -> date | None:
    """A day as ISO 8601 or DICOM (DA, PS3.5 6.2) writes it; anything else is ambiguous."""
    if not cell:
        return None
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}|\d{8}", cell, re.ASCII):
        raise ValueError("not a day")
    return datetime.strptime(cell.replace("-", ""), "%Y%m%d").date()  # noqa: DTZ007 - a day has no zone
