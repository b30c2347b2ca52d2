"""The parameters of a search (PS3.18 8.3.4) as the identifier of a query."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

import pydicom.config
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag, Tag

from pacs2trial.errors import InputError
from pacs2trial.holdings.levels import COUNTED, UNIQUE_KEYS, Level, level_of

MOST_RESULTS: Final = 5000
"""Matches of one answer; the rest is asked for with offset."""

_HEXADECIMAL: Final = re.compile(r"[0-9A-Fa-f]{8}")

RETURNED: Final = {
    Level.STUDY: (
        *("StudyDate", "StudyTime", "AccessionNumber", "ReferringPhysicianName", "PatientName", "PatientID"),
        *("PatientBirthDate", "PatientSex", "StudyInstanceUID", "StudyID", "StudyDescription"),
        *COUNTED[Level.STUDY],
    ),
    Level.SERIES: (
        *("Modality", "SeriesDescription", "SeriesInstanceUID", "SeriesNumber", "SeriesDate", "SeriesTime"),
        *("PerformedProcedureStepStartDate", "PerformedProcedureStepStartTime", "BodyPartExamined"),
        *COUNTED[Level.SERIES],
    ),
    Level.IMAGE: (
        *("SOPClassUID", "SOPInstanceUID", "InstanceNumber", "Rows", "Columns", "BitsAllocated", "NumberOfFrames"),
        *("Modality", "SeriesInstanceUID"),
    ),
}
"""What every match says (PS3.18 tables 10.6.3-3 to -5), besides the unique keys of the levels above."""

_EVERYTHING: Final = {
    Level.STUDY: ("PatientAge", "PatientSize", "PatientWeight", "EthnicGroup", "PatientComments"),
    Level.SERIES: ("Manufacturer", "ManufacturerModelName", "ProtocolName", "FrameOfReferenceUID", "PatientPosition"),
    Level.IMAGE: ("ImageType", "SliceThickness", "ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing"),
}
"""What ``includefield=all`` adds."""


@dataclass(frozen=True)
class SearchParameters:
    """A search: the keys that have to match, the attributes to return, and the page."""

    identifier: Dataset
    include: frozenset[int]
    limit: int
    offset: int
    warnings: tuple[str, ...] = field(default=())


def search_parameters(level: Level, pairs: Iterable[tuple[str, str]], **within: str) -> SearchParameters:
    """Read the query of a URL.

    Args:
        level: what is searched.
        pairs: names and values as they came.
        within: unique keys that the path names.

    Raises:
        InputError: a parameter is unknown, or its value is none of its kind. No value is repeated.
    """
    identifier = Dataset()
    include: set[int] = {
        _tag(keyword) for one in Level for keyword in RETURNED.get(one, ()) if _above(one, level, within)
    }
    limit, offset, warnings = MOST_RESULTS, 0, []
    for name, value in pairs:
        match name.lower():
            case "limit":
                limit = min(_number(name, value), MOST_RESULTS)
            case "offset":
                offset = _number(name, value)
            case "fuzzymatching":
                if value.lower() not in ("true", "false"):
                    raise InputError("fuzzymatching must be true or false")
                if value.lower() == "true":
                    warnings.append("the fuzzymatching parameter is not supported; only literal matching was done")
            case "includefield":
                for field_name in value.split(","):
                    include |= _included(field_name, level)
            case _:
                _add(identifier, name, value)
    for keyword, uid in within.items():
        _put(identifier, _tag(keyword), uid)
    return SearchParameters(identifier, frozenset(include), limit, offset, tuple(warnings))


def _above(one: Level, level: Level, within: dict[str, str]) -> bool:
    """Whether the attributes of a level are returned: its own, and those above that the path does not fix."""
    return one == level or (one < level and UNIQUE_KEYS[one] not in within)


def _included(name: str, level: Level) -> set[int]:
    if name.strip().lower() == "all":
        return {_tag(keyword) for one, words in _EVERYTHING.items() if one <= level for keyword in words}
    tag = _path(name)[0]
    return {tag} if level_of(tag) <= level else set()


def _add(identifier: Dataset, name: str, value: str) -> None:
    first, *inner = _path(name)
    if not inner:
        _put(identifier, first, value)
        return
    if dictionary_VR(first) != "SQ" or len(inner) > 1:
        raise InputError(f"{_shown(name)}: only attributes of one sequence can be asked for")
    if first not in identifier:
        identifier.add_new(first, "SQ", Sequence([Dataset()]))
    _put(identifier[first].value[0], inner[0], value)


def _put(identifier: Dataset, tag: BaseTag, value: str) -> None:
    vr = dictionary_VR(tag).split(" ")[0]
    if vr == "SQ":
        raise InputError(f"{tag}: a sequence is asked for by an attribute in it")
    values = re.split(r"[\\,]", value) if vr == "UI" else value.split("\\")
    content = values if len(values) > 1 else values[0]
    identifier.add(DataElement(tag, vr if vr in _TEXT else "LO", content, validation_mode=pydicom.config.IGNORE))


_TEXT: Final = frozenset(("AE", "AS", "CS", "DA", "DT", "LO", "LT", "PN", "SH", "ST", "TM", "UC", "UI", "UR", "UT"))


def _path(name: str) -> list[BaseTag]:
    return [_tag(step) for step in name.strip().split(".")]


def _tag(name: str) -> BaseTag:
    tag = int(name, 16) if _HEXADECIMAL.fullmatch(name) else tag_for_keyword(name)
    if tag is None:
        raise InputError(f"{_shown(name)} is no attribute and no parameter of a search")
    found = Tag(tag)
    try:
        dictionary_VR(found)
    except KeyError:
        raise InputError(f"{found} is no attribute of the standard") from None
    return found


def _shown(name: str) -> str:
    """A name if every part of it is the standard's; anything else may be a value that was typed in the wrong place."""
    return repr(name) if all(tag_for_keyword(step) for step in name.split(".")) else "a name in the query"


def _number(name: str, value: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value):
        raise InputError(f"{name} must be a whole number from 0")
    return int(value)
