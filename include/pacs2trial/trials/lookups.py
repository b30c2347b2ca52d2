"""Named look-ups of a definition: values of a subject that stand in another table or database of the hospital."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, model_validator

from pacs2trial.trials.part import Part, Quoted, faults
from pacs2trial.trials.source import Location

SUBJECT_KEY: Final = "subject_key"
PATIENT_ID: Final = "patient_id"
ISSUER: Final = "issuer"
ACCESSION: Final = "accession_number"

IDENTITIES: Final = (PATIENT_ID, ISSUER, ACCESSION)
"""What a look-up may be asked by and what never leaves: the vault decrypts it for the question alone."""

NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,31}")

_PARAMETER: Final = re.compile(r"(?<![:\w\\]):([A-Za-z_]\w*)(?!:)")
_COMMENT: Final = re.compile(r"--|/\*")
_READING: Final = re.compile(r"\s*(select|with)\b", re.IGNORECASE)


def _as_pairs(value: Any) -> Any:
    """``subject_key`` as ``{subject_key: subject_key}``."""
    return {value: value} if isinstance(value, str) else value


class Lookup(Part):
    """One look-up, which gives one text for each question.

    Attributes:
        file: a CSV file under ``$PACS2TRIAL_HOME/keys``.
        match: column of that file → what stands in it: ``subject_key``, ``patient_id``, ``issuer``,
            ``accession_number``, a column of the key table, or the keyword of an attribute as staging keeps it.
        value: the column that holds the answer.
        connection, query: a database and a SELECT whose parameters (``:subject_key``) are named as in ``match``.
        default: the answer where the table has none; without it the subject is held.
    """

    file: Annotated[Quoted, Field(min_length=1)] | None = None
    match: Annotated[dict[str, Quoted], BeforeValidator(_as_pairs)] = {}  # noqa: RUF012  # pydantic copies it
    value: Quoted | None = None
    connection: Annotated[Quoted, Field(min_length=1)] | None = None
    query: Quoted | None = None
    default: Quoted | None = None

    @model_validator(mode="after")
    def _right(self) -> Self:
        problems = list(self._faults())
        if problems:
            raise faults(*problems)
        return self

    @property
    def asked_by(self) -> tuple[str, ...]:
        """What it is asked by, sorted: see ``match``."""
        if self.query is not None:
            return tuple(sorted(set(parameters_of(self.query))))
        return tuple(sorted(set(self.match.values())))

    def _faults(self) -> Iterator[tuple[Location, str]]:
        of_file = self.file is not None
        of_query = self.connection is not None or self.query is not None
        if of_file == of_query or (of_query and not (self.connection and self.query)):
            yield (), "needs either file, match and value, or connection and query"
            return
        if of_file:
            if not self.match:
                yield ("match",), "is missing: the column of the file, and what stands in it, such as subject_key"
            if not self.value:
                yield ("value",), "is missing: the column of the file that holds the answer"
        else:
            yield from self._faults_of_query(self.query or "")

    def _faults_of_query(self, query: str) -> Iterator[tuple[Location, str]]:
        if self.match or self.value:
            yield (), "match and value belong to a file; a query names its parameters, such as :subject_key"
        if not _READING.match(query) or ";" in query.rstrip().rstrip(";"):
            yield ("query",), "must be one SELECT: a look-up only reads"
        elif _COMMENT.search(query):
            yield ("query",), "holds a comment: leave it out"
        elif not parameters_of(query):
            yield ("query",), "asks by nothing: use a parameter such as :subject_key"


def parameters_of(query: str) -> list[str]:
    """The names of the bound parameters of a query."""
    return _PARAMETER.findall(query)
