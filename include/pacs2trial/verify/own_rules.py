"""What the rules of a trial's own do with the links of an object, read anew from the definition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from pacs2trial.trials.attributes import Named, Step, attributes, keywords
from pacs2trial.trials.rulefaults import Does
from pacs2trial.trials.rules import AttributeRule

_STEP: Final = re.compile(r"(?:(?P<keyword>\w+)|\((?P<group>[0-9A-F]{4}),(?P<element>[0-9A-F]{4})\))(?:\[\d+\])?")
_TAKE_AWAY: Final = frozenset((Does.REMOVE, Does.EMPTY))
_PLACING: Final = frozenset((0x00080018, 0x0020000D, 0x0020000E))
"""The UIDs of instance, study and series, which no rule may touch."""


class Ruled(NamedTuple):
    """What rules say of one value: which takes it away (None: none does), and which sequences on its way are kept."""

    taken_away_by: int | None
    kept: frozenset[str]


class RulesOfTrial:
    """``profile.rules``, to be asked what they do with a value and with the sequences around it."""

    def __init__(self, rules: Sequence[AttributeRule]) -> None:
        self._all = [(number, rule, rule.path) for number, rule in enumerate(rules)]
        self._rules = [one for one in self._all if one[1].does is not Does.REPLACE]

    def speaks_of(self, path: str, sop_class: str, modality: str) -> bool:
        """Whether a rule, of whatever kind, decides about the value at ``path`` or a sequence around it."""
        tags = [tag for tag, _ in _steps(path)]
        ends = range(1, len(tags) + 1)
        return any(self._first(tags[:end], sop_class, modality, self._all) is not None for end in ends)

    def of(self, path: str, sop_class: str, modality: str) -> Ruled:
        """What is said of the value at ``path`` in an object of this SOP Class UID and Modality."""
        steps = list(_steps(path))
        kept = set()
        for end in range(1, len(steps) + 1):
            tags = [tag for tag, _ in steps[:end]]
            decides = self._first(tags, sop_class, modality)
            if decides is None:
                continue
            number, does = decides
            if does in _TAKE_AWAY:
                return Ruled(number, frozenset())
            if does is Does.KEEP:
                kept.add(steps[end - 1][1])
        return Ruled(None, frozenset(kept))

    def _first(
        self,
        tags: Sequence[int],
        sop_class: str,
        modality: str,
        rules: Sequence[tuple[int, AttributeRule, Sequence[Step]]] | None = None,
    ) -> tuple[int, Does] | None:
        """The first rule that means the last of ``tags``, where the others lead to it."""
        if tags[-1] in _PLACING:
            return None
        known = attributes().get(tags[-1])
        for number, rule, path in self._rules if rules is None else rules:
            classes, modalities = rule.sop_classes, rule.modalities
            concerned = (not classes or sop_class in classes) and (not modalities or modality in modalities)
            if concerned and (known is None or rule.fits(known.vr)) and _leads(path, tags):
                return number, rule.does
        return None


def _steps(path: str) -> Iterator[tuple[int, str]]:
    """Tag and name of each attribute on a path such as ``ReferencedSeriesSequence[1].SeriesInstanceUID``."""
    for step in _STEP.finditer(path):
        keyword = step["keyword"]
        tag = keywords().get(keyword, 0) if keyword else int(step["group"] + step["element"], 16)
        yield tag, keyword or step[0]


def _leads(path: Sequence[Step], tags: Sequence[int]) -> bool:
    """Whether ``tags`` end in what ``path`` names; a path may begin at every level.

    The private creator is not on the way that is looked at: a rule for one is taken to mean any.
    """
    if not path:
        return True
    last, before = path[-1], path[:-1]
    if not isinstance(last, Named):
        return _leads(before, tags) or (bool(tags) and _leads(path, tags[:-1]))
    if not tags or bool(last.creator) != bool(tags[-1] & 0x10000):
        return False
    return last.matches(tags[-1], last.creator) and _leads(before, tags[:-1])
