"""What points to a person in a text that says how an image was made: who knows whom it names, goes.

The attributes are those that Table E.1-1 of PS3.15 does not list: makers, models, versions, kernels, filters, methods,
codes and their meanings. An allow-list would cost most of their values; so here everything stays but what has the form
of a name, a date, a number of a person or an address, and names of persons that are no words of the trade.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import cache
from itertools import pairwise
from typing import Final

from pacs2trial.profile.descriptors import phrases, plainly, safe_part
from pacs2trial.profile.forms import ADDRESSES, ANNOUNCED, NETWORK, PHONES, TITLED, WHOLE_DATES, either
from pacs2trial.profile.vocabulary import (
    MAKERS,
    PERSON_NAMES,
    TECHNICAL_WORDS,
    everyday_words,
    is_in_context,
    listed_words,
    name_cues,
    name_particles,
    safe_words,
)


class Holds(StrEnum):
    """What an attribute is for, which says what in it can be nothing but a person's."""

    TEXT = "text"
    VERSION = "version"
    """Versions and part numbers: long numbers and days of release are at home there."""
    CODE = "code"
    """Codes and names of schemes: any number is at home there."""
    MEANING = "meaning"
    """What a standard code means: names of discoverers are at home there."""


_ALONE: Final = re.compile(r"(?<![^\W_])(?:[^\W\d_]+(?:['\u2019][^\W\d_]+)?)(?![^\W_])")
_HUMPS: Final = re.compile(r"[A-Z][a-z]{2,}")
_HUMPED: Final = re.compile(r"(?<![^\W_])(?:[A-Z][a-z]{2,}){2,3}(?![^\W_])")
_BETWEEN: Final = re.compile(r"[\s.,_-]{1,3}")
_AFTER_CUE: Final = re.compile(r"[\s.,:=_-]{1,3}")
_PARTS: Final = re.compile(r"[^\W\d_]{2,}[\w'\u2019. -]*\^+[^\W\d_]+")
_CALLED: Final = re.compile(r"(?<!\w)\+\d{1,3}(?:[\s()/.-]{0,3}\d{2,8}){2,5}")
_ID: Final = re.compile(r"(?<!\d)(?!(\d)\1+(?!\d))\d{7,}(?!\d)")
_SHORTEST: Final = 4
_TITLE_CASE: Final = 3

_ANY: Final = (_PARTS, either(NETWORK), either(ANNOUNCED), TITLED)
_FORMS: Final = {
    Holds.TEXT: (*_ANY, either(WHOLE_DATES, PHONES, ADDRESSES), _ID),
    Holds.VERSION: (*_ANY, _CALLED),
    Holds.CODE: (*_ANY, _CALLED),
    Holds.MEANING: (*_ANY, either(PHONES), _ID),
}

_CODES: Final = re.compile(r"Code(Value)?$|^CodingScheme|PrivateCreator|MIMEType|Keyword$|^MappingResource")
_VERSIONS: Final = re.compile(r"Versions?(Number)?$")


def holds_of(keyword: str) -> Holds:
    """What the attribute of this keyword is for.

    >>> holds_of("CodeValue"), holds_of("SoftwareVersions"), holds_of("ConvolutionKernel")
    (<Holds.CODE: 'code'>, <Holds.VERSION: 'version'>, <Holds.TEXT: 'text'>)
    """
    if _CODES.search(keyword):
        return Holds.CODE
    return Holds.VERSION if _VERSIONS.search(keyword) else Holds.TEXT


def without_strangers(text: str, holds: Holds, also: tuple[str, ...] = ()) -> str:
    """``text`` as it is, or where something in it points to a person, those of its words that are known to be safe.

    Args:
        text: one value.
        holds: what its attribute is for.
        also: words and phrases of the trial that are nobody's name.

    >>> without_strangers("SOMATOM go.Top 64", Holds.TEXT)
    'SOMATOM go.Top 64'
    >>> without_strangers("Br40 for Ursula Kowalski", Holds.TEXT)
    'Br40'
    """
    return safe_part(_without(text, found), also) if (found := list(_spans(text, holds, also))) else text


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    letters = list(text)
    for start, end in spans:
        letters[start:end] = "\t" * (end - start)
    return "".join(letters)


