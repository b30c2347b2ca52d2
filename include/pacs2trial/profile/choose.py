"""From a table row and the chosen options to one rule for each attribute of the dictionary."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from pacs2trial.dicomfile.dictionary import Attribute, dictionary
from pacs2trial.profile.private import PrivateAttribute
from pacs2trial.profile.rules import Action, Rule
from pacs2trial.profile.table import TableRow, beyond, rt_text, table, uid_treatment
from pacs2trial.trials.definition import Option

_PATIENT: Final = frozenset((0x00100010, 0x00100020))
_STUDY_ID: Final = 0x00200010
_ACCESSION: Final = 0x00080050
_ROI_NAMES: Final = frozenset((0x30060026, 0x30060085))
_CODE_MEANING: Final = 0x00080104
_CODE_VERSIONS: Final = frozenset((0x00080106, 0x00080107))
_TIME_ZONE: Final = 0x00080201
_CONTENT_SEQUENCE: Final = 0x0040A730
_GRAPHIC_ANNOTATION: Final = 0x00700001
_UNFORMATTED_TEXT: Final = 0x00700006
_TEXT_OPTIONS: Final = frozenset((Option.CLEAN_GRAPHICS, Option.CLEAN_STRUCTURED_CONTENT))
_CLINICAL_TRIAL: Final = 0x0012

_FREE_TEXT: Final = frozenset((b"LO", b"LT", b"SH", b"ST", b"UC", b"UT"))
_LONG_TEXT: Final = frozenset((b"LT", b"ST", b"UC", b"UT"))
_DATES: Final = frozenset((b"DA", b"DT", b"TM"))
_REFUSED_BY_VR: Final = frozenset((b"AE", b"PN", b"UN", b"UR"))
_NEVER_KEPT: Final = frozenset((b"PN", b"UN", b"UR"))
_NEVER_CLEANED: Final = _NEVER_KEPT | {b"OB"}
_FALLBACK: Final = {"X": Action.REMOVE, "Z": Action.EMPTY, "D": Action.DUMMY}
_DESCRIPTIVE: Final = re.compile(r"(Comments?|Description|Explanation|Label|Text)$")


@dataclass(frozen=True)
class Choice:
    """What a plan is made from: the options, whether it is stage 1, the tags that the plan itself writes, and the list
    of private attributes that this site holds safe.
    """

    options: frozenset[Option]
    staging: bool
    written: frozenset[int]
    private: tuple[PrivateAttribute, ...] = ()

    def has(self, option: Option) -> bool:
        return option in self.options


def rules_for(choice: Choice) -> Mapping[int, Rule]:
    """One rule for every attribute of the dictionary. What has no rule is unknown or private and is removed."""
    return {tag: _rule(tag, attribute, choice) for tag, attribute in dictionary().items()}


def _rule(tag: int, attribute: Attribute, choice: Choice) -> Rule:
    row = table().get(tag)
    action = (
        _special(tag, choice)
        or _beyond(tag, choice)
        or _uid(tag, attribute.vr)
        or (_listed(tag, attribute.vr, row, choice) if row else _unlisted(tag, attribute, choice))
    )
    return Rule(action, attribute.vr, _fallback(tag, attribute.vr, row), attribute.keyword)


def _fallback(tag: int, vr: bytes, row: TableRow | None) -> Action:
    """What is done with a value that may not stay; text that the table does not list may be of Type 1."""
    if tag in rt_text():
        return Action(rt_text()[tag].without)
    if row:
        return _FALLBACK.get(row.strongest, Action.EMPTY)
    return Action.DUMMY if vr in _FREE_TEXT else Action.EMPTY


def _special(tag: int, choice: Choice) -> Action | None:
    if tag in _PATIENT:
        return Action.PATIENT
    if tag in choice.written:
        return Action.WRITE
    if tag >> 16 == _CLINICAL_TRIAL:
        return Action.REMOVE
    if tag == _STUDY_ID or (tag == _ACCESSION and choice.staging):
        return Action.CODE
    if tag == _CODE_MEANING and not choice.staging:
        return Action.MEANING
    if tag == _CONTENT_SEQUENCE and not choice.has(Option.CLEAN_STRUCTURED_CONTENT):
        return Action.DUMMY
    if tag == _GRAPHIC_ANNOTATION and not choice.has(Option.CLEAN_GRAPHICS):
        return Action.REMOVE
    if tag == _UNFORMATTED_TEXT and (_TEXT_OPTIONS & choice.options):
        return Action.CLEAN
    return None


def _beyond(tag: int, choice: Choice) -> Action | None:
    treatment = beyond().groups.get(tag >> 16) or beyond().tags.get(tag)
    if treatment == "device":
        return Action.KEEP if choice.has(Option.RETAIN_DEVICE_IDENTITY) else Action.REMOVE
    return _TREATMENTS.get(treatment) if treatment else None


_TREATMENTS: Final = {
    "remove": Action.REMOVE,
    "empty": Action.EMPTY,
    "keep": Action.KEEP,
    "references": Action.KEEP,
    "label": Action.CLEAN,
}


def _uid(tag: int, vr: bytes) -> Action | None:
    if vr != b"UI":
        return None
    treatment = uid_treatment().get(tag, "map")
    return {"keep": Action.KEEP, "map": Action.MAP, "remove": Action.REMOVE}[treatment]


def _listed(tag: int, vr: bytes, row: TableRow, choice: Choice) -> Action:
    codes = {row.options[option] for option in choice.options if option in row.options}
    if "K" in codes and vr not in _NEVER_KEPT:
        return Action.KEEP
    if "C" in codes and vr not in _NEVER_CLEANED:
        return _cleaned(tag, vr)
    if vr == b"SQ" and row.strongest == "D":
        return Action.EMPTY
    if row.strongest == "U*":
        return Action.KEEP
    return _FALLBACK[row.strongest]


def _cleaned(tag: int, vr: bytes) -> Action:
    if tag in _ROI_NAMES:
        return Action.ROI_NAME
    if tag in _CODE_VERSIONS or tag == _TIME_ZONE:
        return Action.KEEP
    if vr in (b"DA", b"DT"):
        return Action.SHIFT
    return Action.CLEAN if vr in _FREE_TEXT else Action.KEEP


def _unlisted(tag: int, attribute: Attribute, choice: Choice) -> Action:
    vr = attribute.vr
    if tag in rt_text():
        kept = rt_text()[tag].kind == "device" and choice.has(Option.RETAIN_DEVICE_IDENTITY)
        return Action.KEEP if kept else Action.CLEAN
    if vr in _DATES:
        return _unlisted_date(vr, choice)
    if vr in _REFUSED_BY_VR or vr in _LONG_TEXT:
        return Action.REMOVE
    if vr in _FREE_TEXT and _DESCRIPTIVE.search(attribute.keyword):
        return Action.CLEAN
    return Action.KEEP


def _unlisted_date(vr: bytes, choice: Choice) -> Action:
    if choice.has(Option.RETAIN_FULL_DATES):
        return Action.KEEP
    if choice.has(Option.RETAIN_MODIFIED_DATES):
        return Action.KEEP if vr == b"TM" else Action.SHIFT
    return Action.REMOVE
