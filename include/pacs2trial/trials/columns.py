"""Which columns of the key table a definition asks for, besides those that every key table has."""

from __future__ import annotations

from collections.abc import Iterator

from pacs2trial.trials.attributes import keywords
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.source import Location
from pacs2trial.trials.template import ALWAYS_KNOWN, NEVER_WRITTEN


def columns_asked(definition: TrialDefinition) -> dict[str, Location]:
    """Each column, and the field of the definition that asks for it first."""
    found: dict[str, Location] = {}
    for field, column in _asked(definition):
        if column not in ALWAYS_KNOWN + NEVER_WRITTEN:
            found.setdefault(column, field)
    return found


def _asked(definition: TrialDefinition) -> Iterator[tuple[Location, str]]:
    select = definition.source.select
    if select is not None and select.days is not None:
        yield ("source", "select", "days"), select.days.column
    if definition.profile.offset is not None:
        yield ("profile", "offset"), definition.profile.offset.column
    for number, rule in enumerate(definition.profile.rules):
        for column in rule.template.columns if rule.template else ():
            yield ("profile", "rules", number), column
    for name, lookup in definition.lookups.items():
        for column in lookup.asked_by:
            if column not in keywords():
                yield ("lookups", name), column
