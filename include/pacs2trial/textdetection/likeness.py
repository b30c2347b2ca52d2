"""The patient's own identifiers in text that a machine read, whose errors are allowed for."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from typing import Final

from pacs2trial.deidentify.codes import compact
from pacs2trial.deidentify.harvest import BIRTH_DATE, IDENTIFIER, NAME, PHONE
from pacs2trial.deidentify.identifiers import OwnIdentifiers, own_identifiers
from pacs2trial.textdetection.words import as_digits, chunks, known_words, likeness, plain

_UTF_8: Final = b"ISO_IR 192"
_CODE_INSIDE_FROM: Final = 6
_INSIDE_FROM: Final = 4
_ONE_ERROR_FROM: Final = 5
_ERRORS_PER: Final = 5
"""One wrong sign is allowed for in so many."""


def identifiers(
    *,
    names: Iterable[str] = (),
    ids: Iterable[str] = (),
    birth_dates: Iterable[date] = (),
    phones: Iterable[str] = (),
) -> OwnIdentifiers:
    """What is looked for in the pixels of one patient.

    Args:
        names: as VR PN has them (PS3.5 6.2.1), of the patient and of staff.
        ids: patient IDs, accession numbers, admission and order numbers.
        birth_dates: of the patient.
        phones: telephone numbers.
    """
    values = [
        *((NAME, name) for name in names),
        *((IDENTIFIER, code) for code in ids),
        *((BIRTH_DATE, f"{day:%Y%m%d}") for day in birth_dates),
        *((PHONE, number) for number in phones),
    ]
    return own_identifiers((kind, _UTF_8, value.encode()) for kind, value in values if value.strip())


def named_in(text: str, own: OwnIdentifiers) -> str:
    """Which kind of the patient's own identifiers stands in a text, exactly or nearly so; empty if none does.

    Args:
        text: as read.
        own: of the patient.
    """
    lower = plain(text)
    if own.stands_in(text) or own.stands_in(lower) or own.stands_in(as_digits(lower)):
        return "identifier"
    read = likeness(compact(lower))
    if any(_nearly_in(likeness(code), read) for code in own.codes if len(code) >= _CODE_INSIDE_FROM):
        return "identifier"
    alone = {likeness(chunk) for chunk in chunks(lower)}
    if any(likeness(code) in alone for code in own.codes):
        return "identifier"
    words = [chunk for chunk in chunks(lower) if chunk not in known_words()]
    names = {part for person in own.persons for part in (*person.sure, *person.everyday, *person.joined)}
    if any(_is_name(word, name) for word in words for name in names):
        return "name"
    if any(len(name) >= _INSIDE_FROM and _nearly_in(likeness(name), likeness("".join(words))) for name in names):
        return "name"
    return ""


def _is_name(word: str, name: str) -> bool:
    """Whether a word is a name or, from three signs on, the beginning of one that was cut off."""
    ours, theirs = likeness(word), likeness(name)
    if ours == theirs:
        return True
    if 3 < len(ours) < len(theirs) and theirs.startswith(ours):
        return True
    allowed = _errors(len(theirs))
    return bool(allowed) and abs(len(ours) - len(theirs)) <= allowed and _distance(ours, theirs, allowed) <= allowed


def _nearly_in(needle: str, text: str) -> bool:
    if not needle or len(needle) > len(text) + _errors(len(needle)):
        return False
    if needle in text:
        return True
    return _closest(needle, text) <= _errors(len(needle))


def _errors(length: int) -> int:
    return length // _ERRORS_PER if length >= _ONE_ERROR_FROM else 0


def _distance(one: str, other: str, allowed: int) -> int:
    """Signs to change, add or drop between two words (Levenshtein); more than ``allowed`` counts as one more."""
    row = list(range(len(other) + 1))
    for number, sign in enumerate(one, 1):
        before, row[0] = row[0], number
        for place, theirs in enumerate(other, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (sign != theirs))
        if min(row) > allowed:
            return allowed + 1
    return row[-1]


def _closest(needle: str, text: str) -> int:
    """The distance of ``needle`` from the part of ``text`` that is most like it (Sellers)."""
    row = [0] * (len(text) + 1)
    for number, sign in enumerate(needle, 1):
        before, row[0] = row[0], number
        for place, theirs in enumerate(text, 1):
            before, row[place] = row[place], min(row[place] + 1, row[place - 1] + 1, before + (sign != theirs))
    return min(row)
