"""The filter of a trial: every instance of a subject is judged, and judged again each time (promise 4)."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from sqlalchemy import delete, select
from sqlalchemy.orm import Session, aliased

from pacs2trial.filtering.contradictions import contradicted
from pacs2trial.filtering.selecting import with_selection
from pacs2trial.filtering.series import kept_back
from pacs2trial.filtering.trial_rules import STUDY_DATE, Candidate, Ruling, judge, wanted
from pacs2trial.filtering.versions import Weighed, weigh
from pacs2trial.keytable import EnrolledSubject, require_current
from pacs2trial.keytable.studies import Decisions, decided
from pacs2trial.trials.definition import STAGING, TrialDefinition
from pacs2trial.vault import Vault
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Identifier, Instance, InstanceState, Judgement, TrialInstance
from pacs2trial.workspace import Workspace

_ARRIVED = {InstanceState.STAGED, InstanceState.QUARANTINED}


@dataclass(frozen=True)
class Filtered:
    """How the instances of one subject were judged; ``reasons`` counts them by rule, accepted ones left out."""

    subject_key: str
    accepted: int
    not_wanted: int
    held: int
    rejected: int
    reasons: Mapping[str, int]


def filter_subject(ws: Workspace, definition: TrialDefinition, subject: EnrolledSubject) -> Filtered:
    """Judge every instance of a subject by the rules as they are now, and write the judgements down.

    An instance that was collected and is still accepted stays collected. One that is wanted and has not arrived gets
    no judgement: the balance counts it as waiting, failed or missing.

    Raises:
        TransientError: another process works on this subject, or the vault did not answer.
    """
    with ws.vault.lock(f"{definition.trial}/{subject.subject_key}"):
        with ws.vault.session(read_only=True) as session:
            require_current(session, subject)
            answers = decided(session, definition.trial)
            found = _candidates(session, definition, subject, answers)
        candidates = with_selection(ws, definition, subject, _with_facts(ws.vault, definition, found))
        candidates = contradicted(candidates)
        rulings = {one.instance_id: judge(one, definition, subject) for one in candidates}
        with ws.vault.session() as session:
            weighed = {one.candidate.instance_id: one.weighed for one in found}
            _write(session, definition.trial, subject.subject_id, rulings, weighed)
    given = [ruling for ruling in rulings.values() if ruling is not None]
    number = Counter(ruling.judgement for ruling in given)
    return Filtered(
        subject.subject_key,
        accepted=number[Judgement.ACCEPTED],
        not_wanted=number[Judgement.NOT_WANTED],
        held=number[Judgement.HELD],
        rejected=number[Judgement.REJECTED],
        reasons=dict(Counter(ruling.rule for ruling in given if ruling.judgement is not Judgement.ACCEPTED)),
    )


@dataclass(frozen=True)
class _Found:
    candidate: Candidate
    facts_sealed: bytes | None
    weighed: Weighed


def _candidates(
    session: Session, definition: TrialDefinition, subject: EnrolledSubject, answers: Decisions
) -> list[_Found]:
    """The instances filed under any hospital ID of the person, whatever brought them."""
    person_id = subject.person_id
    other, owner = aliased(Instance), aliased(Identifier)
    shared = set(
        session.scalars(
            select(Instance.study)
            .join(Identifier, Identifier.id == Instance.identifier_id)
            .join(other, other.study == Instance.study)
            .join(owner, owner.id == other.identifier_id)
            .where(Identifier.person_id == person_id, owner.person_id != person_id)
            .distinct()
        )
    )
    rows = session.scalars(
        select(Instance)
        .join(Identifier, Identifier.id == Instance.identifier_id)
        .where(Identifier.person_id == person_id)
        .order_by(Instance.id)
    ).all()
    weighed = weigh(session, definition, rows)
    series = kept_back(session, definition.trial)
    return [
        _Found(
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
            ),
            weighed[row.id].facts_sealed or row.facts_sealed,
            weighed[row.id],
        )
        for row in rows
    ]


def _with_facts(vault: Vault, definition: TrialDefinition, found: Sequence[_Found]) -> list[Candidate]:
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


def _described(one: _Found, facts: Mapping[str, Any] | None) -> Candidate:
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


def _write(
    session: Session,
    trial: str,
    subject_id: int,
    rulings: Mapping[int, Ruling | None],
    weighed: Mapping[int, Weighed],
) -> None:
    for ids in batches(rulings):
        rows = session.scalars(
            select(TrialInstance).where(TrialInstance.trial == trial, TrialInstance.instance_id.in_(ids))
        )
        before = {row.instance_id: row for row in rows}
        for instance_id in ids:
            ruling, row = rulings[instance_id], before.get(instance_id)
            if ruling is None:
                continue
            if row is None:
                row = TrialInstance(trial=trial, instance_id=instance_id)
                session.add(row)
            row.contents = weighed[instance_id].contents
            used = weighed[instance_id].version_id
            if _stands(row, subject_id, ruling, used):
                continue
            row.subject_id, row.state, row.rule = subject_id, ruling.judgement, ruling.rule
            row.version_id = used
        revoked = [row.id for instance_id, row in before.items() if rulings[instance_id] is None]
        session.execute(delete(TrialInstance).where(TrialInstance.id.in_(revoked)))


def _stands(row: TrialInstance, subject_id: int, ruling: Ruling, used: int | None) -> bool:
    if row.subject_id != subject_id or row.version_id != used:
        return False
    if row.state == Judgement.COLLECTED:
        return ruling.judgement is Judgement.ACCEPTED
    return row.state == ruling.judgement and row.rule == ruling.rule
