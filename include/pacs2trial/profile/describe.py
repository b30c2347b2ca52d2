"""A plan in words, attribute by attribute: the second part of a conformance statement (PS3.15 E.1)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from pacs2trial.dicomfile.encoding import PIXEL_TAGS
from pacs2trial.profile.choose import choices_by_type
from pacs2trial.profile.described import content_in_words, private_in_words
from pacs2trial.profile.plan import Plan
from pacs2trial.profile.rules import Action, Rule


class Described(NamedTuple):
    """One row: the tag as PS3.6 writes it, the keyword, what is done."""

    tag: str
    keyword: str
    action: str


class Group(NamedTuple):
    """Attributes with which the same is done."""

    title: str
    rows: list[Described]


_REPEATING: Final = (
    Described("(50xx,xxxx)", "Curves", Action.REMOVE),
    Described("(60xx,xxxx)", "Overlays", Action.REMOVE),
    Described("(gggg,eeee) odd group", "Private attributes", Action.REMOVE),
    Described("(gggg,0000)", "Group lengths", Action.REMOVE),
    Described("any other", "Attributes not in PS3.6", Action.REMOVE),
)

_BY_TYPE: Final = "By the type of the attribute"
_PRIVATE: Final = "Private attributes that may stay"
_CONTENT: Final = "Content items of structured reports"

_TITLES: Final = {
    "Written by pacs2trial": (Action.WRITE, Action.SET, Action.PATIENT),
    "Replaced by a pseudonym": (Action.MAP, Action.CODE, Action.HASH),
    "Moved, or reduced to the year": (Action.SHIFT, Action.YEAR),
    "Cleaned": (Action.CLEAN, Action.ROI_NAME, Action.MEANING, Action.REPLACE),
    "Kept, less what points to a person": (Action.SCREEN,),
    _BY_TYPE: (),
    "Replaced by a dummy": (Action.DUMMY,),
    "Emptied": (Action.EMPTY,),
    "Removed": (Action.REMOVE,),
    "Kept": (Action.KEEP,),
    _PRIVATE: (),
    _CONTENT: (),
}


def describe(plan: Plan) -> list[Described]:
    """What ``plan`` does with every attribute, in the order of the tags.

    Then come private attributes that may stay and content items of reports; repeating groups, all other private ones
    and unknown attributes last.
    """
    return [row for _, row in _rows(plan)]


def groups(plan: Plan) -> list[Group]:
    """The same, put together by what is done."""
    found: dict[str, list[Described]] = {title: [] for title in _TITLES}
    for title, row in _rows(plan):
        found[title].append(row)
    return [Group(title, rows) for title, rows in found.items() if rows]


def _rows(plan: Plan) -> Iterator[tuple[str, Described]]:
    by_type = _by_type(plan)
    title_of = {action: title for title, actions in _TITLES.items() for action in actions}
    for tag, rule in sorted(plan.rules.items()):
        words, title = by_type.get(tag, _words(tag, rule, plan)), title_of[rule.action]
        if tag in by_type:
            title = _BY_TYPE
        elif tag in PIXEL_TAGS:
            title = title_of[Action.KEEP]
        yield title, Described(f"({tag >> 16:04X},{tag & 0xFFFF:04X})", rule.keyword, words)
    for row in private_in_words(plan.rule_set):
        yield _PRIVATE, Described(*row)
    for row in content_in_words(plan.rule_set):
        yield _CONTENT, Described(*row)
    for repeated in _REPEATING:
        yield title_of[Action.REMOVE], repeated


def _by_type(plan: Plan) -> dict[int, str]:
    """The attributes with which something else is done if they are of Type 1, 2 or 3."""
    return {
        tag: ", ".join(f"Type {number} {rule.action}" for number, rule in rules.items())
        for tag, rules in choices_by_type(plan.choice).items()
        if plan.rules[tag] == plan.rule_set.tags[tag]
    }


def _words(tag: int, rule: Rule, plan: Plan) -> str:
    if tag in PIXEL_TAGS:
        return "keep byte for byte"
    if rule.action in (Action.WRITE, Action.SET) and (tag in plan.texts or rule.text):
        return f"{rule.action}: {rule.text or plan.texts[tag]}"
    if rule.action in (Action.CLEAN, Action.ROI_NAME):
        how = "by allow-list" if plan.vocabulary else "of the object's own identifiers"
        return f"{rule.action} {how}, else {rule.fallback}"
    if rule.action is Action.KEEP and rule.vr == b"SQ":
        return "keep, its items by these rules"
    return str(rule.action)
