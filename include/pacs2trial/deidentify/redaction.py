"""What may stay of a text in which something identifies: that is cut out, and of the rest only safe words stay."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pacs2trial.deidentify.folding import folded, origins
from pacs2trial.deidentify.identifiers import OwnIdentifiers, Span
from pacs2trial.profile.descriptors import safe_part

_LONGEST = 64
_CUT = "\t"
_POSSESSIVE = re.compile(r"['\u2019]s\b", re.IGNORECASE)


def redacted(text: str, own: OwnIdentifiers, doubts: Iterable[re.Pattern[str]]) -> str:
    """``text`` less the object's own identifiers and what else must not stay; empty if nothing may.

    Where one thing identifies, others may that nobody has gathered, so that from a value with a finding only words of
    the allow-list stay. Values of a list are looked at one by one and keep their places. Of more than a line or 64
    characters nothing stays.

    Args:
        text: as written; backslashes separate values.
        own: what is searched.
        doubts: patterns of what identifies by its form, for folded text.
    """
    doubts = tuple(doubts)
    values = [_redacted(value, own, doubts) for value in text.split("\\")]
    return "\\".join(values) if any(values) else ""


def _redacted(value: str, own: OwnIdentifiers, doubts: tuple[re.Pattern[str], ...]) -> str:
    found = own.spans(value) + list(_doubtful_spans(value, doubts))
    if not found:
        return value
    if len(value) > _LONGEST or not value.isprintable():
        return ""
    rest = safe_part(_without(value, found))
    return "" if own.stands_in(rest) or any(doubt.search(folded(rest)) for doubt in doubts) else rest


def _doubtful_spans(value: str, doubts: tuple[re.Pattern[str], ...]) -> Iterable[Span]:
    lower = folded(value)
    at = origins(value)
    for doubt in doubts:
        yield from ((at[match.start()], at[match.end() - 1] + 1) for match in doubt.finditer(lower))


def _without(value: str, found: Iterable[Span]) -> str:
    """``value`` with a tab in place of every word that one of ``found`` touches."""
    letters = list(value)
    for start, end in found:
        while start > 0 and value[start - 1].isalnum():
            start -= 1
        while end < len(value) and value[end].isalnum():
            end += 1
        if _POSSESSIVE.match(value, end):
            end += 2
        letters[start:end] = _CUT * (end - start)
    return "".join(letters)
