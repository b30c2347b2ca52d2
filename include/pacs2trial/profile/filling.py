"""The values that rules set, once the subject is known."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

from pacs2trial.errors import HeldError, InputError
from pacs2trial.trials.nearest import unknown
from pacs2trial.trials.template import LOOKUP, template_of
from pacs2trial.trials.valueform import encoded_value

_DAY: Final = re.compile(r"(?P<year>\d{4})(?P<dash>-?)(?P<month>\d\d)(?P=dash)(?P<day>\d\d)", re.ASCII)


class Filling:
    """Fills templates with the values of one subject."""

    def __init__(self, trial: str, values: Mapping[str, str]) -> None:
        """Take the values of a subject.

        Args:
            trial: for messages.
            values: name of a place → text: columns of the key table, ``subject_key``, ``trial``, ``site``, and look-ups
                as ``lookup.<name>``.
        """
        self._trial = trial
        self._values = values
        self._filled: dict[tuple[bytes, str], bytes] = {}

    def value(self, vr: bytes, text: str) -> bytes:
        """What a rule that sets ``text`` writes with this VR, without padding.

        Raises:
            InputError: the key table has no such column.
            HeldError: the subject's cell is empty, or is no value of this VR. No value is repeated.
        """
        key = (vr, text)
        found = self._filled.get(key)
        if found is None:
            found = self._filled[key] = self._fill(vr.decode("ascii"), text)
        return found

    def day(self, column: str) -> date:
        """The day that stands in a column, as ``20240131`` or ``2024-01-31``.

        Raises:
            InputError: the key table has no such column.
            HeldError: the subject's cell holds no day. It is not repeated.
        """
        self._require(column, "profile.offset", "from which the trial counts days")
        found = _DAY.fullmatch(self._values[column].strip())
        day = _day(found["year"] + found["month"] + found["day"]) if found else None
        if day is None:
            raise HeldError(f"{self._subject}: column {column} holds no day such as 20240131: correct it")
        return day

    @property
    def _subject(self) -> str:
        return f"{self._trial}/{self._values['subject_key']}"

    def _require(self, name: str, asked_by: str, use: str) -> None:
        if name not in self._values:
            raise InputError(f"{self._subject}: {asked_by}: {self._absent(name)}")
        if not self._values[name].strip():
            raise HeldError(f"{self._subject}: {_meant(name)} is empty, {use}: fill it in")

    def _fill(self, vr: str, text: str) -> bytes:
        template = template_of(text)
        for name in template.names:
            self._require(name, f"profile.rules: set {text!r}", "which a rule of the trial sets")
        try:
            return encoded_value(vr, template.filled(self._values))
        except ValueError as error:
            names = ", ".join(_meant(name) for name in template.names)
            raise HeldError(
                f"{self._subject}: {names}: the value cannot be written as {text!r} asks: {error}"
            ) from None

    def _absent(self, name: str) -> str:
        known = [one for one in self._values if not one.startswith(LOOKUP)]
        return unknown("column", name, known, "the key table has no such column") + (
            "; rows of this subject that are of different visits may disagree about it"
        )


def _meant(name: str) -> str:
    if name.startswith(LOOKUP):
        return f"look-up {name.removeprefix(LOOKUP)}"
    return f"column {name}"


def _day(text: str) -> date | None:
    """The day of eight digits; None if the calendar has none."""
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None
