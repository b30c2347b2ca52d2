"""Identifiers within values that are no text: what may stand in a blob is looked for in every way it may be written."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from pacs2trial.deidentify.compiled import Gathered
from pacs2trial.deidentify.folding import folded
from pacs2trial.deidentify.harvest import readings

_SHORTEST: Final = 3
_SEPARATORS: Final = re.compile(r"[\s^=\\\0]+")
_ENCODINGS: Final = ("utf-8", "utf-16-le", "utf-16-be", "latin-1")


def blob_needles(harvest: Iterable[Gathered]) -> frozenset[bytes]:
    """Byte strings, in lower case as far as they are ASCII, none of which may stand in a blob.

    Args:
        harvest: kind, character set, value as encoded: of what was gathered every part counts.
    """
    return frozenset(needle.lower() for needle in _needles(harvest) if len(needle) >= _SHORTEST)


def _needles(harvest: Iterable[Gathered]) -> Iterator[bytes]:
    for _, charset, value in harvest:
        yield value.strip(b" \0")
        for text in readings(value, charset):
            for part in _SEPARATORS.split(text):
                for written in {part, part.lower(), part.upper(), folded(part)} if len(part) >= _SHORTEST else ():
                    yield from (written.encode(encoding, "ignore") for encoding in _ENCODINGS)


def holds_any(blob: bytes, needles: Iterable[bytes]) -> bool:
    """Whether one of ``needles`` stands in ``blob``, its ASCII letters in whatever case."""
    lower = blob.lower()
    return any(needle in lower for needle in needles)
