"""The filter of a trial: every instance of a subject is judged, and judged again each time (promise 4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from pacs2trial.filtering.candidates import candidates, with_faces, with_facts
from pacs2trial.filtering.contradictions import contradicted
from pacs2trial.filtering.looks import Look
from pacs2trial.filtering.mask_rules import site_masks
from pacs2trial.filtering.pixel_decisions import detector
from pacs2trial.filtering.removals import Settled, Volume, settled
from pacs2trial.filtering.requirements import Gap, gaps
from pacs2trial.filtering.selecting import with_selection
from pacs2trial.filtering.strangers import RULE as STRANGERS
from pacs2trial.filtering.strangers import linked_to_others
from pacs2trial.filtering.trial_rules import Ruling, judge
from pacs2trial.filtering.versions import Weighed
from pacs2trial.keytable import EnrolledSubject, require_current
from pacs2trial.keytable.studies import decided
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.face_programs import face_programs
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Judgement, SubjectGap, TrialInstance
from pacs2trial.workspace import Workspace


@dataclass(frozen=True)
class Filtered:
    """How the instances of one subject were judged.

    Attributes:
        reasons: counts them by rule, accepted ones left out.
        gaps: what the trial requires and is not there, with how much of it.
        looks: instances whose pixels have to be looked at before they can be let through.
        faces: series of which a program has to be asked where the face is, before they can.
        images: that were seen to meanwhile, by what became of their pixels: clean, wipe, hold.
        looked: how many of these nobody had looked at before.
    """

    subject_key: str
    accepted: int
    not_wanted: int
    held: int
    rejected: int
    reasons: Mapping[str, int]
    gaps: Mapping[str, int] = field(default_factory=dict)
    looks: Sequence[Look] = ()
    faces: Sequence[Volume] = ()
    images: Mapping[str, int] = field(default_factory=dict)
    looked: int = 0


def filter_subject(ws: Workspace, definition: TrialDefinition, subject: EnrolledSubject) -> Filtered:
    """Judge every instance of a subject by the rules as they are now, and write the judgements down.

    An instance that was collected and is still accepted stays collected. One that is wanted and has not arrived gets
    no judgement: the balance counts it as waiting, failed or missing. No pixel is looked at here:
    :func:`pacs2trial.clearance.filter_subject` does that for what is in ``looks``.

    Raises:
        TransientError: another process works on this subject, or vault or disk did not answer.
    """
    trial = definition.trial
    with ws.vault.lock(f"{trial}/{subject.subject_key}"):
        with ws.vault.session(read_only=True) as session:
            require_current(session, subject)
            found = candidates(session, definition, subject, decided(session, trial))
            masks = site_masks(session)
        seen = with_selection(ws, definition, subject, with_facts(ws.vault, definition, found))
        seen = with_faces(contradicted(seen))
        looking = detector(ws.settings)
        rulings = {one.instance_id: judge(one, definition, subject, masks=masks, detector=looking) for one in seen}
        weighed = {one.candidate.instance_id: one.weighed for one in found}
        faces = Settled({}, ())
        if definition.filter.faces.then == "deface":
            faces = settled(ws.vault, face_programs(ws.settings.face_programs), seen, rulings, weighed)
        rulings |= faces.rulings
        with ws.vault.session() as session:
            _write(session, trial, subject.subject_id, rulings, weighed)
        accepted = {one for one, ruling in rulings.items() if ruling and ruling.judgement is Judgement.ACCEPTED}
        lacking = gaps(ws, trial, definition.filter.require, accepted) if definition.filter.require else []
        doubts = {STRANGERS: linked_to_others(ws, trial, subject.person_id, accepted)}
        if definition.filter.require and definition.filter.require.otherwise == "hold":
            doubts |= {f"filter.require: {gap.gap}": gap.instances for gap in reversed(lacking)}
        held = _held(doubts, {one.instance_id: one.answers for one in seen})
        rulings = rulings | held
        with ws.vault.session() as session:
            if held:
                _write(session, trial, subject.subject_id, rulings, weighed)
            _note(session, trial, subject.subject_id, lacking)
    return replace(_told(subject.subject_key, rulings, lacking), faces=faces.volumes)


def _held(doubts: Mapping[str, frozenset[int]], answers: Mapping[int, Mapping[str, str]]) -> dict[int, Ruling | None]:
    """What waits by rules that look at several objects together, unless a person answered to that; the last counts."""
    rulings: dict[int, Ruling | None] = {}
    for rule, instances in doubts.items():
        for instance_id in instances:
            match answers.get(instance_id, {}).get(rule):
                case "release":
                    continue
                case "reject":
                    rulings[instance_id] = Ruling(Judgement.REJECTED, f"a person: {rule}")
                case _:
                    rulings[instance_id] = Ruling(Judgement.HELD, rule)
    return rulings


def _told(subject_key: str, rulings: Mapping[int, Ruling | None], lacking: Sequence[Gap]) -> Filtered:
    given = [ruling for ruling in rulings.values() if ruling is not None]
    number = Counter(ruling.judgement for ruling in given)
    return Filtered(
        subject_key,
        accepted=number[Judgement.ACCEPTED],
        not_wanted=number[Judgement.NOT_WANTED],
        held=number[Judgement.HELD],
        rejected=number[Judgement.REJECTED],
        reasons=dict(Counter(ruling.rule for ruling in given if ruling.judgement is not Judgement.ACCEPTED)),
        gaps={one.gap: one.number for one in lacking},
        looks=tuple(ruling.look for ruling in given if ruling.look is not None),
    )


def _note(session: Session, trial: str, subject_id: int, lacking: Sequence[Gap]) -> None:
    session.execute(delete(SubjectGap).where(SubjectGap.trial == trial, SubjectGap.subject_id == subject_id))
    session.add_all(SubjectGap(trial=trial, subject_id=subject_id, gap=one.gap, number=one.number) for one in lacking)


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
            row.version_id, row.mask = used, ruling.mask
        revoked = [row.id for instance_id, row in before.items() if rulings[instance_id] is None]
        session.execute(delete(TrialInstance).where(TrialInstance.id.in_(revoked)))


def _stands(row: TrialInstance, subject_id: int, ruling: Ruling, used: int | None) -> bool:
    if row.subject_id != subject_id or row.version_id != used or row.mask != ruling.mask:
        return False
    if row.state == Judgement.COLLECTED:
        return ruling.judgement is Judgement.ACCEPTED
    return row.state == ruling.judgement and row.rule == ruling.rule
