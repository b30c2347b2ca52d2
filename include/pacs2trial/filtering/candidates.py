"""The instances of a subject as the rules of a filter see them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from itertools import groupby
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from pacs2trial.filtering.faces import shows_face
from pacs2trial.filtering.pixel_decisions import Decided, decisions_about
from pacs2trial.filtering.series import kept_back
from pacs2trial.filtering.trial_rules import STUDY_DATE, Candidate, wanted
from pacs2trial.filtering.versions import Weighed, weigh
from pacs2trial.keytable import EnrolledSubject
from pacs2trial.keytable.studies import Decisions
from pacs2trial.staging.quarantine import WAITING
from pacs2trial.trials.definition import STAGING, TrialDefinition
from pacs2trial.vault import Vault
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import HeldDecision, Identifier, Instance, InstanceState, QuarantineItem, StagedVersion

_ARRIVED = {InstanceState.STAGED, InstanceState.QUARANTINED}


@dataclass(frozen=True)
class Found:
    """An instance, its facts as they are stored, and what the trial makes of its contents."""

    candidate: Candidate
    facts_sealed: bytes | None
    weighed: Weighed


def candidates(
    session: Session, definition: TrialDefinition, subject: EnrolledSubject, answers: Decisions
) -> list[Found]:
    """The instances filed under any hospital ID of the person, whatever brought them."""
    person_id = subject.person_id
    shared = _shared(session, person_id)
    rows = session.scalars(
        select(Instance)
        .join(Identifier, Identifier.id == Instance.identifier_id)
        .where(Identifier.person_id == person_id)
        .order_by(Instance.id)
    ).all()
    weighed = weigh(session, definition, rows)
    looked_at = _looked_at(session, [row.id for row in rows if row.looked_at], weighed)
    waiting = _waiting(session, [row.id for row in rows if row.state == InstanceState.QUARANTINED])
    series = kept_back(session, definition.trial)
    answered = _answered(session, definition.trial, [row.id for row in rows])
    return [
        Found(
            Candidate(
                instance_id=row.id,
                identifier_id=row.identifier_id,
                state=InstanceState(row.state),
                reason=row.reason,
                modality=row.modality,
                study_date=row.study_date,
                shared=row.study in shared,
                study=row.study,
                answer=answers.get((subject.subject_id, row.study)),
                doubt=weighed[row.id].doubt,
                kept_back=series.get(row.series),
                series=row.series,
                pixels=looked_at.get(row.id),
                waiting=waiting.get(row.id, ()),
                answers=answered.get(row.id, {}),
            ),
            weighed[row.id].facts_sealed or row.facts_sealed,
            weighed[row.id],
        )
        for row in rows
    ]


def with_facts(vault: Vault, definition: TrialDefinition, found: Sequence[Found]) -> list[Candidate]:
    """The candidates, those that arrived and are wanted with their facts, disclosed in one go."""
    asked = {
        one.candidate.instance_id: one.facts_sealed
        for one in found
        if one.facts_sealed is not None and one.candidate.state in _ARRIVED and wanted(one.candidate, definition)
    }
    clear: dict[int, Mapping[str, Any]] = {}
    if asked:
        texts = vault.disclose(
            STAGING, list(asked.values()), caller="filter", purpose=f"rules of trial {definition.trial}"
        )
        clear = {instance_id: json.loads(text) for instance_id, text in zip(asked, texts, strict=True)}
    return [_described(one, clear.get(one.candidate.instance_id)) for one in found]


def with_faces(found: Sequence[Candidate]) -> list[Candidate]:
    """The candidates, those marked from whose series a face could be made out."""
    in_order = sorted(found, key=lambda one: one.series)
    showing = {
        series
        for series, group in groupby(in_order, key=lambda one: one.series)
        if shows_face([one.facts for one in group if one.facts is not None])
    }
    return [replace(one, face=True) if one.series in showing and one.facts else one for one in found]


def _described(one: Found, facts: Mapping[str, Any] | None) -> Candidate:
    """The candidate with its facts; another version than the first also has modality and study date of its own."""
    if facts is None or one.weighed.facts_sealed is None:
        return replace(one.candidate, facts=facts)
    day = facts.get(STUDY_DATE)
    return replace(
        one.candidate,
        facts=facts,
        modality=str(facts["modality"]),
        study_date=date.fromisoformat(day) if day else None,
    )


def _shared(session: Session, person_id: int) -> set[str]:
    """The studies of a person that also hold instances of another."""
    other, owner = aliased(Instance), aliased(Identifier)
    return set(
        session.scalars(
            select(Instance.study)
            .join(Identifier, Identifier.id == Instance.identifier_id)
            .join(other, other.study == Instance.study)
            .join(owner, owner.id == other.identifier_id)
            .where(Identifier.person_id == person_id, owner.person_id != person_id)
            .distinct()
        )
    )


def _looked_at(session: Session, instance_ids: Sequence[int], weighed: Mapping[int, Weighed]) -> dict[int, Decided]:
    """What was decided about the pixels of the content that is used of each instance."""
    decided = decisions_about(session, instance_ids)
    found: dict[int, Decided] = {}
    for batch in batches(instance_ids):
        query = select(StagedVersion).where(StagedVersion.instance_id.in_(batch), StagedVersion.pixels.is_not(None))
        for version in session.scalars(query):
            used = weighed[version.instance_id].version_id
            about = decided.get(version.instance_id, {}).get(version.pixels or "")
            if about is not None and (version.current if used is None else version.id == used):
                found[version.instance_id] = about
    return found


def _waiting(session: Session, instance_ids: Sequence[int]) -> dict[int, tuple[Decided | None, ...]]:
    decided = decisions_about(session, instance_ids)
    found: dict[int, tuple[Decided | None, ...]] = {}
    for batch in batches(instance_ids):
        query = select(QuarantineItem.instance_id, QuarantineItem.pixels).where(
            QuarantineItem.instance_id.in_(batch), QuarantineItem.state == WAITING
        )
        for instance_id, pixels in session.execute(query):
            if instance_id is not None:
                about = decided.get(instance_id, {}).get(pixels or "")
                found[instance_id] = (*found.get(instance_id, ()), about)
    return found


def _answered(session: Session, trial: str, instance_ids: Sequence[int]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for batch in batches(instance_ids):
        query = select(HeldDecision).where(HeldDecision.trial == trial, HeldDecision.instance_id.in_(batch))
        for row in session.scalars(query):
            found.setdefault(row.instance_id, {})[row.rule] = row.answer
    return found
