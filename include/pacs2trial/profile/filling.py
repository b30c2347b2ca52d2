"""The values that rules set, once the subject is known."""

from __future__ import annotations

from collections.abc import Mapping

from pacs2trial.errors import HeldError, InputError
from pacs2trial.trials.nearest import unknown
from pacs2trial.trials.template import LOOKUP, template_of
from pacs2trial.trials.valueform import encoded_value


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

    def _fill(self, vr: str, text: str) -> bytes:
        template = template_of(text)
        subject = f"{self._trial}/{self._values['subject_key']}"
        for name in template.names:
            if name not in self._values:
                raise InputError(f"{subject}: profile.rules: set {text!r}: {self._absent(name)}")
            if not self._values[name].strip():
                raise HeldError(f"{subject}: {_meant(name)} is empty, which a rule of the trial sets: fill it in")
        try:
            return encoded_value(vr, template.filled(self._values))
        except ValueError as error:
            names = ", ".join(_meant(name) for name in template.names)
            raise HeldError(f"{subject}: {names}: the value cannot be written as {text!r} asks: {error}") from None

    def _absent(self, name: str) -> str:
        known = [one for one in self._values if not one.startswith(LOOKUP)]
        return unknown("column", name, known, "the key table has no such column") + (
            "; rows of this subject that are of different visits may disagree about it"
        )


def _meant(name: str) -> str:
    if name.startswith(LOOKUP):
        return f"look-up {name.removeprefix(LOOKUP)}"
    return f"column {name}"
