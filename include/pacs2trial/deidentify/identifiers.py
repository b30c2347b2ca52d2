"""The object's own identifiers: gathered while it is walked, then searched in every text that would stay."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from pacs2trial.deidentify.charset import decode
from pacs2trial.deidentify.dates import as_date
from pacs2trial.profile.vocabulary import everyday_words, safe_words

NAME: Final = "name"
IDENTIFIER: Final = "identifier"
BIRTH_DATE: Final = "birth date"
PHONE: Final = "phone"

HARVESTED: Final = {
    0x00080050: IDENTIFIER,  # Accession Number
    0x00100020: IDENTIFIER,  # Patient ID
    0x00100030: BIRTH_DATE,
    0x00101000: IDENTIFIER,  # Other Patient IDs
    0x00101090: IDENTIFIER,  # Medical Record Locator
    0x00102154: PHONE,
    0x00380010: IDENTIFIER,  # Admission ID
    0x00380060: IDENTIFIER,  # Service Episode ID
    0x00402016: IDENTIFIER,  # Placer Order Number
    0x00402017: IDENTIFIER,  # Filler Order Number
}
"""What is gathered besides every attribute of VR PN."""

DUMMY_WORD: Final = "REMOVED"

_SHORTEST_PART: Final = 3
_SHORTEST_IDENTIFIER: Final = 3
_INSIDE_WORDS_FROM: Final = 5
_INSIDE_CODES_FROM: Final = 6
_SHORTEST_PHONE: Final = 7
_LETTERS: Final = re.compile(r"[^\W\d_]+")
_MONTHS: Final = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_NO_NAMES: Final = frozenset((DUMMY_WORD.casefold(), "anonymous", "anonymized", "anonymised", "unknown", "none"))


@lru_cache(maxsize=8192)
def folded(text: str) -> str:
    """``text`` as it is compared: letters without marks, without case."""
    if text.isascii():
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in plain if not unicodedata.combining(c))


@dataclass(frozen=True)
class OwnIdentifiers:
    """What must not stand in any text of the object; all folded.

    Attributes:
        inside: parts of names that are looked for inside words too.
        words: parts of names that count as whole words only: short ones, and words of anatomy and daily life.
        codes: IDs and birth dates.
        phones: the digits of telephone numbers.
        numbers: IDs that consist of six and more digits, as they may stand in an integer string.
    """

    inside: frozenset[str]
    words: frozenset[str]
    codes: frozenset[str]
    phones: frozenset[str]
    numbers: frozenset[str]

    def may_stand_in(self, text: str) -> bool:
        """False if ``text`` (folded; may be many texts at once) surely holds none."""
        return (
            any(needle in text for needle in self.inside)
            or any(needle in text for needle in self.words)
            or any(code in text for code in self.codes)
            or bool(self.phones)
        )

    def stands_in(self, text: str, *, coded: bool = False) -> bool:
        """Whether one stands in ``text`` (folded).

        Args:
            text: one value.
            coded: the value is a coded string, where a common word is a term and not a name.
        """
        words = set(_LETTERS.findall(text))
        return (
            any(word in self.words and not (coded and _is_common(word)) for word in words)
            or any(self._inside(needle, words) for needle in self.inside if needle in text)
            or any(code in text and _code_pattern(code).search(text) is not None for code in self.codes)
            or (bool(self.phones) and self._phone(text))
        )

    @staticmethod
    def _inside(needle: str, words: Iterable[str]) -> bool:
        return any(needle in word and word not in safe_words() for word in words)

    def _phone(self, text: str) -> bool:
        digits = "".join(c for c in text if c.isdigit())
        return any(phone in digits for phone in self.phones)


def own_identifiers(harvest: Iterable[tuple[str, bytes, bytes]]) -> OwnIdentifiers:
    """Sort out what was gathered.

    Args:
        harvest: kind, character set, value as encoded.
    """
    names: set[str] = set()
    codes: set[str] = set()
    phones: set[str] = set()
    for kind, charset, value in harvest:
        if kind == BIRTH_DATE:
            codes.update(_birth_date_spellings(value))
            continue
        text = folded(decode(value, charset) or value.decode("latin-1"))
        if kind == NAME:
            names.update(_name_parts(text))
            codes.update(part for part in re.split(r"[\s^=\\]+", text) if any(c.isdigit() for c in part))
        elif kind == PHONE:
            phones.update(_phone_digits(text))
        else:
            codes.update(part.strip(" \0") for part in text.split("\\"))
    codes = {stem for code in codes if len(stem := _stem(code)) >= _SHORTEST_IDENTIFIER and code not in _NO_NAMES}
    words = {
        name for name in names if _is_common(name) or (len(name) < _INSIDE_WORDS_FROM and not _is_without_case(name))
    }
    numbers = frozenset(code for code in codes if code.isdigit() and len(code) >= _INSIDE_CODES_FROM)
    return OwnIdentifiers(frozenset(names - words), frozenset(words), frozenset(codes), frozenset(phones), numbers)


def _name_parts(text: str) -> Iterator[str]:
    """The parts of a name; a code in place of a name lends only what looks like a word."""
    for component in re.split(r"[\s^=\\]+", text):
        parts = _LETTERS.findall(component)
        shortest = _INSIDE_WORDS_FROM if any(c.isdigit() for c in component) else _SHORTEST_PART
        for part in (*parts, "".join(parts)):
            if (len(part) >= shortest or (len(part) > 1 and _is_without_case(part))) and part not in _NO_NAMES:
                yield part


def _is_without_case(part: str) -> bool:
    """Scripts such as Chinese, Japanese and Korean: two characters are a name, and words are not set apart."""
    return part.upper() == part.lower()


def _phone_digits(text: str) -> Iterator[str]:
    for number in text.split("\\"):
        digits = "".join(c for c in number if c.isdigit())
        if len(digits) >= _SHORTEST_PHONE:
            yield digits


def _stem(code: str) -> str:
    """A number is looked for less its leading zeros: systems add and drop them."""
    return code.lstrip("0") if code.isdigit() else code


def _is_common(word: str) -> bool:
    return word in everyday_words() or word in safe_words()


def _birth_date_spellings(value: bytes) -> Iterator[str]:
    born = as_date(value)
    if born is None:
        return
    year, month, day = f"{born:%Y}", f"{born:%m}", f"{born:%d}"
    orders = ((year, month, day), (day, month, year), (month, day, year), (str(born.day), str(born.month), year))
    for order in (*orders, (str(born.month), str(born.day), year)):
        yield from (separator.join(order) for separator in ("-", ".", "/", "_", " "))
    yield from (year + month + day, day + month + year, month + day + year)
    name = _MONTHS[born.month - 1]
    for one in (day, str(born.day)):
        yield from (separator.join((one, name, year)) for separator in ("", "-", " "))
    yield f"{name} {born.day}, {year}"


@lru_cache(maxsize=1024)
def _code_pattern(code: str) -> re.Pattern[str]:
    """Where ``code`` counts: a number not within a longer number, a short code not within a longer word."""
    literal = re.escape(code)
    if code.isdigit():
        return re.compile(rf"(?<!\d)0*{literal}(?!\d)")
    if len(code) < _INSIDE_CODES_FROM:
        return re.compile(rf"(?<![^\W_]){literal}(?![^\W_])")
    return re.compile(literal)
