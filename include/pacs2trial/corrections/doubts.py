"""Studies of which it is in doubt whose they are: listed, looked at, decided by a person."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from pacs2trial.errors import InputError
from pacs2trial.filtering.contradictions import TWO_BIRTH_DATES, TWO_SEXES
from pacs2trial.filtering.trial_rules import TWO_PERSONS
from pacs2trial.keytable.studies import Answer
from pacs2trial.retrieve.announced import TWO_PATIENT_IDS
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault.tables import (
    HeldStudy,
    Identifier,
    Instance,
    InstanceState,
    Judgement,
    StagedVersion,
    StudyDecision,
    Subject,
    TrialInstance,
    now,
)
from pacs2trial.workspace import Workspace

RULES = (TWO_PERSONS, TWO_BIRTH_DATES, TWO_SEXES)
"""Rules of the filter by which a study is in doubt."""

SETTLED_BY_A_PERSON = frozenset({TWO_PATIENT_IDS, *RULES})
"""Doubts that a person can settle by saying that the study is the subject's; others need another key table or PACS."""


@dataclass(frozen=True)
class Doubt:
    """One study that holds its subject.

    Attributes:
        token: names it to the commands; the same for as long as the doubt lasts.
        study: staging pseudonym of the study.
        instances: those in staging or quarantine; none for a study that was not fetched.
    """

    token: str
    subject_key: str
    study: str
    reason: str
    study_date: date | None
    instances: int
    since: datetime


@dataclass(frozen=True)
class Told:
    """What the objects of a study say of their patient; it identifies him."""

    patient_ids: tuple[tuple[str, str], ...]
    birth_dates: tuple[str, ...]
    sexes: tuple[str, ...]


def doubts(ws: Workspace, trial: str, subject_keys: Collection[str] | None = None) -> list[Doubt]:
    """The open doubts of a trial's enrolled subjects, by subject key."""
    at_pacs = (
        select(Subject.key, HeldStudy.study, HeldStudy.reason, HeldStudy.held_at)
        .join(Subject, Subject.id == HeldStudy.subject_id)
        .where(HeldStudy.trial == trial, Subject.withdrawn_at.is_(None))
    )
    in_staging = (
        select(Subject.key, Instance.study, TrialInstance.rule, func.min(TrialInstance.judged_at))
        .join(Instance, Instance.id == TrialInstance.instance_id)
        .join(Subject, Subject.id == TrialInstance.subject_id)
        .where(TrialInstance.trial == trial, Subject.withdrawn_at.is_(None))
        .where(TrialInstance.state == Judgement.HELD, TrialInstance.rule.in_(RULES))
        .group_by(Subject.key, Instance.study, TrialInstance.rule)
    )
    found: dict[str, Doubt] = {}
    with ws.vault.session(read_only=True) as session:
        for query in (at_pacs, in_staging):
            for key, study, reason, since in session.execute(query).all():
                token = _token(trial, key, study)
                if token not in found and (subject_keys is None or key in subject_keys):
                    day, number = _known(session, study)
                    found[token] = Doubt(token, key, study, reason, day, number, since)
    return sorted(found.values(), key=lambda one: (one.subject_key, one.token))


def decide(ws: Workspace, trial: str, token: str, answer: Answer, *, reason: str, actor: str) -> Doubt:
    """Write down whether a study is the subject's; the next run goes on by it.

    Other subjects of the trial do without a study that belongs to this one. If the PACS answers it for this subject and
    the ledger had filed it under another person, it is expected anew, to be fetched as the PACS has it now. Objects in
    staging that name another person stay that person's.

    Args:
        ws: the site.
        trial: the trial.
        token: the doubt, as :func:`doubts` names it.
        answer: the decision.
        reason: why; stands in the audit.
        actor: who decided; stands in the audit.

    Raises:
        InputError: no such doubt, no reason, or the doubt is not one that this can settle.
        TransientError: a run works on the subject.
    """
    if not reason.strip():
        raise InputError("a decision needs a reason: --reason")
    doubt = _find(ws, trial, token)
    if answer is Answer.BELONGS and doubt.reason not in SETTLED_BY_A_PERSON:
        raise InputError(
            f"{doubt.subject_key}: {doubt.reason}: correct the key table (visits, issuer) or leave the study out"
        )
    with ws.vault.lock(f"{trial}/{doubt.subject_key}"), ws.vault.session() as session:
        subject = session.scalars(select(Subject).where(Subject.trial == trial, Subject.key == doubt.subject_key)).one()
        answers = {subject.id: answer}
        if answer is Answer.BELONGS:
            others = _others_in_doubt(session, trial, doubt.study, subject.id)
            answers |= dict.fromkeys(others, Answer.LEFT_OUT)
        if answer is Answer.BELONGS and doubt.reason == TWO_PATIENT_IDS:
            _refile(session, subject, doubt.study)
        for subject_id, each in answers.items():
            _write(session, trial, subject_id, doubt.study, each, reason, actor)
        ws.vault.audit.append(
            session,
            f"study in doubt: {answer}",
            actor=actor,
            trial=trial,
            target=doubt.subject_key,
            reason=reason,
            study=doubt.study,
            doubt=doubt.reason,
        )
    return doubt


