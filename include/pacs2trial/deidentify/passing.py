"""Noting which texts leave, so that a person can look at those that are new."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from pacs2trial.deidentify.compiled import Apply, Result
from pacs2trial.deidentify.padding import PADDING
from pacs2trial.profile.rules import Action, Rule

if TYPE_CHECKING:
    from pacs2trial.deidentify.walk import Walk

PASSING_VRS: Final = frozenset((b"CS", b"LO", b"LT", b"PN", b"SH", b"ST", b"UC", b"UT"))
PASSING_ACTIONS: Final = frozenset(
    (Action.CLEAN, Action.KEEP, Action.MEANING, Action.REPLACE, Action.ROI_NAME, Action.SCREEN)
)


def passing(rule: Rule, apply: Apply) -> Apply:
    """``apply``, its results noted under the attribute's keyword."""
    keyword = rule.keyword

    def passed(walk: Walk, value: bytes) -> Result:
        result = apply(walk, value)
        if result and isinstance(result, bytes):
            walk.passed[keyword, walk.charset, result.rstrip(PADDING)] += 1
        return result

    return passed
