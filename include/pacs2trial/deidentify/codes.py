"""Numbers and codes of a person as they stand in text: IDs, telephone numbers, address lines."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import pairwise
from typing import Final

from pacs2trial.profile.vocabulary import safe_words

_SEPARATORS: Final = r"[\s._/:-]"
_COMPACTED: Final = {ord(c): None for c in " \t\r._/:-"}
_ANYWHERE_FROM: Final = 6
_SPACED_FROM: Final = 5
_SHORTEST: Final = 3
_SHORTEST_PHONE: Final = 7
_PHONE_TAIL: Final = 8
_PHONE_RUN: Final = re.compile(r"\d(?:[\s()/.+_-]{0,3}\d){6,}")

_TOKEN: Final = re.compile(r"[^\W_]+")
_STREET: Final = re.compile(
    r"street|st|road|rd|avenue|ave|lane|drive|close|court|crescent|terrace|way|boulevard|blvd|highway|.*strasse|.*str"
    r"|.*weg|.*gasse|.*platz|.*allee|.*straat|.*laan|.*plein|.*gracht|rue|via|viale|calle|avenida|rua|.*gatan|.*vej"
)
_SPEAKING_STREET: Final = re.compile(r".{3,}(?:strasse|straat|gracht|gasse|gatan|platz|allee)")


def compact(text: str) -> str:
    """Folded text without the separators that people put into codes and numbers."""
    return text.translate(_COMPACTED)


# ---- codes ----------------------------------------------------------------------------------------------------------


def code_stem(code: str) -> str:
    """What is looked for, folded: a number less its leading zeros, which systems add and drop; empty for no code.

    A word of the allow-list is no code: phantoms are called so. One with digits is, even if it might be a b-value.
    """
    bare = compact(code)
    stem = bare.lstrip("0") if bare.isdigit() else bare
    return "" if len(stem) < _SHORTEST or (stem.isalpha() and stem in safe_words()) else stem


@lru_cache(maxsize=1024)
def code_pattern(stem: str) -> re.Pattern[str]:
    """Where a code counts: a number not within a longer number, a short code not within a longer word.

    From five characters on, single separators may stand between any two of them.
    """
    spaced = len(stem) >= _SPACED_FROM
    literal = (_SEPARATORS + "?").join(map(re.escape, stem)) if spaced else re.escape(stem)
    if stem.isdigit():
        zeros = r"(?:0[\s_/:-]?)*" if spaced else "0*"
        return re.compile(rf"(?<!\d)(?<!\d[.,]){zeros}{literal}(?!\d)(?![.,]\d)")
    if len(stem) < _ANYWHERE_FROM:
        return re.compile(rf"(?<![^\W_]){literal}(?![^\W_])")
    return re.compile(literal)


# ---- telephone numbers ----------------------------------------------------------------------------------------------


def phone_tails(text: str) -> Iterator[str]:
    """The last digits of telephone numbers: what is the same with and without prefixes."""
    for number in re.split(r"[\\,;]", text):
        digits = "".join(c for c in number if c.isdigit())
        if len(digits) >= _SHORTEST_PHONE:
            yield digits[-_PHONE_TAIL:].lstrip("0") or digits


def phone_spans(text: str, tails: Iterable[str]) -> Iterator[tuple[int, int]]:
    for match in _PHONE_RUN.finditer(text):
        digits = "".join(c for c in match.group() if c.isdigit())
        if any(digits.endswith(tail) or tail in digits for tail in tails):
            yield match.span()


# ---- addresses ------------------------------------------------------------------------------------------------------


def address_patterns(text: str) -> Iterator[str]:
    """What of an address (folded) is looked for: neighbouring words and numbers together, a speaking street alone.

    A street may be called Church Road, and a town may be in the name of its hospital: one such word alone says nothing.
    """
    tokens = _TOKEN.findall(text)
    for token in tokens:
        if _SPEAKING_STREET.fullmatch(token):
            yield token
    for first, second in pairwise(tokens):
        if _speaks(first, second):
            yield rf"{re.escape(first)}[\W_]{{0,3}}{re.escape(second)}"
    tail = _postcode(tokens)
    if tail:
        yield tail


def _speaks(first: str, second: str) -> bool:
    """Whether the two together are part of an address and hardly of anything else."""
    pair = (first, second)
    if all(token.isdigit() or token in safe_words() for token in pair):
        return any(_STREET.fullmatch(token) for token in pair) and any(len(token) > 2 for token in pair)
    return any(len(token) >= 4 and token not in safe_words() for token in pair) or all(
        any(c.isdigit() for c in token) and len(token) >= 2 for token in pair
    )


def _postcode(tokens: list[str]) -> str:
    """A postcode in one piece or two, such as LS9 7TF."""
    for first, second in pairwise(tokens):
        both = first + second
        if 5 <= len(both) <= 8 and first[0].isalpha() and first[-1].isdigit() and re.fullmatch(r"\d[a-z]{2}", second):
            return rf"{re.escape(first)}\s?{re.escape(second)}"
    return ""
