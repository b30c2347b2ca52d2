"""A first look at what identifies, before the walk: most of it stands on the outermost level."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from pacs2trial.deidentify.compiled import Gathered
from pacs2trial.deidentify.harvest import HARVESTED, NAME
from pacs2trial.deidentify.padding import PADDING
from pacs2trial.dicomfile.dictionary import dictionary
from pacs2trial.dicomfile.encoding import EncodedObject

_CHARACTER_SET = 0x00080005


def first_harvest(obj: EncodedObject, header: bytes) -> frozenset[Gathered]:
    """What the walk will gather on the outermost level, if nothing there is out of the ordinary.

    Args:
        obj: the object.
        header: its header in memory.
    """
    kinds, top = _kinds(), obj.top
    charset = obj.value(_CHARACTER_SET).rstrip(PADDING)
    found = set()
    for tag in top.keys() & kinds.keys():
        _, _, _, start, end, undefined = top[tag]
        if end > start and not undefined:
            found.add((kinds[tag], charset, header[start:end].rstrip(PADDING)))
    return frozenset(found)


@cache
def _kinds() -> Mapping[int, str]:
    return {tag: NAME for tag, attribute in dictionary().items() if attribute.vr == b"PN"} | HARVESTED
