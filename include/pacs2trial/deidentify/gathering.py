"""A first look at what identifies, before the walk: most of it stands on the outermost level."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache, lru_cache
from typing import Final

from pacs2trial.deidentify.compiled import Gathered
from pacs2trial.deidentify.harvest import HARVESTED, NAME
from pacs2trial.deidentify.padding import PADDING
from pacs2trial.dicomfile.dictionary import dictionary
from pacs2trial.dicomfile.encoding import EncodedObject
from pacs2trial.dicomfile.runs import Run
from pacs2trial.dicomfile.scan import Element

_CHARACTER_SET: Final = 0x00080005
_MOST_EXPECTED: Final = 256
_EXPECTED: Final[dict[frozenset[Gathered], frozenset[Gathered]]] = {}


def first_harvest(obj: EncodedObject, header: bytes) -> frozenset[Gathered]:
    """What the walk will gather on the outermost level, if nothing there is out of the ordinary.

    Args:
        obj: the object.
        header: its header in memory.
    """
    charset = obj.value(_CHARACTER_SET).rstrip(PADDING)
    found: set[Gathered] = set()
    for _, _, _, elements, run in obj.parts:
        found |= _of_elements(header, elements, charset) if run is None else _of_run(run, charset)
    return frozenset(found)


def expected_harvest(first: frozenset[Gathered]) -> frozenset[Gathered]:
    """A guess of all that an object will give, from its outermost level: what the last such object gave."""
    return _EXPECTED.get(first, first)


def expect_harvest(first: frozenset[Gathered], whole: frozenset[Gathered]) -> None:
    """Remember what an object gave in all, for the next with the same outermost level."""
    if len(_EXPECTED) >= _MOST_EXPECTED:
        _EXPECTED.clear()
    _EXPECTED[first] = whole


@lru_cache(maxsize=1024)
def _of_run(run: Run, charset: bytes) -> frozenset[Gathered]:
    return frozenset(_of_elements(run.data, run.elements, charset))


def _of_elements(buffer: bytes, elements: Mapping[int, Element], charset: bytes) -> set[Gathered]:
    kinds = _kinds()
    found = set()
    for tag in elements.keys() & kinds.keys():
        _, _, _, start, end, undefined = elements[tag]
        if end > start and not undefined:
            found.add((kinds[tag], charset, buffer[start:end].rstrip(PADDING)))
    return found


@cache
def _kinds() -> Mapping[int, str]:
    return {tag: NAME for tag, attribute in dictionary().items() if attribute.vr == b"PN"} | HARVESTED
