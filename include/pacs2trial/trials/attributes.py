"""How a rule names attributes: by keyword, tag, tag with x for any digit, private creator, and the way through
sequences (``BeamSequence > BeamName``).

The names come from the data dictionary (PS3.6), which is read only where a definition has rules.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final, NamedTuple

from pacs2trial.trials.nearest import unknown

ANY_DEPTH: Final = "*"
"""The step of a path that stands for any number of sequences, none included."""

SIGN_DEPENDENT: Final = "xs"
"""US or SS, as Pixel Representation (0028,0103) says."""

_FIRST_GROUP: Final = 0x0008
_KEYWORD: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_TAG: Final = re.compile(r"\(?([0-9A-Fa-fx]{4}),?\s?([0-9A-Fa-fx]{4})\)?(?:\s+(\S.*))?")
_FORMS: Final = "write a keyword such as BeamName, a tag such as (300A,00C2), or (0019,xx10) CREATOR if it is private"


class Known(NamedTuple):
    """An attribute of PS3.6: its VR (``xs`` for US or SS, OW for other choices) and keyword."""

    vr: str
    keyword: str


@dataclass(frozen=True)
class Named:
    """The attributes that one step of a path names: those whose tag has the digits of ``tag`` where ``mask`` is set.

    Attributes:
        tag, mask: for a private attribute the two digits of its block are open.
        creator: the private creator; empty for a standard attribute.
        text: as it was written.
    """

    tag: int
    mask: int
    creator: str
    text: str

    def matches(self, tag: int, creator: str = "") -> bool:
        return tag & self.mask == self.tag and creator == self.creator

    @property
    def is_one(self) -> bool:
        """Whether it names a single attribute, not a range of them."""
        return self.mask == (0xFFFF00FF if self.creator else 0xFFFFFFFF)

    def covers(self, other: Named) -> bool:
        """Whether everything that ``other`` names is named."""
        return self.creator == other.creator and self.mask & ~other.mask == 0 and other.tag & self.mask == self.tag


Step = Named | str
"""What one step of a path names; :data:`ANY_DEPTH` is the only text."""


def attributes() -> Mapping[int, Known]:
    """Every standard attribute that may stand in a data set, by tag; repeating groups with all their members."""
    return _dictionary()


def keywords() -> Mapping[str, int]:
    """Tag by keyword; of a repeating group, the tag of its first member."""
    return _keywords()


def name_of(tag: int) -> str:
    """``StudyDescription (0008,1030)``, or the tag alone where PS3.6 has no such attribute."""
    known = attributes().get(tag)
    number = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
    return f"{known.keyword} {number}" if known else number


@lru_cache(maxsize=4096)
def path_of(text: str, creator: str = "") -> tuple[Step, ...]:
    """The steps of a path, the attribute itself last.

    Args:
        text: as a rule writes it.
        creator: the private creator that the rule names beside it, if any.

    Raises:
        ValueError: a step names nothing; the message says what was probably meant.
    """
    parts = [part.strip() for part in text.split(">")]
    if parts[0] == ANY_DEPTH or parts[-1] == ANY_DEPTH:
        raise ValueError("* stands between two names; without it an attribute is meant at any depth already")
    steps: list[Step] = []
    for place, part in enumerate(parts):
        last = place == len(parts) - 1
        if part == ANY_DEPTH:
            if steps[-1] != ANY_DEPTH:
                steps.append(ANY_DEPTH)
            continue
        named = _named(part, creator if last else "")
        if not last:
            _require_sequence(named)
        steps.append(named)
    return tuple(steps)


def tags_of(named: Named) -> Iterator[int]:
    """The standard attributes that a step names."""
    if named.creator:
        return
    if named.mask == 0xFFFFFFFF:
        if named.tag in attributes():
            yield named.tag
        return
    yield from (tag for tag in attributes() if named.matches(tag))


def _named(part: str, creator: str) -> Named:
    tag = _TAG.fullmatch(part)
    if tag is not None:
        return _by_tag(part, f"{tag[1]}{tag[2]}", tag[3] or creator)
    if not _KEYWORD.fullmatch(part):
        raise ValueError(f"{part!r} names no attribute: {_FORMS}")
    if creator:
        raise ValueError(f"{part} is a standard attribute, and has no private creator")
    pattern = _repeating().get(part)
    if pattern is not None:
        return _pattern(part, pattern, "")
    found = keywords().get(part)
    if found is None:
        raise ValueError(unknown("attribute", part, keywords(), _FORMS))
    return Named(found, 0xFFFFFFFF, "", part)


def _by_tag(part: str, digits: str, creator: str) -> Named:
    group, block = digits[:4], digits[4:6]
    if "x" not in group and int(group, 16) < _FIRST_GROUP:
        raise ValueError(f"{part} does not stand in a data set: file meta information is always written anew")
    if digits.endswith("0000"):
        raise ValueError(f"{part} is a group length, which is never written")
    odd = group[3] not in "x02468ACEace"
    if not odd and creator:
        raise ValueError(f"{part} is of an even group, and has no private creator")
    if odd:
        return _private(part, digits, group, block, creator)
    named = _pattern(part, digits, "")
    if not any(True for _ in tags_of(named)):
        raise ValueError(f"{part} is no attribute of PS3.6: {_FORMS}")
    return named


def _private(part: str, digits: str, group: str, block: str, creator: str) -> Named:
    if not creator:
        low = digits[6:] if block != "00" else "10"
        raise ValueError(
            f"{part} is private, and means something only with its creator: write ({group},xx{low}) CREATOR"
        )
    if block != "xx":
        raise ValueError(f"{part}: the block of a private creator differs: write ({group},xx{digits[6:]}) {creator}")
    if "x" in group:
        raise ValueError(f"{part}: the group of a private attribute is written out")
    return _pattern(part, digits, creator.strip())


def _pattern(part: str, digits: str, creator: str) -> Named:
    mask = int("".join("0" if digit == "x" else "F" for digit in digits), 16)
    return Named(int(digits.replace("x", "0"), 16), mask, creator, part)


def _require_sequence(named: Named) -> None:
    if not named.creator and not any(attributes()[tag].vr == "SQ" for tag in tags_of(named)):
        raise ValueError(f"{named.text} is no sequence: nothing stands inside it")


@cache
def _dictionary() -> Mapping[int, Known]:
    from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary

    found: dict[int, Known] = {}
    for digits, (vr, _, _, _, keyword) in RepeatersDictionary.items():
        if digits[:4] in ("50xx", "60xx") and keyword:
            for member in range(0, 0x20, 2):
                found[int(digits.replace("xx", f"{member:02X}", 1), 16)] = Known(_canonical(vr), keyword)
    for tag, (vr, _, _, _, keyword) in DicomDictionary.items():
        if tag >= _FIRST_GROUP << 16 and keyword and vr != "NONE":
            found[tag] = Known(_canonical(vr), keyword)
    return dict(sorted(found.items()))


@cache
def _keywords() -> Mapping[str, int]:
    found: dict[str, int] = {}
    for tag, known in _dictionary().items():
        found.setdefault(known.keyword, tag)
    return found


@cache
def _repeating() -> Mapping[str, str]:
    from pydicom._dicom_dict import RepeatersDictionary

    return {row[4]: digits for digits, row in RepeatersDictionary.items() if digits[:4] in ("50xx", "60xx") and row[4]}


def _canonical(vr: str) -> str:
    if vr == "US or SS":
        return SIGN_DEPENDENT
    return "OW" if " or " in vr else vr
