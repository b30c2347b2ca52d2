"""Whether the conditions of a filter rule hold for the facts of an object."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fnmatch import translate
from functools import lru_cache
from typing import Any

from pacs2trial.trials.conditions import NUMBERS, TEXTS, Conditions

Facts = Mapping[str, Any]


def matches(conditions: Conditions, facts: Facts) -> bool:
    """Whether all conditions hold. What the object does not say matches no condition, not even ``*``."""
    classes = conditions.sop_classes
    if classes and facts.get("sop_class") not in classes:
        return False
    for name in TEXTS:
        patterns = getattr(conditions, name)
        if patterns and not any(_like(patterns, text) for text in _texts(facts.get(name))):
            return False
    for name in NUMBERS:
        numbers = getattr(conditions, name)
        if numbers is not None:
            told = number_of(facts, name)
            if told is None or not numbers.holds(told):
                return False
    return True


def number_of(facts: Facts, name: str) -> float | None:
    """A fact as a number; of several the greatest; None if the object does not say it, or no number."""
    value = facts.get(name)
    if isinstance(value, (int, float)):
        return float(value) or None
    numbers = [number for part in str(value or "").split("\\") if (number := as_number(part)) is not None]
    return max(numbers, default=None)


def as_number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None


def _texts(value: Any) -> Sequence[str]:
    said = [value] if isinstance(value, str) else [str(one) for one in value or ()]
    return [text for one in said if (text := one.strip().casefold())]


def _like(patterns: Sequence[str], text: str) -> bool:
    return any(_compiled(pattern).match(text) for pattern in patterns)


@lru_cache(maxsize=1024)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(translate(pattern.casefold()))
