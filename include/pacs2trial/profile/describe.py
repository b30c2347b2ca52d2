"""A plan in words: the rows of a conformance statement (PS3.15 E.1)."""

from __future__ import annotations

from typing import NamedTuple

from pacs2trial.dicomfile.encoding import PIXEL_TAGS
from pacs2trial.profile.described import content_in_words, private_in_words
from pacs2trial.profile.plan import Plan
from pacs2trial.profile.rules import Action, Rule


class Described(NamedTuple):
    """One row: the tag as PS3.6 writes it, the keyword, what is done."""

    tag: str
    keyword: str
    action: str


_REPEATING = (
    Described("(50xx,xxxx)", "Curves", Action.REMOVE),
    Described("(60xx,xxxx)", "Overlays", Action.REMOVE),
    Described("(gggg,eeee) odd group", "Private attributes", Action.REMOVE),
    Described("(gggg,0000)", "Group lengths", Action.REMOVE),
    Described("any other", "Attributes not in PS3.6", Action.REMOVE),
)


def describe(plan: Plan) -> list[Described]:
    """What ``plan`` does with every attribute, in the order of the tags.

    Then come private attributes that may stay and content items of reports; repeating groups, all other private ones
    and unknown attributes last.
    """
    rows = [
        Described(f"({tag >> 16:04X},{tag & 0xFFFF:04X})", rule.keyword, _words(tag, rule, plan))
        for tag, rule in sorted(plan.rules.items())
    ]
    more = (Described(*row) for row in (*private_in_words(plan.rule_set), *content_in_words(plan.rule_set)))
    return [*rows, *more, *_REPEATING]


def _words(tag: int, rule: Rule, plan: Plan) -> str:
    if tag in PIXEL_TAGS:
        return "keep byte for byte"
    if rule.action is Action.WRITE and tag in plan.texts:
        return f"{rule.action}: {plan.texts[tag]}"
    if rule.action in (Action.CLEAN, Action.ROI_NAME):
        how = "by allow-list" if plan.vocabulary else "of the object's own identifiers"
        return f"{rule.action} {how}, else {rule.fallback}"
    if rule.action is Action.KEEP and rule.vr == b"SQ":
        return "keep, its items by these rules"
    return str(rule.action)
