"""One row of a key table: which hospital patient is which subject of a trial."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

REQUIRED = ("patient_id", "subject_key")
OPTIONAL = ("issuer", "alias", "as_is", "accession_number", "study_date_from", "study_date_to")
IDS = ("patient_id", "subject_key", "issuer", "accession_number")
"""Columns in which every sign counts: a spreadsheet that took a cell for a number or a date has changed it."""


@dataclass(frozen=True)
class Place:
    """Where rows stand, as messages name it.

    Attributes:
        table: file, sheet of a file, or query.
        letters: in a spreadsheet, the letter of each column by its name.
    """

    table: str
    letters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class KeyTableRow:
    """A row as it was read; every cell is text without spaces around it.

    Attributes:
        number: row number in the file, the header being row 1; rows of a query count from 1.
        alias: the patient ID is a second one of a subject that another row gives its main one.
        as_is: a person has looked at the patient ID and says that it is meant as it stands.
        columns: the free columns of the table, by name.
        faults: cells that could not be read, as ``column …: what is wrong``; such a row is never imported.
        place: where it was read; empty for a row from the vault.
    """

    number: int
    patient_id: str = field(repr=False)
    subject_key: str = field(repr=False)
    issuer: str = ""
    alias: bool = False
    as_is: bool = False
    accession_number: str = field(default="", repr=False)
    study_date_from: date | None = None
    study_date_to: date | None = None
    columns: Mapping[str, str] = field(default_factory=dict, repr=False)
    faults: tuple[str, ...] = ()
    place: Place = field(default=Place(""), repr=False, compare=False)

    @property
    def patient(self) -> tuple[str, str]:
        """(issuer, patient ID): what identifies a hospital patient."""
        return self.issuer, self.patient_id

    @property
    def visit(self) -> tuple[str, date | None, date | None]:
        """What restricts the row to some of the patient's studies; all empty when nothing does."""
        return self.accession_number, self.study_date_from, self.study_date_to

    @property
    def names_visit(self) -> bool:
        return any(self.visit)

    def content(self) -> bytes:
        """The row as JSON, equal for equal rows wherever they stand in the table."""
        return _json(self._fields() | {"as_is": self.as_is})

    def meaning(self) -> bytes:
        """The part of :meth:`content` that packages depend on: not that a person has looked at the row."""
        return _json(self._fields())

    @classmethod
    def from_content(cls, number: int, content: bytes) -> KeyTableRow:
        """The row that :meth:`content` wrote."""
        fields = json.loads(content)
        for name in ("study_date_from", "study_date_to"):
            fields[name] = date.fromisoformat(fields[name]) if fields[name] else None
        return cls(number=number, **fields)

    def _fields(self) -> dict[str, Any]:
        return {
            "patient_id": self.patient_id,
            "subject_key": self.subject_key,
            "issuer": self.issuer,
            "alias": self.alias,
            "accession_number": self.accession_number,
            "study_date_from": _iso(self.study_date_from),
            "study_date_to": _iso(self.study_date_to),
            "columns": dict(self.columns),
        }


def _json(fields: Mapping[str, Any]) -> bytes:
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def _iso(day: date | None) -> str | None:
    return day.isoformat() if day else None
