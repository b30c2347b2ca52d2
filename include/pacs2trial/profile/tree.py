"""The rules of a plan as a tree."""

from __future__ import annotations

from typing import Final

from pacs2trial.profile.choose import Choice, rules_for
from pacs2trial.profile.private import private_rules
from pacs2trial.profile.rules import ItemRules, RuleSet
from pacs2trial.profile.structured import content_inside

_OUTERMOST: Final = frozenset((0x00100010, 0x00100020))  # Patient's Name, Patient ID


def rule_tree(choice: Choice) -> RuleSet:
    """The rules for an object whose SOP class is unknown, and below it those for the items of every sequence."""
    rules = rules_for(choice)
    private = private_rules(choice.options, choice.private)
    inside: dict[int, RuleSet | ItemRules] = {}
    inside |= content_inside(RuleSet(rules, private, inside), choice.options)
    return RuleSet(rules, private, inside, tuple(sorted(choice.written | _OUTERMOST)))
