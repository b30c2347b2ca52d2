"""Reading the modification table of a Conquest DICOM server: ``UIDMODS`` as CSV.

Its columns are MODTime, OldUID, MODType, NewUID, Stage and optionally more. The table holds UIDs and whatever else its
scripts replaced: patient IDs, names, birth dates. An empty stage is the server's first stage, any other is a trial.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from pacs2trial.errors import InputError
from pacs2trial.trials.definition import STAGING

COLUMNS = ("MODTime", "OldUID", "MODType", "NewUID", "Stage")
FIRST_STAGE = {"", "(empty)", STAGING.lower()}
WELL_KNOWN = "1.2.840.10008."
"""Root of the standard's own UIDs (PS3.6 A), which Conquest maps and pacs2trial never does."""

_UID = re.compile(r"[0-9]+(\.[0-9]+)+")
_LONGEST = 64
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")


class Meaning(StrEnum):
    """What a row is about."""

    UID = "uid"
    PATIENT_ID = "patient ID"


@dataclass(frozen=True, slots=True)
class ModRow:
    """One row that says something to a vault. ``number`` counts lines of the file, the first being 1."""

    number: int
    scope: str
    meaning: Meaning
    old: str = field(repr=False)
    new: str = field(repr=False)


@dataclass(frozen=True)
class ModTable:
    """The rows that matter, and how many others there were: names, birth dates, sexes and UIDs of the standard."""

    rows: Sequence[ModRow]
    passed_over: int


def read_uidmods(path: Path, trials: Collection[str]) -> ModTable:
    """Read an export. Comma, semicolon or tab; UTF-8 or Latin-1; with a line of headings or without.

    Args:
        path: the file.
        trials: the trial IDs that a stage may name; case does not count.

    Raises:
        InputError: the file cannot be read, or rows cannot be used; all are listed by line, none of their values.
    """
    lines = _lines(path)
    known = {trial.lower(): trial for trial in trials}
    rows: list[ModRow] = []
    problems: list[str] = []
    passed_over = 0
    places = _places(lines[0]) if lines else None
    for number, cells in enumerate(lines, 1):
        if not any(cells) or (number == 1 and places is not None):
            continue
        order = places or {name: place for place, name in enumerate(COLUMNS)}
        if len(cells) <= max(order.values()):
            problems.append(f"line {number}: {len(cells)} columns, expected {', '.join(COLUMNS)}")
            continue
        old, kind, new, stage = (cells[order[name]].strip() for name in COLUMNS[1:])
        scope = STAGING if stage.lower() in FIRST_STAGE else known.get(stage.lower(), "")
        meaning = _meaning(kind, old)
        if meaning is None or old.startswith(WELL_KNOWN):
            passed_over += 1
        elif not scope:
            problems.append(
                f"line {number}: its stage is no trial of this site; trials are {', '.join(sorted(trials))}"
            )
        elif fault := _fault(meaning, scope, old, new):
            problems.append(f"line {number}: {fault}")
        else:
            rows.append(ModRow(number, scope, meaning, old, new))
    problems += _contradictions(rows)
    if problems:
        raise InputError(*problems)
    return ModTable(rows, passed_over)


def _lines(path: Path) -> list[list[str]]:
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    head = text.split("\n", 1)[0]
    delimiter = max(",;\t", key=head.count)
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InputError(f"{path}: this is no CSV file: {error}") from None


def _places(cells: Sequence[str]) -> dict[str, int] | None:
    """Where each column stands by the line of headings; None when the first line is none."""
    names = {cell.strip().lower(): place for place, cell in enumerate(cells)}
    if "olduid" not in names:
        return None
    missing = [name for name in COLUMNS if name.lower() not in names]
    if missing:
        raise InputError(
            f"line 1: the column {', '.join(missing)} is missing; a UIDMODS table has {', '.join(COLUMNS)}"
        )
    return {name: names[name.lower()] for name in COLUMNS}


def _meaning(kind: str, old: str) -> Meaning | None:
    """What a row is about: the type is a label that scripts choose freely, so the value has its say."""
    label = kind.replace(" ", "").lower()
    if label == "patientid":
        return Meaning.PATIENT_ID
    if label.startswith("patient") or not _UID.fullmatch(old):
        return None
    return Meaning.UID


def _fault(meaning: Meaning, scope: str, old: str, new: str) -> str:
    if meaning is Meaning.UID:
        return "" if _UID.fullmatch(new) and len(new) <= _LONGEST else "NewUID is no UID of at most 64 characters"
    if not old:
        return "OldUID is empty"
    if scope == STAGING and not _CODE.fullmatch(new):
        return "NewUID cannot stand for a patient: up to 32 letters, digits, '.', '_' and '-'"
    return ""


def _contradictions(rows: Sequence[ModRow]) -> list[str]:
    """Rows that do not agree with an earlier one of the same stage: one original twice, or one pseudonym twice."""
    problems = []
    forward: dict[tuple[str, Meaning, str], ModRow] = {}
    back: dict[tuple[str, Meaning, str], ModRow] = {}
    for row in rows:
        first = forward.setdefault((row.scope, row.meaning, row.old), row)
        if first.new != row.new:
            problems.append(
                f"line {row.number}: the same original stands in line {first.number} with another pseudonym"
            )
        first = back.setdefault((row.scope, row.meaning, row.new), row)
        if first.old != row.old and not (row.meaning is Meaning.PATIENT_ID and row.scope != STAGING):
            problems.append(f"line {row.number}: the same pseudonym stands in line {first.number} for another original")
    return problems
