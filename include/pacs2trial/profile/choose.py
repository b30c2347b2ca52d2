"""From a table row, the chosen options and the type of an attribute to one rule for each attribute."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from pacs2trial.dicomfile.dictionary import Attribute, dictionary
from pacs2trial.profile.private import PrivateAttribute
from pacs2trial.profile.rules import Action, Rule
from pacs2trial.profile.strangers import holds_of
from pacs2trial.profile.table import RETAIN_UIDS, TableRow, beyond, choices, rt_text, table, uid_treatment
from pacs2trial.profile.types import Types, known_types
from pacs2trial.trials.definition import Option

_PATIENT: Final = frozenset((0x00100010, 0x00100020))
_BIRTH_DATE: Final = 0x00100030
_STUDY_ID: Final = 0x00200010
_ACCESSION: Final = 0x00080050
_ROI_NAMES: Final = frozenset((0x30060026, 0x30060085))
_CODE_MEANING: Final = 0x00080104
_CODE_VERSIONS: Final = frozenset((0x00080106, 0x00080107))
_TIME_ZONE: Final = 0x00080201
_UTC: Final = "+0000"
_WAVEFORM_ANNOTATION: Final = 0x0040B020
_CONTENT_SEQUENCE: Final = 0x0040A730
_GRAPHIC_ANNOTATION: Final = 0x00700001
_UNFORMATTED_TEXT: Final = 0x00700006
_WITH_DUMMY_ITEM: Final = frozenset((_WAVEFORM_ANNOTATION, 0x00080082, 0x00081072, 0x00401101))
"""Besides it the sequences for institution, operator and person, whose item may say *Unknown*."""
_TEXT_OPTIONS: Final = frozenset((Option.CLEAN_GRAPHICS, Option.CLEAN_STRUCTURED_CONTENT))
_CLINICAL_TRIAL: Final = 0x0012
_DIRECTORY: Final = 0x0004

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
    """What a plan is made from.

    Attributes:
        options: of PS3.15 E.3, by their names in the table.
        staging: whether it is stage 1.
        written: the tags that the plan itself writes.
        private: the private attributes that this site holds safe.
        birth_year: whether the year of birth stays.
        age_cap: years above which an age is not told; None if every age may be told.
    """

    options: frozenset[str]
    staging: bool
    written: frozenset[int]
    private: tuple[PrivateAttribute, ...] = ()
    birth_year: bool = False
    age_cap: int | None = None

    def has(self, option: str) -> bool:
        return option in self.options


def rules_for(choice: Choice) -> dict[int, Rule]:
    """One rule for every attribute of the dictionary; where the table leaves a choice by type, its rightmost action.

    What has no rule is unknown or private and is removed.
    """
    return {tag: _rule(tag, attribute, choice, None) for tag, attribute in dictionary().items()}


def rules_by_type(choice: Choice, types: Types) -> dict[int, Rule]:
    """The rules of the attributes whose type decides; what is not in ``types`` is of Type 3.

    Or it is not in the IOD at all; then it may be removed (Standard Extended SOP Class, PS3.15 E.1.1). So it is, where
    the table leaves the choice: nothing asks for it, and a dummy date or name would be false data. Where the table
    leaves none, or does not list the attribute, what the IOD asks for is not removed all the same.
    """
    return {tag: _rule(tag, dictionary()[tag], choice, types.get(tag, 3)) for tag in choices().keys() | types.keys()}


def choices_by_type(choice: Choice) -> dict[int, dict[int, Rule]]:
    """Attributes whose type decides: Type 1, 2 or 3, as far as it occurs → rule."""
    found = {}
    for tag in choices().keys() | known_types().keys():
        types = (1, 2, 3) if tag in choices() else sorted(known_types()[tag])
        rules = {number: _rule(tag, dictionary()[tag], choice, number) for number in types}
        if len({rule.action for rule in rules.values()}) > 1:
            found[tag] = rules
    return found


def is_dispensable(tag: int) -> bool:
    """Whether an attribute may be removed though its module asks for it, because the module goes as a whole.

    These are another trial's Clinical Trial modules, Graphic Annotation, and what belongs to a DICOMDIR.
    """
    return tag >> 16 in (_CLINICAL_TRIAL, _DIRECTORY) or tag == _GRAPHIC_ANNOTATION


def _rule(tag: int, attribute: Attribute, choice: Choice, attribute_type: int | None) -> Rule:
    row = table().get(tag)
    basic = row.action(attribute_type) if row else ""
    action = (
        _special(tag, choice)
        or _beyond(tag, choice)
        or _uid(tag, attribute.vr, row, choice)
        or (_listed(tag, attribute.vr, row, basic, choice) if row else _unlisted(tag, attribute, choice))
    )
    fallback = Action.EMPTY if action is Action.YEAR else _fallback(tag, attribute.vr, basic)
    if attribute_type in (1, 2) and not is_dispensable(tag):
        wanted = 2 if row and row.is_choice else attribute_type
        action, fallback = (_valid(one, attribute.vr, wanted) for one in (action, fallback))
    text = _UTC if tag == _TIME_ZONE and action is Action.DUMMY else None
    if action is Action.KEEP and _is_technical(tag, attribute.vr, choice):
        action, text = Action.SCREEN, holds_of(attribute.keyword)
    return Rule(action, attribute.vr, fallback, attribute.keyword, text=text)


def _is_technical(tag: int, vr: bytes, choice: Choice) -> bool:
    """Text that the table does not list and that stays; staging keeps it whole, as it keeps descriptions."""
    return vr in _FREE_TEXT and tag not in table() and tag not in rt_text() and not choice.staging


def _valid(action: Action, vr: bytes, attribute_type: int) -> Action:
    """What leaves a valid object, where ``action`` would not: Type 1 has a value, Type 2 is there.

    A row with a choice has chosen by the type already; among its Types 1 are 1C, for which no dummy is made up.
    """
    if attribute_type == 1 and action in (Action.REMOVE, Action.EMPTY):
        return Action.MAP if vr == b"UI" else Action.DUMMY
    return Action.EMPTY if action is Action.REMOVE else action


def _fallback(tag: int, vr: bytes, basic: str) -> Action:
    """What is done with a value that may not stay; text that the table does not list may be of Type 1."""
    if tag in rt_text():
        return Action(rt_text()[tag].without)
    if basic:
        return _FALLBACK.get(basic, Action.EMPTY)
    return Action.DUMMY if vr in _FREE_TEXT else Action.EMPTY


def _special(tag: int, choice: Choice) -> Action | None:
    if tag in _PATIENT:
        return Action.PATIENT
    if tag == _BIRTH_DATE:
        return Action.YEAR if choice.birth_year else Action.EMPTY
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


def _uid(tag: int, vr: bytes, row: TableRow | None, choice: Choice) -> Action | None:
    if vr != b"UI":
        return None
    treatment = uid_treatment().get(tag, "map")
    if treatment == "map" and choice.has(RETAIN_UIDS) and (row is None or RETAIN_UIDS in row.options):
        return Action.KEEP
    return {"keep": Action.KEEP, "map": Action.MAP, "remove": Action.REMOVE}[treatment]


def _listed(tag: int, vr: bytes, row: TableRow, basic: str, choice: Choice) -> Action:
    codes = {row.options[option] for option in choice.options if option in row.options}
    if "K" in codes and vr not in _NEVER_KEPT:
        return Action.KEEP
    if "C" in codes and vr not in _NEVER_CLEANED:
        return _cleaned(tag, vr)
    if vr == b"SQ" and basic == "D":
        return Action.DUMMY if tag in _WITH_DUMMY_ITEM else Action.EMPTY
    if basic == "U*":
        return Action.KEEP
    return _FALLBACK[basic]


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
