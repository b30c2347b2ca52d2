"""Words that name nobody: what is left of a description under Clean Descriptors (PS3.15 E.3.6)."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Final

from pacs2trial.profile.table import data_digest, data_text
from pacs2trial.trials.definition import RoiNames

_WORDS: Final = "safe_tokens.txt"
_ROI_NAMES: Final = "tg263_names.txt"
_EVERYDAY: Final = "everyday_words.txt"
_NOBODY: Final = "nobody.txt"
_CONTEXTS: Final = "word_contexts.txt"
_CUES: Final = "name_cues.txt"
PERSON_NAMES: Final = "person_names.txt"
TECHNICAL_WORDS: Final = "technical_words.txt"
MAKERS: Final = "makers.txt"

_CAMEL: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_LONG_NUMBER: Final = re.compile(r"\d(?:[\s()/._,-]*\d){5,}")
_LONGEST_NAME: Final = 64
_ROI_DOSE: Final = re.compile(r"\d{1,5}(?:[.,p]\d{1,2})?(?:cgy|gy|mm|cm|%)?", re.IGNORECASE)
_LAST_TOKEN: Final = re.compile(r"([^\W_]+)[\s.,/_-]{0,3}$")
_FIRST_TOKEN: Final = re.compile(r"^[\s.,/_-]{0,3}([^\W_]+)")
_ROI_SEPARATORS: Final = re.compile(r"[\s_.,;:/()\[\]{}*=<>|&^#!?+~%-]+")


@dataclass(frozen=True)
class Vocabulary:
    """The allow-lists of one trial.

    Attributes:
        roi_names: whether names of TG-263 stay, which stay besides, and what is done with the rest.
        descriptors: words and phrases that stay in descriptions besides those known to be safe.
    """

    roi_names: RoiNames
    descriptors: tuple[str, ...] = ()

    def allows_roi_name(self, name: str) -> bool:
        """Whether a structure may keep its name: it is on the trial's list, or every part of it is one of TG-263's."""
        if _same(name) in map(_same, self.roi_names.also):
            return True
        if (
            self.roi_names.allow == "none"
            or not name.isascii()
            or len(name) > _LONGEST_NAME
            or _LONG_NUMBER.search(name)
        ):
            return False
        parts = [part for part in _ROI_SEPARATORS.split(name) if part]
        return bool(parts) and ("".join(parts).casefold() in _roi_names() or all(_is_roi_part(part) for part in parts))


def _same(name: str) -> str:
    return unicodedata.normalize("NFC", name.strip())


@cache
def vocabulary_digest() -> str:
    """SHA-256 over every list that decides what text stays."""
    return data_digest(_WORDS, _ROI_NAMES, _EVERYDAY, _CONTEXTS, _CUES, PERSON_NAMES, TECHNICAL_WORDS, MAKERS)


def listed_words(name: str) -> frozenset[str]:
    """The words of a list, folded."""
    return frozenset(_entries(name))


@cache
def safe_words() -> frozenset[str]:
    """Every word of the allow-list, lower case."""
    return frozenset(_entries(_WORDS))


@cache
def everyday_words() -> frozenset[str]:
    """Names that are words of daily life as well, lower case."""
    return frozenset(_entries(_EVERYDAY))


@cache
def name_cues() -> frozenset[str]:
    """Titles and words that announce a name, folded."""
    return frozenset(_sections(_CUES)["cues"])


@cache
def name_particles() -> frozenset[str]:
    """Parts of names that are never a name alone: van, der, de la."""
    return frozenset(_sections(_CUES)["particles"])


def is_in_context(word: str, before: str, after: str) -> bool:
    """Whether a word that may be a name is none here, because of what stands right beside it.

    Args:
        word: folded.
        before: what stands before it, folded.
        after: what stands behind it, folded.

    >>> is_in_context("gray", "white and ", " matter"), is_in_context("gray", "for ", "")
    (True, False)
    """
    companions = _contexts().get(word)
    if not companions:
        return False
    return any(
        one in companions or (one.isdigit() and number in companions)
        for tokens, number in ((_LAST_TOKEN.findall(before), "#_"), (_FIRST_TOKEN.findall(after), "_#"))
        for one in tokens
    )


@cache
def _contexts() -> Mapping[str, frozenset[str]]:
    lines = (line.split(":", 1) for line in data_text(_CONTEXTS).splitlines() if line and not line.startswith(";"))
    return {word.strip(): frozenset(companions.split()) for word, companions in lines}


def _sections(name: str) -> dict[str, list[str]]:
    """The words of a file whose sections begin with ``[name]``."""
    found: dict[str, list[str]] = {}
    section = ""
    for entry in _entries(name):
        if entry.startswith("["):
            section = entry.strip("[]")
        else:
            found.setdefault(section, []).append(entry)
    return found


@cache
def nobody() -> frozenset[str]:
    """Patient IDs that stand for nobody in particular, lower case."""
    return frozenset(_entries(_NOBODY))


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
