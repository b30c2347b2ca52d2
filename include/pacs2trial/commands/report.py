"""What a command found or did, and how people and programs get to read it."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from itertools import zip_longest
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.table import Table as RichTable

DONE = 0
FAILED = 1
WRONG = 2
HELD = 3


@dataclass(frozen=True)
class Table:
    """Rows for people. Columns of numbers are set flush right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    title: str = ""


@dataclass(frozen=True)
class Report:
    """The result of a command: ``content`` for programs, ``tables`` for people, ``notes`` for the terminal's user."""

    content: Mapping[str, Any]
    tables: Sequence[Table] = ()
    text: str = ""
    notes: Sequence[str] = field(default_factory=tuple)
    status: int = DONE


def show(report: Report, *, as_json: bool) -> None:
    """Result to stdout, messages to stderr."""
    for note in report.notes:
        click.echo(note, err=True)
    if as_json:
        click.echo(json.dumps(report.content, default=plain, ensure_ascii=False, indent=2))
        return
    if report.text:
        click.echo(report.text.rstrip("\n"))
    for table in report.tables:
        _show_rich(table) if sys.stdout.isatty() else _show_plain(table)


def plain(value: object) -> Any:
    """``value`` as something JSON can say."""
    match value:
        case Enum():
            return value.value
        case Path():
            return str(value)
        case date():
            return value.isoformat()
        case set() | frozenset():
            return sorted(value)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {part.name: getattr(value, part.name) for part in dataclasses.fields(value)}
    raise TypeError(f"{type(value).__name__} has no JSON form")


def cell(value: object) -> str:
    """``value`` as a person reads it in a table."""
    if value is None or value == "":
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Enum):
        return str(value.value)
    return str(value)


def _numeric(table: Table) -> list[bool]:
    columns = zip_longest(*table.rows) if table.rows else [() for _ in table.columns]
    return [any(isinstance(value, int) and not isinstance(value, bool) for value in column) for column in columns]


def _show_plain(table: Table) -> None:
    rows = [list(table.columns), *[[cell(value) for value in row] for row in table.rows]]
    widths = [max(len(text) for text in column) for column in zip(*rows, strict=True)]
    if table.title:
        click.echo(table.title)
    columns = list(zip(widths, _numeric(table), strict=True))
    for row in rows:
        texts = [
            text.rjust(width) if right else text.ljust(width) for text, (width, right) in zip(row, columns, strict=True)
        ]
        click.echo("  ".join(texts).rstrip())


def _show_rich(table: Table) -> None:
    drawn = RichTable(title=table.title or None, title_justify="left")
    for name, right in zip(table.columns, _numeric(table), strict=True):
        drawn.add_column(name, justify="right" if right else "left", overflow="fold")
    for row in table.rows:
        drawn.add_row(*[cell(value) for value in row])
    Console(highlight=False, markup=False).print(drawn)
