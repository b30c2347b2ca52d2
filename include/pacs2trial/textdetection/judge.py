"""Whether text in an image identifies, and what becomes of the image.

Recall comes first: text that is not known to be harmless counts as identifying.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum
from itertools import pairwise
from typing import Final, Literal

from pacs2trial.deidentify.identifiers import OwnIdentifiers
from pacs2trial.pixels.areas import Area, part_covered
from pacs2trial.textdetection.found import FoundText
from pacs2trial.textdetection.likeness import named_in
from pacs2trial.textdetection.patterns import SIGNS_OF_VALUE, heading, pattern_in
from pacs2trial.textdetection.words import chunks, is_screen_word, plain

Outcome = Literal["clean", "wipe", "hold"]

_LEGIBLE: Final = 0.5
_MARK_UP_TO: Final = 0.8
_BESIDE: Final = 2.5
_SAME_ROW: Final = 0.5
_FAR: Final = 24.0
_SHORT: Final = 2
_NUMBER: Final = re.compile(r"\d{1,4}")


class Finding(Enum):
    """What a text turned out to be, from worst to best."""

    IDENTIFIER = "identifier"
    PATTERN = "pattern"
    DOUBTFUL = "doubtful"
    HARMLESS = "harmless"


@dataclass(frozen=True)
class JudgingPolicy:
    """What is done about text.

    Attributes:
        doubtful: what becomes of text that is neither known to identify nor known to be harmless.
        most_area: the part of an image, 0 to 1, that may be wiped; where more would have to be, a person decides.
        harmless: words, folded, that the site or trial knows to name nobody.
        margin: pixels that are wiped around a text.
    """

    doubtful: Literal["wipe", "hold", "keep"] = "wipe"
    most_area: float = 0.5
    harmless: frozenset[str] = frozenset()
    margin: int = 2


@dataclass(frozen=True)
class JudgedText:
    """A text and what it is; ``reason`` is a short code such as ``date`` or ``name``, never a value."""

    found: FoundText
    finding: Finding
    reason: str


@dataclass(frozen=True)
class Judged:
    """What becomes of an image.

    Attributes:
        outcome: nothing identifies; the areas are to be wiped; a person decides.
        texts: every text, as judged.
        areas: what is, or would be, wiped.
        reason: of a hold, a short code.
    """

    outcome: Outcome
    texts: tuple[JudgedText, ...]
    areas: tuple[Area, ...]
    reason: str = ""


def judge_text(
    found: Sequence[FoundText],
    own: OwnIdentifiers,
    *,
    columns: int,
    rows: int,
    policy: JudgingPolicy | None = None,
) -> Judged:
    """Tell the texts of one image apart and say what becomes of it.

    Args:
        found: as :func:`pacs2trial.textdetection.find.find_text` gives them.
        own: identifiers of the patient and of staff, from the original header or the vault.
        columns: of the image.
        rows: of the image.
        policy: of the site or trial.
    """
    policy = policy or JudgingPolicy()
    texts = tuple(_judged_rows(found, own, policy))
    wiped = [one for one in texts if one.finding in (Finding.IDENTIFIER, Finding.PATTERN)]
    doubtful = [one for one in texts if one.finding is Finding.DOUBTFUL]
    if policy.doubtful == "wipe":
        wiped += doubtful
    places = (one.found.area.grown(policy.margin).within(columns, rows) for one in wiped)
    areas = tuple(sorted({area for area in places if area is not None}))
    if doubtful and policy.doubtful == "hold":
        return Judged("hold", texts, areas, "doubtful-text")
    if part_covered(areas, columns, rows) > policy.most_area:
        return Judged("hold", texts, areas, "much-text")
    return Judged("wipe" if areas else "clean", texts, areas)


def _judged_rows(found: Sequence[FoundText], own: OwnIdentifiers, policy: JudgingPolicy) -> list[JudgedText]:
    """Each text by itself, and with what stands beside it: parts of one name or number, headings and their values."""
    judged = []
    for row in _rows(found):
        alone = [_judged(one, own, policy) for one in row]
        if len(row) > 1:
            alone = _with_neighbours(alone, own)
        judged += alone
    return judged


def _with_neighbours(row: list[JudgedText], own: OwnIdentifiers) -> list[JudgedText]:
    told = list(row)
    for index, (one, other) in enumerate(pairwise(row)):
        announced, rest = heading(plain(one.found.text))
        if announced and not rest.strip(SIGNS_OF_VALUE) and other.finding is not Finding.IDENTIFIER:
            told[index + 1] = replace(other, finding=Finding.PATTERN, reason="beside-heading")
        if not _touch(one.found.area, other.found.area):
            continue
        for between in ("", " "):
            reason = named_in(one.found.text + between + other.found.text, own)
            if reason:
                told[index] = replace(one, finding=Finding.IDENTIFIER, reason=reason)
                told[index + 1] = replace(other, finding=Finding.IDENTIFIER, reason=reason)
    return told


def _judged(one: FoundText, own: OwnIdentifiers, policy: JudgingPolicy) -> JudgedText:
    reason = named_in(one.text, own)
    if reason:
        return JudgedText(one, Finding.IDENTIFIER, reason)
    text = plain(one.text)
    signs = sum(c.isalnum() for c in text)
    reason = pattern_in(text)
    if signs <= 1 and (not signs or one.confidence < _MARK_UP_TO or (not reason and text.isascii())):
        return JudgedText(one, Finding.HARMLESS, "mark")
    if reason:
        return JudgedText(one, Finding.PATTERN, reason)
    if _says_something(*heading(text)):
        return JudgedText(one, Finding.PATTERN, "behind-heading")
    if one.confidence < _LEGIBLE:
        return JudgedText(one, Finding.DOUBTFUL, "illegible")
    if all(_is_harmless(chunk, policy) for chunk in chunks(text)):
        return JudgedText(one, Finding.HARMLESS, "known-words")
    return JudgedText(one, Finding.DOUBTFUL, "unknown-words")


def _says_something(announced: bool, rest: str) -> bool:  # noqa: FBT001 - what heading() gives
    """Whether a value stands behind a heading: whatever follows a colon, otherwise what is no word of a screen."""
    behind = chunks(rest)
    return announced and bool(behind) and (rest[0] in SIGNS_OF_VALUE or not all(map(is_screen_word, behind)))


def _is_harmless(chunk: str, policy: JudgingPolicy) -> bool:
    return (
        _is_measure(chunk)
        or (len(chunk) <= _SHORT and chunk.isascii())
        or is_screen_word(chunk)
        or chunk in policy.harmless
    )


def _is_measure(chunk: str) -> bool:
    return bool(_NUMBER.fullmatch(chunk))


def _rows(found: Sequence[FoundText]) -> list[list[FoundText]]:
    """Texts that stand side by side in the same frames, from left to right."""
    rows: list[list[FoundText]] = []
    for one in sorted(found, key=lambda text: (text.area.first_frame, text.area.left, text.area.top)):
        for row in rows:
            last = row[-1].area
            if last.first_frame == one.area.first_frame and _same_row(last, one.area):
                row.append(one)
                break
        else:
            rows.append([one])
    return rows


def _same_row(one: Area, other: Area) -> bool:
    overlap = min(one.bottom, other.bottom) - max(one.top, other.top)
    near = other.left - one.right < _FAR * max(one.height, other.height)
    return near and overlap >= _SAME_ROW * min(one.height, other.height)


def _touch(one: Area, other: Area) -> bool:
    return other.left - one.right <= _BESIDE * max(one.height, other.height)
