"""Which of a subject's instances are of studies that the trial does not select."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import groupby

from pacs2trial.filtering.links import referred, studies_of
from pacs2trial.filtering.selection import StudySeen, Unselected, unselected
from pacs2trial.filtering.trial_rules import ACCESSION_LOOKUP, Candidate
from pacs2trial.keytable import EnrolledSubject
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.workspace import Workspace


def with_selection(
    ws: Workspace, definition: TrialDefinition, subject: EnrolledSubject, candidates: Sequence[Candidate]
) -> list[Candidate]:
    """The candidates, each with why its study is not selected. A study is judged as one, by all that it tells."""
    select = definition.source.select
    if select is None:
        return list(candidates)
    in_order = sorted(candidates, key=lambda one: one.study)
    found = {
        study: unselected(select, subject, _seen(list(group)))
        for study, group in groupby(in_order, key=lambda one: one.study)
    }
    linked = _linked(ws, found) if select.linked else set()
    return [
        one if one.study in linked or (why := found[one.study]) is None else replace(one, unselected=_sure(one, why))
        for one in candidates
    ]


def _sure(candidate: Candidate, why: Unselected) -> Unselected | None:
    """What has not arrived cannot tell its description: it waits until it has."""
    return None if why.doubtful and candidate.facts is None else why


def _seen(study: Sequence[Candidate]) -> StudySeen:
    told = [one.facts for one in study if one.facts is not None]
    lookups = {str(lookup) for facts in told if (lookup := facts.get(ACCESSION_LOOKUP))}
    dates = [one.study_date for one in study if one.study_date is not None]
    return StudySeen(
        identifier_id=study[0].identifier_id,
        accession_lookup=min(lookups) if lookups else None,
        study_date=min(dates) if dates else None,
        descriptions={str(facts.get("study_description") or "") for facts in told} if told else None,
    )


def _linked(ws: Workspace, found: Mapping[str, Unselected | None]) -> set[str]:
    """The studies that selected ones refer to, and those that these refer to, and so on."""
    linked: set[str] = set()
    newest = {study for study, why in found.items() if why is None}
    while newest:
        newest = (studies_of(ws, referred(ws, newest)) & {study for study, why in found.items() if why}) - linked
        linked |= newest
    return linked
