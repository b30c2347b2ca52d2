"""The rules of a plan as a tree: one set for each kind of object, and sets for the items of sequences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import Final

from pacs2trial.dicomfile.dictionary import dictionary
from pacs2trial.profile.choose import Choice, rules_by_type, rules_for
from pacs2trial.profile.private import private_rules
from pacs2trial.profile.rules import ItemRules, Rule, RuleSet
from pacs2trial.profile.structured import content_inside
from pacs2trial.profile.types import Types, types_in_items

_OUTERMOST: Final = frozenset((0x00100010, 0x00100020))  # Patient's Name, Patient ID


def rule_tree(choice: Choice) -> RuleSet:
    """The rules for an object whose SOP class is unknown, and below it those for the items of every sequence.

    Where the table leaves a choice by type, the rightmost action is right whatever the type is. In the items of a
    sequence that PS3.3 knows, the strictest type decides that any IOD asks for there.
    """
    rules = rules_for(choice)
    private = private_rules(choice.options, choice.private)
    inside: dict[int, RuleSet | ItemRules] = {}
    items = RuleSet(rules, private, inside)
    sets: dict[tuple[tuple[int, Rule], ...], RuleSet] = {(): items}
    for types, sequences in _sequences_by_types().items():
        typed = {} if types is None else rules_by_type(choice, dict(types))
        other = tuple((tag, rule) for tag, rule in typed.items() if rules[tag] != rule)
        if other not in sets:
            sets[other] = RuleSet(rules | dict(other), private, inside)
        inside.update(dict.fromkeys(sequences, sets[other]))
    inside |= content_inside(items, choice.options)
    return RuleSet(rules, private, inside, tuple(sorted(choice.written | _OUTERMOST)))


def rules_of_kind(choice: Choice, tree: RuleSet, types: Types) -> RuleSet:
    """The rules for an object of a SOP class whose IOD asks for ``types`` on the outermost level."""
    return replace(tree, tags={**tree.tags, **rules_by_type(choice, types)})


@cache
def _sequences_by_types() -> Mapping[frozenset[tuple[int, int]] | None, Sequence[int]]:
    """Every sequence of the dictionary, by what its items must have; None: by what PS3.3 does not say."""
    found: dict[frozenset[tuple[int, int]] | None, list[int]] = {}
    for sequence in (tag for tag, attribute in dictionary().items() if attribute.vr == b"SQ"):
        types = types_in_items().get(sequence)
        found.setdefault(None if types is None else frozenset(types.items()), []).append(sequence)
    return found
