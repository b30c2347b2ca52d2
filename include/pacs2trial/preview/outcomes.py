"""What stage 2 did with every attribute of an object: the staged header beside the final one, and the rule between.

The difference is read from the two objects themselves; the plan only tells which rule it goes back to.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from pydicom.datadict import dictionary_description, keyword_for_tag
from pydicom.dataelem import DataElement, RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import BaseTag

from pacs2trial.preview.facts import LONGEST
from pacs2trial.profile import Plan
from pacs2trial.profile.rules import Action, ItemRules, Rule, RuleSet

MOST_ROWS: Final = 20_000
"""Of one object; a structure set may have more elements than anybody reads."""

_MOST_VALUES: Final = 12
_BULK: Final = frozenset(("OB", "OW", "OD", "OF", "OL", "OV", "UN"))
_PSEUDONYMS: Final = frozenset((Action.MAP, Action.CODE, Action.PATIENT, Action.HASH))
_OF_FILE: Final = 0x0002


class Outcome(StrEnum):
    """What became of an attribute."""

    KEPT = "kept"
    MAPPED = "mapped"
    """Replaced by a pseudonym: UIDs, patient ID, codes."""
    REPLACED = "replaced"
    """By a dummy, a moved date, a cleaned text, a value of the definition."""
    EMPTIED = "emptied"
    REMOVED = "removed"
    ADDED = "added"
    """Was not in the staged object."""


@dataclass(frozen=True)
class HeaderRow:
    """One attribute.

    Attributes:
        depth: how many sequences it lies in.
        path: the sequences, and the items in them, that it lies in.
        rule: what the plan says, in words; empty where it says nothing about it.
        staged, final: the values as text, cut where they are long; empty where there is none.
        is_private: of an odd group.
        is_unknown: in no part of the standard that is known here.
    """

    depth: int
    path: str
    tag: str
    name: str
    vr: str
    outcome: Outcome
    rule: str
    staged: str
    final: str
    is_private: bool
    is_unknown: bool


@dataclass(frozen=True)
class Header:
    """All rows of an object, and what they add up to; ``whole`` tells whether rows were left out for their number."""

    rows: Sequence[HeaderRow]
    counts: Counter[Outcome]
    private_kept: int
    private_removed: int
    unknown_removed: int
    whole: bool


def compared(staged: Dataset, final: Dataset, plan: Plan | None) -> Header:
    """What happened between two versions of one object.

    Args:
        staged: before, without pixel data.
        final: after, without pixel data.
        plan: of the trial; None where nothing was done, as in staging.
    """
    rules = plan.rules_for(str(staged.get("SOPClassUID") or ""), str(staged.get("Modality") or "")) if plan else None
    rows: list[HeaderRow] = []
    whole = True
    for row in _rows(staged, final, rules, 0, ""):
        if len(rows) == MOST_ROWS:
            whole = False
            break
        rows.append(row)
    gone = [row for row in rows if row.outcome is Outcome.REMOVED]
    return Header(
        rows,
        Counter(row.outcome for row in rows),
        private_kept=sum(row.is_private and row.outcome is not Outcome.REMOVED for row in rows),
        private_removed=sum(row.is_private for row in gone),
        unknown_removed=sum(row.is_unknown and not row.is_private for row in gone),
        whole=whole,
    )


def _rows(
    staged: Dataset, final: Dataset, rules: RuleSet | ItemRules | None, depth: int, path: str
) -> Iterator[HeaderRow]:
    for tag in sorted(staged.keys() | final.keys()):
        if tag.group == _OF_FILE:
            continue
        before, after = (dataset.get_item(tag) if tag in dataset else None for dataset in (staged, final))
        rule = _rule(rules, staged if before is not None else final, tag)
        is_sequence = _vr(before or after) == "SQ"
        if is_sequence:
            before, after = (dataset.get(tag) for dataset in (staged, final))
        outcome = _outcome(before, after, rule, is_sequence=is_sequence)
        shown = [_shown(dataset, tag) if tag in dataset else "" for dataset in (staged, final)]
        name = _name(tag)
        yield HeaderRow(
            depth=depth,
            path=path,
            tag=f"({tag.group:04X},{tag.element:04X})",
            name=name,
            vr=_vr(before or after),
            outcome=outcome,
            rule=_words(rule, outcome, tag) if rules is not None else "",
            staged=shown[0],
            final=shown[1],
            is_private=tag.is_private,
            is_unknown=not tag.is_private and not keyword_for_tag(tag),
        )
        if is_sequence:
            yield from _items(before, after, _inside(rules, tag), depth + 1, f"{path}{name} > ")


def _items(before: Any, after: Any, rules: RuleSet | ItemRules | None, depth: int, path: str) -> Iterator[HeaderRow]:
    """The items of a sequence, side by side; where some were dropped, only those that are left."""
    mine = list(before.value or ()) if before is not None else []
    its = list(after.value or ()) if after is not None else []
    if before is not None and after is not None and len(mine) != len(its):
        mine = its
    empty = Dataset()
    for number in range(max(len(mine), len(its))):
        one = mine[number] if number < len(mine) else empty
        other = its[number] if number < len(its) else empty
        yield from _rows(one, other, rules, depth, f"{path}{number + 1} > ")


def _outcome(before: Any, after: Any, rule: Rule | None, *, is_sequence: bool) -> Outcome:
    if before is None:
        return Outcome.ADDED
    if after is None:
        return Outcome.REMOVED
    if is_sequence:
        mine, its = len(before.value or ()), len(after.value or ())
        return Outcome.KEPT if mine == its else Outcome.REPLACED if its else Outcome.EMPTIED
    if _bytes(before) == _bytes(after):
        return Outcome.KEPT
    if not _bytes(after):
        return Outcome.EMPTIED
    return Outcome.MAPPED if rule is not None and rule.action in _PSEUDONYMS else Outcome.REPLACED


def _rule(rules: RuleSet | ItemRules | None, dataset: Dataset, tag: BaseTag) -> Rule | None:
    if isinstance(rules, ItemRules):
        found = [one for one in (each.tags.get(tag) for each in rules.sets.values()) if one is not None]
        return found[0] if found and all(one == found[0] for one in found) else None
    if rules is None:
        return None
    if not tag.is_private:
        return rules.tags.get(tag)
    creator = dataset.get_item(BaseTag(tag.group << 16 | tag.element >> 8))
    named = _bytes(creator).decode("ascii", "replace").strip(" \0") if creator is not None else ""
    return rules.private.get((tag.group, named, tag.element & 0xFF))


def _inside(rules: RuleSet | ItemRules | None, tag: BaseTag) -> RuleSet | ItemRules | None:
    if isinstance(rules, RuleSet):
        return rules.inside.get(tag, rules)
    return rules


def _words(rule: Rule | None, outcome: Outcome, tag: BaseTag) -> str:
    if rule is not None:
        return str(rule.action) if rule.text is None else f"{rule.action}: {rule.text}"
    if outcome is not Outcome.REMOVED:
        return ""
    return "private, not on a list of safe ones" if tag.is_private else "not in the profile"


def _name(tag: BaseTag) -> str:
    if tag.is_private:
        return "Private creator" if tag.is_private_creator else "Private attribute"
    try:
        return dictionary_description(tag)
    except KeyError:
        return "Unknown attribute"


def _vr(element: Any) -> str:
    return str(element.VR or "UN") if element is not None else ""


def _bytes(element: Any) -> bytes:
    """The value as it is encoded, less padding."""
    if isinstance(element, RawDataElement):
        return (element.value or b"").rstrip(b" \0")
    assert isinstance(element, DataElement)
    return str(element.value).encode()


def _shown(dataset: Dataset, tag: BaseTag) -> str:
    raw = dataset.get_item(tag)
    if isinstance(raw, RawDataElement) and raw.VR in _BULK:
        return f"{len(raw.value or b''):,} bytes"
    try:
        element = dataset[tag]
    except Exception:  # noqa: BLE001 - a value that breaks its VR is shown by its size, whatever it is
        return f"{len(getattr(raw, 'value', None) or b''):,} bytes that are no {_vr(raw)}"
    if element.VR == "SQ":
        number = len(element.value or ())
        return f"{number} item{'' if number == 1 else 's'}"
    if element.VM > _MOST_VALUES:
        first = "\\".join(str(each) for each in element.value[:_MOST_VALUES])
        return f"{first[:LONGEST]}… ({element.VM} values)"
    text = "\\".join(str(each) for each in element.value) if element.VM > 1 else str(element.value or "")
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"
