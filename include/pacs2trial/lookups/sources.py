"""Asking a CSV file or a database."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from pacs2trial.connections import Connections
from pacs2trial.errors import InputError
from pacs2trial.keytable.query import ask, database_url
from pacs2trial.keytable.text import csv_grid
from pacs2trial.lookups.question import Question
from pacs2trial.settings import Settings
from pacs2trial.trials.lookups import Lookup
from pacs2trial.trials.nearest import unknown

Source = Callable[[Question], set[str]]
"""Gives the answers to a question that are not empty; more than one means that they contradict each other."""

SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
"""First bytes of .xlsx and .ods, and of .xls."""


def source_of(where: str, lookup: Lookup, settings: Settings, connections: Connections) -> Source:
    """What answers the questions of a look-up. A file is read here, once; a database is asked for each question.

    Args:
        where: begins every message.
        lookup: of the definition.
        settings: of the site.
        connections: of the site.

    Raises:
        InputError: the file is absent, no CSV, or lacks a column; or the connection is unknown or no database.
    """
    if lookup.file is not None:
        return _file_source(where, lookup, settings)
    assert lookup.connection is not None
    query, url = lookup.query or "", database_url(connections.get(lookup.connection))

    def from_database(question: Question) -> set[str]:
        columns, rows = ask(where, url, query, dict(question.asked_with))
        if len(columns) != 1:
            raise InputError(f"{where}: the query gives {len(columns)} columns; a look-up gives one value, name one")
        return {_text(row[0]) for row in rows} - {""}

    return from_database


def _file_source(where: str, lookup: Lookup, settings: Settings) -> Source:
    path = _file(where, lookup, settings)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"{where}: {path} cannot be read: {error.strerror}") from None
    if data.startswith(SPREADSHEETS):
        raise InputError(f"{where}: {path.name} is a spreadsheet: save it as CSV UTF-8")
    grid = csv_grid(data, path.name)
    header = list(grid.header)
    for name in (*lookup.match, lookup.value or ""):
        if name not in header:
            raise InputError(f"{where}: {path.name}: {unknown('column', name, header)}")
    asked = sorted((source, header.index(column)) for column, source in lookup.match.items())
    place = header.index(lookup.value or "")
    answers: dict[tuple[tuple[str, str], ...], set[str]] = {}
    for record in grid.records:
        cells = [*record.cells, *[""] * (len(header) - len(record.cells))]
        if cells[place]:
            answers.setdefault(tuple((source, cells[at]) for source, at in asked), set()).add(cells[place])
    return lambda question: answers.get(question.asked_with, set())


def _file(where: str, lookup: Lookup, settings: Settings) -> Path:
    folder = settings.keys.resolve()
    path = (folder / (lookup.file or "")).resolve()
    if not path.is_relative_to(folder):
        raise InputError(f"{where}: look-up tables live in {folder}, never outside")
    if not path.is_file():
        raise InputError(f"{where}: there is no file {path}: put it there")
    return path


def _text(value: Any) -> str:
    """An answer as text; days and times as DICOM writes them (PS3.5 6.2)."""
    match value:
        case None:
            return ""
        case bool():
            return "YES" if value else "NO"
        case datetime():
            return value.strftime("%Y%m%d" if value.time() == time.min else "%Y%m%d%H%M%S")
        case date():
            return value.strftime("%Y%m%d")
        case time():
            return value.strftime("%H%M%S")
        case float() | Decimal():
            return str(int(value)) if value == int(value) else str(value)
        case _:
            return str(value).strip()
