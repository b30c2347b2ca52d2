"""What may be done with an attribute, and the tree of rules for the levels of a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from pacs2trial.trials.replacement import Replacement


class Action(StrEnum):
    """The actions of PS3.15 E.3 (K, X, Z, D, U, C), and what the two stages add to them."""

    KEEP = "keep"
    """Stays if it is well-formed and holds none of the object's own identifiers; a sequence is gone through."""
    REMOVE = "remove"
    EMPTY = "empty"
    DUMMY = "dummy"
    MAP = "map UID"
    CLEAN = "clean"
    SCREEN = "keep, less what points to a person"
    """Text that says how the object was made stays; where something in it points to a person, its safe words do."""
    SHIFT = "shift"
    CODE = "replace by code"
    """Replaced by a pseudonym of its own kind: accession number, study ID."""
    PATIENT = "replace by patient code"
    """The patient code in staging, the subject key in a trial; emptied within sequences."""
    YEAR = "keep the year"
    """A date of which only the year stays, as 1 January of that year."""
    ROI_NAME = "clean as ROI name"
    MEANING = "clean if the code is private"
    """Code Meaning: what a standard code means stays, a site's own words are cleaned."""
    WRITE = "write anew"
    """Taken from the plan; removed within sequences."""
    HASH = "replace by keyed hash"
    REPLACE = "replace listed values"
    SET = "set"
    """Written from the definition with values of the subject."""


class Rule(NamedTuple):
    """What becomes of an attribute.

    Attributes:
        action: what is done.
        vr: the VR it is written with.
        fallback: REMOVE, EMPTY or DUMMY: what is done when the value may not stay.
        keyword: PS3.6's, or a name for a private attribute.
        vm: value multiplicity as PS3.6 writes it (``1``, ``3``, ``1-n``, ``2-2n``), which a private value must have;
            empty for any.
        text: what is written by a rule that writes; None for what the engine knows itself (patient, method). The
            template of a rule that sets; the dummy of a rule that brings its own; what a text that is screened is for.
        cases: the values that a rule replaces.
        otherwise: what is done with a value that is not replaced; of a rule that sets, what is done within items, None
            where it sets there.
    """

    action: Action
    vr: bytes
    fallback: Action
    keyword: str
    vm: str = ""
    text: str | None = None
    cases: tuple[Replacement, ...] = ()
    otherwise: Rule | None = None


@dataclass(frozen=True, eq=False)
class RuleSet:
    """The rules of one level of a data set.

    Attributes:
        tags: attribute of PS3.6 → rule; what is not in it is removed.
        private: (group, private creator, low byte of the element number) → rule; other private attributes are removed.
        inside: sequence → rules of its items, where they differ from the rules of this level.
        written: attributes written at this level whatever the object brought, ascending; each has a rule in ``tags``.
    """

    tags: Mapping[int, Rule] = field(repr=False)
    private: Mapping[tuple[int, str, int], Rule] = field(default_factory=dict, repr=False)
    inside: Mapping[int, RuleSet | ItemRules] = field(default_factory=dict, repr=False)
    written: tuple[int, ...] = ()


@dataclass(frozen=True, eq=False)
class ItemRules:
    """The rules of a sequence whose items are told apart by what they hold.

    Attributes:
        chooser: names the function of :mod:`pacs2trial.deidentify.items` that looks at an item and chooses.
        sets: what it chooses from, by name; an item for which it chooses none is dropped.
        choices: what the chooser looks up → name of the set.
        dropped: keys of ``choices`` whose items are dropped where that changes nothing for the items that stay.
    """

    chooser: str
    sets: Mapping[str, RuleSet] = field(repr=False)
    choices: Mapping[str, str] = field(default_factory=dict, repr=False)
    dropped: frozenset[str] = frozenset()


def canonical_rules(rules: RuleSet) -> list[object]:
    """The whole tree as JSON knows it, in a fixed order: what decides the digest of a plan.

    Sets below the outermost one say where they differ from it. A set, or the whole of what lies inside one, that is
    reached again is named by its place in the order.
    """
    return _canonical(rules, RuleSet({}), {})


def _canonical(rules: RuleSet, outermost: RuleSet, seen: dict[int, int]) -> list[object]:
    if id(rules) in seen:
        return [seen[id(rules)]]
    seen[id(rules)] = len(seen)
    known = outermost.tags.get
    other = [(tag, rule) for tag, rule in rules.tags.items() if known(tag) is not rule and known(tag) != rule]
    private = sorted(rules.private.items())
    return [
        [[f"{tag:08X}", *map(str, rule)] for tag, rule in sorted(other)],
        [f"{tag:08X}" for tag in sorted(outermost.tags.keys() - rules.tags.keys())],
        [[f"{group:04X}", creator, f"{low:02X}", *map(str, rule)] for (group, creator, low), rule in private],
        _canonical_inside(rules.inside, outermost if outermost.tags else rules, seen),
        [f"{tag:08X}" for tag in rules.written],
    ]


def _canonical_inside(
    inside: Mapping[int, RuleSet | ItemRules], outermost: RuleSet, seen: dict[int, int]
) -> list[object]:
    if id(inside) in seen:
        return [seen[id(inside)]]
    seen[id(inside)] = len(seen)
    found: list[object] = []
    for tag, below in sorted(inside.items()):
        if isinstance(below, ItemRules):
            sets = [[name, _canonical(one, outermost, seen)] for name, one in sorted(below.sets.items())]
            found.append([f"{tag:08X}", below.chooser, sets, sorted(below.choices.items()), sorted(below.dropped)])
        else:
            found.append([f"{tag:08X}", _canonical(below, outermost, seen)])
    return found