def _spans(text: str, holds: Holds, also: tuple[str, ...]) -> Iterator[tuple[int, int]]:
    for form in _FORMS[holds]:
        yield from (match.span() for match in form.finditer(text))
    rest = text
    for known in (_makers(), phrases(also)) if also else (_makers(),):
        rest = known.sub(lambda match: "\t" * len(match.group()), rest)
    yield from _named(rest, holds)
    if holds is not Holds.MEANING:
        yield from _run_together(rest, holds)


def _named(text: str, holds: Holds) -> Iterator[tuple[int, int]]:
    """Words that are names: behind a cue, beside one another and, where nobody is named by right, alone."""
    words = list(_ALONE.finditer(text))
    for before, word in pairwise(words):
        between = text[before.end() : word.start()]
        one, other = before.group(), word.group()
        if _is_cue(one) and _AFTER_CUE.fullmatch(between) and _is_called(other, text, word.span()):
            yield word.span()
        if _BETWEEN.fullmatch(between) and _are_a_name(one, other, holds):
            yield before.start(), word.end()
    if holds is not Holds.MEANING:
        yield from (word.span() for word in words if _is_name(word.group()))


def _are_a_name(one: str, other: str, holds: Holds) -> bool:
    """Whether two neighbours are somebody's names: listed ones, or words written as names and known as nothing else."""
    listed = _is_name(one), _is_name(other)
    if holds is Holds.MEANING or all(listed):
        return all(listed)
    if holds is Holds.CODE and not any(listed):
        return False
    names = [is_listed or _is_unknown(word) for is_listed, word in zip(listed, (one, other), strict=True)]
    everyday = [plainly(word) in everyday_words() and word[0].isupper() for word in (one, other)]
    return all(names) or (any(names) and any(everyday))


def _run_together(text: str, holds: Holds) -> Iterator[tuple[int, int]]:
    """``JohnSmith``."""
    for match in _HUMPED.finditer(text):
        if plainly(match.group()) in makers():
            continue
        humps = _HUMPS.findall(match.group())
        listed = [_is_name(hump) for hump in humps]
        if all(listed) or (holds is Holds.TEXT and any(listed) and all(map(_is_unknown, humps))):
            yield match.span()


def _is_called(word: str, text: str, place: tuple[int, int]) -> bool:
    """Whether a word behind a cue is the name that the cue announces."""
    if plainly(word) in everyday_words():
        return not is_in_context(plainly(word), plainly(text[: place[0]]), plainly(text[place[1] :]))
    return _is_name(word) or _is_unknown(word)


def _is_cue(word: str) -> bool:
    """Whether a word announces a name; DR and MR in capitals are modalities."""
    return word not in ("DR", "MR", "II", "III", "IV") and plainly(word) in name_cues()


def _is_name(word: str) -> bool:
    return _is_written_out(word) and plainly(word).replace("'", "").replace("\u2019", "") in person_names()


def _is_unknown(word: str) -> bool:
    """Whether a word is written as a name is, and known as nothing else."""
    plain = plainly(word)
    return (
        _is_written_out(word)
        and word[0].isupper()
        and plain not in safe_words()
        and plain not in technical_words()
        and plain not in everyday_words()
        and plain not in makers()
        and plain not in name_particles()
    )


def _is_written_out(word: str) -> bool:
    """Names are no short cuts: four letters, or three of which only the first is a capital."""
    return len(word) >= _SHORTEST or (len(word) == _TITLE_CASE and word.istitle())


@cache
def person_names() -> frozenset[str]:
    """First and family names that are no technical words, folded."""
    return listed_words(PERSON_NAMES)


@cache
def technical_words() -> frozenset[str]:
    """Words of PS3.6 and PS3.16 besides the safe words, folded."""
    return listed_words(TECHNICAL_WORDS)


@cache
def makers() -> frozenset[str]:
    """Makers and products of one word, folded."""
    return frozenset(word for word in listed_words(MAKERS) if "_" not in word)


@cache
def _makers() -> re.Pattern[str]:
    """Makers and products of several words."""
    several = sorted(word for word in listed_words(MAKERS) if "_" in word)
    forms = (r"[\W_]{1,5}".join(re.escape(part) for part in one.split("_")) for one in several)
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(forms)})(?![^\W_])", re.IGNORECASE)