def look(ws: Workspace, trial: str, token: str, *, actor: str) -> tuple[Doubt, Told]:
    """What the objects of a study in doubt say of their patient. Written to the audit before anything is decrypted.

    Raises:
        InputError: no such doubt.
    """
    doubt = _find(ws, trial, token)
    ws.vault.audit.record("study in doubt shown", actor=actor, trial=trial, target=doubt.subject_key, study=doubt.study)
    with ws.vault.session(read_only=True) as session:
        rows = session.execute(
            select(Instance.identifier_id, Instance.facts_sealed).where(Instance.study == doubt.study)
        ).all()
    purpose = f"study in doubt of {trial} for {actor}"
    ids = ws.vault.identities.original_ids({row[0] for row in rows}, caller="doubts", purpose=purpose)
    sealed = [row[1] for row in rows if row[1] is not None]
    texts = ws.vault.disclose(STAGING, sealed, caller="doubts", purpose=purpose)
    said: list[Mapping[str, str]] = [json.loads(text).get("identity") or {} for text in texts]
    return doubt, Told(
        tuple(sorted(ids.values())),
        tuple(sorted({str(one.get("birth_date") or "") for one in said} - {""})),
        tuple(sorted({str(one.get("sex") or "") for one in said} - {""})),
    )


def _find(ws: Workspace, trial: str, token: str) -> Doubt:
    found = next((one for one in doubts(ws, trial) if one.token == token), None)
    if found is None:
        raise InputError(f"trial {trial} has no such study in doubt; pacs2trial keys doubts {trial} lists them")
    return found


def _token(trial: str, subject_key: str, study: str) -> str:
    return hashlib.sha256(f"{trial}/{subject_key}/{study}".encode()).hexdigest()[:10]


def _known(session: Session, study: str) -> tuple[date | None, int]:
    arrived = (InstanceState.STAGED, InstanceState.QUARANTINED)
    query = select(func.min(Instance.study_date), func.count()).where(
        Instance.study == study, Instance.state.in_(arrived)
    )
    day, number = session.execute(query).one()
    return day, number


def _others_in_doubt(session: Session, trial: str, study: str, subject_id: int) -> list[int]:
    held = select(HeldStudy.subject_id).where(HeldStudy.trial == trial, HeldStudy.study == study)
    judged = (
        select(TrialInstance.subject_id)
        .join(Instance, Instance.id == TrialInstance.instance_id)
        .where(TrialInstance.trial == trial, Instance.study == study, TrialInstance.rule == TWO_PERSONS)
    )
    return sorted({*session.scalars(held), *session.scalars(judged)} - {subject_id})


def _refile(session: Session, subject: Subject, study: str) -> None:
    """Expect anew, under the subject, what the ledger holds of a study under other persons."""
    own = session.scalars(select(Identifier.id).where(Identifier.person_id == subject.person_id)).all()
    where = Instance.study == study, Instance.identifier_id.not_in(own)
    wrong = select(Instance.id).where(*where)
    session.execute(delete(TrialInstance).where(TrialInstance.instance_id.in_(wrong)))
    session.execute(update(StagedVersion).where(StagedVersion.instance_id.in_(wrong)).values(current=False))
    session.execute(
        update(Instance)
        .where(*where)
        .values(identifier_id=min(own), state=InstanceState.EXPECTED, reason="", contents=0, settled_at=None)
    )


def _write(session: Session, trial: str, subject_id: int, study: str, answer: Answer, reason: str, actor: str) -> None:
    subject = session.get_one(Subject, subject_id)
    which = {"trial": trial, "subject_id": subject_id, "person_id": subject.person_id, "study": study}
    session.execute(delete(StudyDecision).filter_by(**which))
    session.add(StudyDecision(**which, answer=answer, reason=reason, decided_at=now(), decided_by=actor))
    session.execute(delete(HeldStudy).filter_by(trial=trial, subject_id=subject_id, study=study))
