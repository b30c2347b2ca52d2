"""What a rule of a trial may not do with an attribute, and when it has to say why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

from pacs2trial.dicomfile.encoding import PIXEL_TAGS
from pacs2trial.profile.private import NEVER
from pacs2trial.profile.rules import Action, Rule
from pacs2trial.trials.attributes import name_of
from pacs2trial.trials.rulefaults import Does
from pacs2trial.trials.rules import AttributeRule

Dates = Literal["UNMODIFIED", "MODIFIED", "REMOVED"]

_PLACES: Final = "it places the object, and is always kept or mapped"
_PIXELS: Final = "it says how the pixel data is read"
_UNTOUCHED: Final[Mapping[int, str]] = {
    0x00080005: "it says how the text of the object is read",
    0x00080060: "it says what kind of object this is",
    **dict.fromkeys((0x00080016, 0x00080018, 0x0020000D, 0x0020000E), _PLACES),
    **dict.fromkeys((0x00280002, 0x00280004, 0x00280006, 0x00280008, 0x00280010, 0x00280011), _PIXELS),
    **dict.fromkeys((0x00280100, 0x00280101, 0x00280102, 0x00280103), _PIXELS),
    **dict.fromkeys(PIXEL_TAGS, "pixel data stays byte for byte"),
}

_TAKES_VALUE: Final = frozenset((Does.KEEP, Does.REPLACE, Does.MAP, Does.HASH, Does.SHIFT, Does.CLEAN))
_WITH_UIDS: Final = frozenset((Does.KEEP, Does.REMOVE, Does.EMPTY, Does.MAP))
_HELD: Final = frozenset(
    (Action.KEEP, Action.CLEAN, Action.MAP, Action.CODE, Action.SHIFT, Action.MEANING, Action.ROI_NAME)
)

_PASSES: Final = {
    **dict.fromkeys((Action.CLEAN, Action.MEANING, Action.ROI_NAME, Action.SCREEN, Action.SHIFT), 1),
    Action.KEEP: 2,
}
"""How much of a value passes: 1 a part of it or a moved day, 2 all of it."""


def objection(rule: AttributeRule, tag: int, profile: Rule, staged: Rule | None, dates: Dates) -> str | None:
    """Why ``rule`` may not be applied to a standard attribute; None if it may.

    Args:
        rule: of the trial.
        tag: the attribute.
        profile: what the profile with the chosen options does with it.
        staged: what staging does with it.
        dates: what the options make of dates.
    """
    if profile.action in (Action.PATIENT, Action.WRITE):
        return f"{name_of(tag)} is written by the plan itself"
    if tag in _UNTOUCHED:
        return f"{name_of(tag)} stays as the profile has it: {_UNTOUCHED[tag]}"
    if profile.vr == b"UI" and rule.does not in _WITH_UIDS:
        return f"{name_of(tag)} holds objects together: keep, remove, empty or map it"
    if profile.vr == b"UI" and rule.does is Does.KEEP and profile.action is not Action.KEEP:
        return f"{name_of(tag)}: UIDs are mapped in every trial, and never kept as they are"
    return _not_held(rule, name_of(tag), staged) or _against_dates(rule, name_of(tag), profile, dates)


def private_objection(
    rule: AttributeRule, key: tuple[int, str, int], profile: Rule, staged: Rule | None, dates: Dates
) -> str | None:
    """The same for a private attribute: (group, creator, low byte)."""
    group, creator, low = key
    name = f"({group:04X},xx{low:02X}) {creator}"
    if rule.does in _TAKES_VALUE and group in NEVER:
        return f"{name} is never kept: it copies the plan, or is a hash that no longer holds"
    return _not_held(rule, name, staged) or _against_dates(rule, name, profile, dates)


def weakens(rule: AttributeRule, profile: Rule) -> bool:
    """Whether ``rule`` passes more of a value than the profile does."""
    if rule.does is Does.REPLACE:
        return any(one.passes_parts for one in rule.replace or ()) and profile.action is not Action.KEEP
    passed = {Does.KEEP: 2, Does.CLEAN: 1, Does.SHIFT: 1}.get(rule.does, 0)
    return passed > _PASSES.get(profile.action, 0)


def _not_held(rule: AttributeRule, name: str, staged: Rule | None) -> str | None:
    if rule.does not in _TAKES_VALUE or (staged is not None and staged.action in _HELD):
        return None
    done = staged.action if staged else Action.REMOVE
    return f"{name}: there is nothing to {rule.does.value}, since staging does not hold it (stage 1: {done.value})"


def _against_dates(rule: AttributeRule, name: str, profile: Rule, dates: Dates) -> str | None:
    if profile.vr not in (b"DA", b"DT"):
        return None
    if rule.does is Does.KEEP and dates == "MODIFIED" and profile.action is not Action.KEEP:
        return f"{name}: a day that stays beside moved ones would tell by how much they were moved; shift it"
    if rule.does is Does.SHIFT and dates == "UNMODIFIED":
        return f"{name}: a moved day beside days that stay could be moved back; remove it"
    return None
