"""The object's own identifiers: gathered while it is walked, then searched in every text that would stay."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Final

from pacs2trial.deidentify.birthdate import notations
from pacs2trial.deidentify.codes import (
    address_patterns,
    code_pattern,
    code_stem,
    compact,
    phone_spans,
    phone_tails,
)
from pacs2trial.deidentify.dates import as_date
from pacs2trial.deidentify.folding import folded, origins
from pacs2trial.deidentify.harvest import (
    ADDRESS,
    BIRTH_DATE,
    CONTACT,
    NAME,
    PHONE,
    WEAK_IDENTIFIER,
    readings,
)
from pacs2trial.deidentify.person import Person, persons_of, words_of

DUMMY_WORD: Final = "REMOVED"

Span = tuple[int, int]
Harvest = tuple[str, bytes, bytes]
"""Kind, character set, value as encoded."""

_NUMBERS_FROM: Final = 6
_WEAK_FROM: Final = 6
_FROM_NAME_FROM: Final = 4
_NO_NAMES: Final = frozenset((DUMMY_WORD.casefold(), "anonymous", "anonymized", "anonymised", "unknown", "none"))
_TOKEN: Final = re.compile(r"[^\W_]+")
_MAIL_NAME: Final = re.compile(r"([\w.+-]{3,})@")


@dataclass(frozen=True, eq=False)
class OwnIdentifiers:
    """What must not stand in any text of the object; all folded.

    Attributes:
        persons: names.
        codes: stems of IDs, as :func:`pacs2trial.deidentify.codes.code_stem` gives them.
        whole: IDs of any length, which may not be a value by themselves.
        born: birth dates.
        phones: last digits of telephone numbers.
        addresses: patterns.
        numbers: IDs and birth dates of six digits and more, as they may stand in a number string.
    """

    persons: tuple[Person, ...]
    codes: frozenset[str]
    whole: frozenset[str]
    born: frozenset[date]
    phones: frozenset[str]
    addresses: tuple[re.Pattern[str], ...]
    numbers: frozenset[str]
    _needles: tuple[str, ...] = field(repr=False)

    def may_stand_in(self, text: str) -> bool:
        """False if ``text`` (folded; may be many texts at once, one a line) surely holds none."""
        close = compact(text)
        if any(needle in text or needle in close for needle in self._needles):
            return True
        if any(code in close for code in self.codes):
            return True
        if any(tail in "".join(c for c in text if c.isdigit()) for tail in self.phones):
            return True
        return any(pattern.search(text) for pattern in self.addresses) or (
            bool(self.whole) and not self.whole.isdisjoint(line.strip() for line in text.split("\n"))
        )

    def stands_in(self, text: str, *, coded: bool = False) -> bool:
        """Whether one stands in ``text``.

        Args:
            text: one value, as written: the case of letters tells words apart.
            coded: the value is a coded string, where a word that is a term is no name.
        """
        return _stands_in(self, text, coded)

    def spans(self, text: str, *, coded: bool = False) -> list[Span]:
        """Where they stand in ``text``, as indices into it; spans may overlap."""
        words = words_of(text)
        found = [span for person in self.persons for span in person.spans(words, text, coded=coded)]
        lower = folded(text)
        in_lower = [*self._spans_of_codes(lower), *self._spans_of_the_rest(lower)]
        if in_lower and len(lower) != len(text):
            at = origins(text)
            in_lower = [(at[start], at[end - 1] + 1) for start, end in in_lower]
        if not coded and lower.strip() in self.whole:
            found.append((0, len(text)))
        return found + in_lower

    def _spans_of_codes(self, text: str) -> Iterator[Span]:
        close = compact(text)
        for code in self.codes:
            if code in close:
                yield from (match.span() for match in code_pattern(code).finditer(text))

    def _spans_of_the_rest(self, text: str) -> Iterator[Span]:
        for day in self.born:
            if f"{day:%y}" in text:
                yield from (match.span() for match in notations(day).finditer(text))
        if self.phones:
            yield from phone_spans(text, self.phones)
        for pattern in self.addresses:
            yield from (match.span() for match in pattern.finditer(text))


@lru_cache(maxsize=16384)
def _stands_in(own: OwnIdentifiers, text: str, coded: bool) -> bool:  # noqa: FBT001 - a key of the cache
    return bool(own.spans(text, coded=coded))


def own_identifiers(harvest: Iterable[Harvest]) -> OwnIdentifiers:
    """Sort out what was gathered. The objects of a series give the same, so it is done once for them.

    Args:
        harvest: kind, character set, value as encoded.
    """
    return _own_identifiers(tuple(sorted(harvest)))


@lru_cache(maxsize=128)
def _own_identifiers(harvest: tuple[Harvest, ...]) -> OwnIdentifiers:
    gathered = _Gathered()
    for kind, charset, value in harvest:
        for text in readings(value, charset):
            gathered.add(kind, text)
    return gathered.own_identifiers()


class _Gathered:
    def __init__(self) -> None:
        self.persons: dict[Person, None] = {}
        self.codes: set[str] = set()
        self.whole: set[str] = set()
        self.born: set[date] = set()
        self.phones: set[str] = set()
        self.addresses: dict[str, None] = {}

    def add(self, kind: str, text: str) -> None:
        if kind == NAME:
            self._name(text)
        elif kind == BIRTH_DATE:
            day = as_date(text.encode("ascii", "replace").replace(b".", b""))
            if day is not None:
                self.born.add(day)
        elif kind == PHONE:
            self.phones.update(phone_tails(text))
        elif kind == ADDRESS:
            self.addresses.update(dict.fromkeys(address_patterns(folded(text))))
        elif kind == CONTACT:
            self.phones.update(phone_tails(text))
            self.codes.update(code_stem(name) for name in _MAIL_NAME.findall(folded(text)))
        else:
            self._identifiers(folded(text), weak=kind == WEAK_IDENTIFIER)

    def _name(self, text: str) -> None:
        if folded(text).strip(" ^=") in _NO_NAMES:
            return
        self.persons.update(dict.fromkeys(persons_of(text)))
        for part in re.split(r"[\s^=\\]+", folded(text)):
            if any(c.isdigit() for c in part) and len(compact(part)) >= _FROM_NAME_FROM:
                self.codes.add(code_stem(part))

    def _identifiers(self, text: str, *, weak: bool) -> None:
        for value in text.split("\\"):
            bare = value.strip(" \0")
            if not bare or bare in _NO_NAMES:
                continue
            if weak:
                if len(bare) >= _WEAK_FROM and any(c.isdigit() for c in bare):
                    self.codes.add(code_stem(bare))
                continue
            self.codes.add(code_stem(bare))
            self.whole.add(bare)

    def own_identifiers(self) -> OwnIdentifiers:
        codes = frozenset(self.codes - {""})
        numbers = {code for code in codes if code.isdigit() and len(code) >= _NUMBERS_FROM}
        numbers |= {f"{day:{form}}".lstrip("0") for day in self.born for form in ("%Y%m%d", "%d%m%Y", "%m%d%Y")}
        needles = {needle for person in self.persons for needle in person.needles()}
        needles |= {f"{day:%y}" for day in self.born}
        return OwnIdentifiers(
            persons=tuple(self.persons),
            codes=codes,
            whole=frozenset(self.whole),
            born=frozenset(self.born),
            phones=frozenset(self.phones),
            addresses=tuple(re.compile(pattern) for pattern in self.addresses),
            numbers=frozenset(numbers),
            _needles=tuple(sorted(needles)),
        )
