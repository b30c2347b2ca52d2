"""Rules that a person may add to a definition for texts that leave in packages."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from enum import StrEnum
from typing import Any

import yaml
from pydantic import ValidationError

from pacs2trial.collect.texts import Text
from pacs2trial.errors import InputError
from pacs2trial.trials.rules import AttributeRule


class Wish(StrEnum):
    """What a person wants of texts.

    KEEP lets exactly these texts pass; CLEAN takes out of the attribute what identifies; REMOVE takes the attribute
    away altogether.
    """

    KEEP = "keep"
    CLEAN = "clean"
    REMOVE = "remove"


def proposed(texts: Sequence[Text], wish: Wish) -> list[dict[str, Any]]:
    """One rule for each attribute, ordered; each is one that a definition may hold.

    Raises:
        InputError: an attribute cannot be treated so; all are named.
    """
    by_attribute: defaultdict[str, list[str]] = defaultdict(list)
    for attribute, value in sorted(set(texts)):
        by_attribute[attribute].append(value)
    rules = [_rule(attribute, values, wish) for attribute, values in by_attribute.items()]
    unfit = [str(rule["attribute"]) for rule in rules if not _is_right(rule)]
    if unfit:
        raise InputError(*(f"{attribute}: {wish.value} is nothing that can be done with it" for attribute in unfit))
    return rules


def as_yaml(rules: Sequence[dict[str, Any]]) -> str:
    """The rules as they stand in a definition, to be pasted."""
    return yaml.safe_dump({"profile": {"rules": list(rules)}}, sort_keys=False, allow_unicode=True, width=10_000)


def _rule(attribute: str, values: Sequence[str], wish: Wish) -> dict[str, Any]:
    match wish:
        case Wish.KEEP:
            return {"attribute": attribute, "replace": {value: value for value in values}}
        case Wish.CLEAN:
            return {"attribute": attribute, "clean": True}
        case Wish.REMOVE:
            return {"attribute": attribute, "remove": True}


def _is_right(rule: dict[str, Any]) -> bool:
    try:
        AttributeRule.model_validate(rule)
    except ValidationError:
        return False
    return True
