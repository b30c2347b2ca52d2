"""Which columns of the key table a definition asks for, besides those that every key table has."""

from __future__ import annotations

from collections.abc import Iterator

from pacs2trial.trials.attributes import keywords
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.lookups import IDENTITIES, SUBJECT_KEY
from pacs2trial.trials.source import Location


def columns_asked(definition: TrialDefinition) -> Iterator[tuple[Location, str]]:
    """The field of the definition that asks, and the column."""
    select = definition.source.select
    if select is not None and select.days is not None:
        yield ("source", "select", "days", "column"), select.days.column
    for number, rule in enumerate(definition.profile.rules):
        for name in rule.template.columns if rule.template else ():
            yield ("profile", "rules", number, "set"), name
    if definition.profile.offset:
        yield ("profile", "offset", "column"), definition.profile.offset.column
    for lookup, asked in definition.lookups.items():
        field = "query" if asked.query is not None else "match"
        for name in asked.asked_by:
            if name not in (SUBJECT_KEY, *IDENTITIES) and name not in keywords():
                yield ("lookups", lookup, field), name
