"""Clean Descriptors (PS3.15 E.3.5) by an allow-list: of a description only words stay that are known to name nobody.

What identifies by its form goes first, however safe its words are (:mod:`pacs2trial.profile.forms`). Then every word is
looked up. A word that may be a name as well (Gray, Long, White) stays beside a word that shows what is meant.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from pacs2trial.profile.forms import IDENTIFYING
from pacs2trial.profile.vocabulary import is_in_context, safe_words

_WORD: Final = re.compile(r"[^\s,;:/\\_()\[\]{}*=<>|&^\"'#!?+-]+")
_CAMEL: Final = re.compile(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])|\d+")
_MEASURE: Final = re.compile(
    r"[x@]?\d{1,4}(?:[.,]\d{1,4})?(?:mm|cm|um|ml|cc|kg|mg|g|m|s|sec|ms|min|h|hz|khz|mhz|kv|kvp|mv|mev|kev|ma|mas|gy|cgy|hu|fx|fff"
    r"|fr|f|d|deg|%|t|w|x|ch|st|nd|rd|th)?",
    re.IGNORECASE,
)
_MATRIX: Final = re.compile(
    r"\d{1,4}(?:[.,]\d{1,3})?(?:mm|cm)?(?:x\d{1,4}(?:[.,]\d{1,3})?(?:mm|cm)?){1,3}", re.IGNORECASE
)
_LETTER_NUMBER: Final = re.compile(r"[A-Za-z]\d{1,3}[A-Za-z]{0,2}")
_SECTION: Final = re.compile(r"[CTLS]\d{1,2}(?:-?[CTLS]?\d{1,2})?", re.IGNORECASE)

_BINDING: Final = frozenset(
    (
        *("a", "an", "and", "at", "by", "de", "der", "des", "du", "et", "for", "from", "fur", "in", "la", "le", "met"),
        *("mit", "of", "on", "or", "par", "per", "pour", "the", "to", "und", "van", "von"),
    )
)
_CUT: Final = "\t"


def safe_part(text: str, also: tuple[str, ...] = ()) -> str:
    """``text`` less every word that is not known to be safe.

    Args:
        text: one value.
        also: words and phrases of the trial that stay besides, compared ignoring case.

    >>> safe_part("Thorax Smith 5.0mm 2019-03-12")
    'Thorax 5.0mm'
    """
    text = unicodedata.normalize("NFC", text)
    guarded = [match.span() for match in phrases(also).finditer(text)] if also else []
    text = _without_forms(text, guarded)
    words = list(_words(text, guarded))
    stays = [_is_guarded(*word, guarded) or _stays(text, *word) for word in words]
    if not all(stays) or _CUT in text:
        _drop_loose_ends(text, words, stays)
    kept, end = "", -1
    for start, stop in (word for word, stay in zip(words, stays, strict=True) if stay):
        word = text[start:stop]
        between = text[end:start] if end >= 0 else ""
        joined = between if between.strip() and not _WORD.search(between) and _CUT not in between else " "
        kept += joined + word if kept else word
        end = stop
    return kept


def _drop_loose_ends(text: str, words: list[tuple[int, int]], stays: list[bool]) -> None:
    """Words that bind are not left at an end: of ``plan for Jones`` stays ``plan``."""
    for order in (range(len(words)), range(len(words) - 1, -1, -1)):
        for index in order:
            if stays[index] and plainly(text[slice(*words[index])]) not in _BINDING:
                break
            stays[index] = False


def _is_guarded(start: int, stop: int, guarded: list[tuple[int, int]]) -> bool:
    return any(first <= start and stop <= last for first, last in guarded)


def _words(text: str, guarded: list[tuple[int, int]]) -> Iterator[tuple[int, int]]:
    """Where the words stand; a phrase of the trial counts as one."""
    position = 0
    for first, last in [*guarded, (len(text), len(text))]:
        for match in _WORD.finditer(text, position, first):
            yield match.start(), match.start() + len(match.group().rstrip("."))
        if last > first:
            yield first, last
        position = last


def _without_forms(text: str, guarded: list[tuple[int, int]]) -> str:
    letters = list(text)
    for pattern in IDENTIFYING:
        for match in pattern.finditer(text):
            start, end = match.span()
            if not any(start < last and first < end for first, last in guarded):
                letters[start:end] = _CUT * (end - start)
    return "".join(letters)


@lru_cache(maxsize=64)
def phrases(also: tuple[str, ...]) -> re.Pattern[str]:
    """Finds the words and phrases that a trial lets stay, ignoring case."""
    longest_first = sorted((unicodedata.normalize("NFC", one.strip()) for one in also), key=len, reverse=True)
    return re.compile("|".join(rf"(?<!\w){re.escape(one)}(?!\w)" for one in longest_first if one), re.IGNORECASE)


def _stays(text: str, start: int, stop: int) -> bool:
    word = text[start:stop]
    if is_safe_word(word):
        return True
    plain = plainly(word)
    return is_in_context(plain, plainly(text[:start]), plainly(text[stop:]))


@lru_cache(maxsize=16384)
def is_safe_word(word: str) -> bool:
    """Whether a word says what was imaged, planned or measured, or is a number with or without a unit."""
    plain = plainly(word)
    if not plain.isascii():
        return False
    if plain in safe_words():
        return True
    if not word.isascii():
        return False
    if any(form.fullmatch(word) for form in (_MEASURE, _MATRIX, _LETTER_NUMBER, _SECTION)):
        return True
    parts = _CAMEL.findall(word)
    return len(parts) > 1 and "".join(parts) == word and all(map(_is_safe_piece, parts))


def _is_safe_piece(piece: str) -> bool:
    return piece.lower() in safe_words() or (piece.isdigit() and len(piece) <= 3)


def plainly(text: str) -> str:
    """Without case and marks; ``ß`` as ``ss``."""
    if text.isascii():
        return text.lower()
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
