"""Words that name nobody: what is left of a description under Clean Descriptors (PS3.15 E.3.6)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

from pacs2trial.profile.table import data_digest, data_text
from pacs2trial.trials.definition import RoiNames

_WORDS: Final = "safe_tokens.txt"
_ROI_NAMES: Final = "tg263_names.txt"
_EVERYDAY: Final = "everyday_words.txt"
_NOBODY: Final = "nobody.txt"

_WORD: Final = re.compile(r"[^\s,;:/\\_()\[\]{}*=<>|&^\"'#!?+-]+")
_CAMEL: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_MEASURE: Final = re.compile(
    r"[x@]?\d{1,4}(?:[.,]\d{1,4})?(?:mm|cm|um|ml|cc|kg|mg|g|m|s|sec|ms|min|h|hz|khz|mhz|kv|kvp|mv|kev|mev|ma|mas|gy|cgy|hu|fx|f|d|deg|%|t|w|x)?",
    re.IGNORECASE,
)
_LETTER_NUMBER: Final = re.compile(r"[A-Za-z]\d{1,3}[A-Za-z]{0,2}")
_MANY_DIGITS: Final = re.compile(r"\d(?:[\s()/._,-]*\d){5,}")
_ROI_DOSE: Final = re.compile(r"\d{1,5}(?:[.,p]\d{1,2})?(?:cgy|gy|mm|cm|%)?", re.IGNORECASE)
_ROI_SEPARATORS: Final = re.compile(r"[\s_.,;:/()\[\]{}*=<>|&^#!?+~%-]+")


@dataclass(frozen=True)
class Vocabulary:
    """The allow-lists of one trial.

    Attributes:
        roi_names: whether names of TG-263 stay, and which stay besides.
    """

    roi_names: RoiNames

    def clean(self, text: str) -> str:
        """``text`` less every word that is not known to be safe; numbers of six digits and more go, dates too.

        >>> Vocabulary(RoiNames()).clean("Thorax Smith 5.0mm 2019-03-12")
        'Thorax 5.0mm'
        """
        kept = ""
        end = -1
        text = _MANY_DIGITS.sub("\t", text)
        for match in _WORD.finditer(text):
            word = match.group().rstrip(".")
            if not _is_safe(word):
                continue
            between = text[end : match.start()] if end >= 0 else ""
            kept += (between if between.strip() and not _WORD.search(between) else " ") + word if kept else word
            end = match.start() + len(word)
        return kept

    def allows_roi_name(self, name: str) -> bool:
        """Whether a structure may keep its name."""
        if name in self.roi_names.also:
            return True
        if self.roi_names.allow == "none" or not name.isascii() or _MANY_DIGITS.search(name):
            return False
        parts = [part for part in _ROI_SEPARATORS.split(name) if part]
        return bool(parts) and ("".join(parts).casefold() in _roi_names() or all(_is_roi_part(part) for part in parts))


def vocabulary_digest() -> str:
    """SHA-256 over every list that decides what text stays."""
    return data_digest(_WORDS, _ROI_NAMES, _EVERYDAY)


@cache
def safe_words() -> frozenset[str]:
    """Every word of the allow-list, lower case."""
    return frozenset(_entries(_WORDS))


@cache
def everyday_words() -> frozenset[str]:
    """Names that are words of daily life as well, lower case."""
    return frozenset(_entries(_EVERYDAY))


@cache
def nobody() -> frozenset[str]:
    """Patient IDs that stand for nobody in particular, lower case."""
    return frozenset(_entries(_NOBODY))


def _is_safe(word: str) -> bool:
    if not word.isascii():
        return False
    if word.casefold() in safe_words() or _MEASURE.fullmatch(word) or _LETTER_NUMBER.fullmatch(word):
        return True
    parts = _CAMEL.findall(word)
    return len(parts) > 1 and "".join(parts) == word and all(_is_safe_part(part) for part in parts)


def _is_safe_part(part: str) -> bool:
    return part.casefold() in safe_words() or (part.isdigit() and len(part) <= 3)


def _is_roi_part(part: str) -> bool:
    if part.casefold() in _roi_parts() or _ROI_DOSE.fullmatch(part):
        return True
    pieces = _CAMEL.findall(part)
    return (
        len(pieces) > 1
        and "".join(pieces) == part
        and all(piece.casefold() in _roi_parts() or (piece.isdigit() and len(piece) <= 4) for piece in pieces)
    )


@cache
def _roi_names() -> frozenset[str]:
    return frozenset("".join(_ROI_SEPARATORS.split(name)) for name in _entries(_ROI_NAMES))


@cache
def _roi_parts() -> frozenset[str]:
    return frozenset(part for name in _entries(_ROI_NAMES) for part in _ROI_SEPARATORS.split(name) if part)


def _entries(name: str) -> Iterator[str]:
    for line in data_text(name).splitlines():
        if not line.startswith("#"):
            yield from line.casefold().split()
