"""Faces that a trial has removed: for which series the site's program gave an answer, and which are still to be asked.

An answer is about a volume: the objects of one series that the trial would otherwise take, with their pixels. While the
vault knows the pixels of each, finding it costs one question, and no program runs twice for the same volume.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.defacing.failure import ABSENT
from pacs2trial.filtering.trial_rules import NOT_REMOVED, REJECT, RELEASE, TO_BE_REMOVED, Candidate, Ruling
from pacs2trial.filtering.versions import Weighed
from pacs2trial.trials.face_programs import FaceProgram, program_for
from pacs2trial.vault import Vault
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import FaceMask, FaceRemoval, Instance, Judgement, StagedVersion

REMOVED, FAILED = "removed", "failed"
"""Outcomes of an answer."""

NO_PROGRAM: Final = "the site has no program for this modality"

_UNDECIDED: Final = {Judgement.HELD, None}


@dataclass(frozen=True)
class Member:
    """One object of a volume: the content that the trial uses; ``pixels`` is empty where nobody has looked."""

    instance_id: int
    version_id: int
    sop_instance: str
    path: str
    digest: str
    pixels: str


@dataclass(frozen=True)
class Volume:
    """The objects of one series of which a program is to be asked where the face is."""

    modality: str
    members: tuple[Member, ...] = field(repr=False)


@dataclass(frozen=True)
class Settled:
    """What is known of the faces of a subject: rulings that change, and volumes to be asked about."""

    rulings: Mapping[int, Ruling | None]
    volumes: tuple[Volume, ...]


def settled(
    vault: Vault,
    programs: Sequence[FaceProgram],
    seen: Sequence[Candidate],
    rulings: Mapping[int, Ruling | None],
    weighed: Mapping[int, Weighed],
) -> Settled:
    """Judge the series that wait for their face to be removed, as far as there is an answer.

    A series of which anything else is undecided, or has not come, is asked about when that is settled: its program
    should see the whole head. A person's answer to a failure holds as long as it is one for each of the objects.
    """
    changed: dict[int, Ruling | None] = {}
    volumes: list[Volume] = []
    in_order = sorted(seen, key=lambda one: (one.series, one.instance_id))
    for _, group in groupby(in_order, key=lambda one: one.series):
        series = list(group)
        waiting = [one for one in series if _waits(rulings[one.instance_id])]
        if not waiting:
            continue
        by_person = [_answered(one) for one in waiting]
        if all(by_person):
            changed |= {one.instance_id: told for one, told in zip(waiting, by_person, strict=True)}
            continue
        others = [rulings[one.instance_id] for one in series if one not in waiting]
        if any((ruling.judgement if ruling else None) in _UNDECIDED for ruling in others):
            continue
        with vault.session(read_only=True) as session:
            volume = _volume(session, waiting, weighed)
            answer = answer_about(session, key_of(vault, volume.members))
            if answer is None or not stands(answer, program_for(programs, volume.modality)):
                volumes.append(volume)
            if answer is not None:
                changed |= _by_answer(session, answer, waiting)
    return Settled(changed, tuple(volumes))


def key_of(vault: Vault, members: Sequence[Member]) -> str:
    """The look-up value of a volume; empty while the pixels of an object are not known."""
    if not all(one.pixels for one in members):
        return ""
    told = sorted([one.sop_instance, one.pixels] for one in members)
    return vault.fingerprint(b"volume" + json.dumps(told).encode())


def answer_about(session: Session, key: str) -> FaceRemoval | None:
    """What was answered about a volume."""
    return session.scalars(select(FaceRemoval).where(FaceRemoval.volume == key)).one_or_none() if key else None


def stands(answer: FaceRemoval, program: FaceProgram | None) -> bool:
    """Whether an answer holds: a face once removed stays so; what failed is asked again of another program."""
    if answer.outcome == REMOVED:
        return True
    return answer.reason != ABSENT and answer.declared == (program.digest if program else "")


def _waits(ruling: Ruling | None) -> bool:
    return ruling is not None and ruling.rule == TO_BE_REMOVED


def _answered(candidate: Candidate) -> Ruling | None:
    """What a person said of an object whose face could not be removed."""
    for rule, answer in candidate.answers.items():
        if rule.startswith(NOT_REMOVED) and answer == REJECT:
            return Ruling(Judgement.REJECTED, f"a person: {rule}"[:200])
        if rule.startswith(NOT_REMOVED) and answer == RELEASE:
            return Ruling(Judgement.ACCEPTED, "modality wanted")
    return None


def _by_answer(session: Session, answer: FaceRemoval, waiting: Sequence[Candidate]) -> dict[int, Ruling | None]:
    if answer.outcome == FAILED:
        held = Ruling(Judgement.HELD, f"{NOT_REMOVED}{answer.reason}")
        return {one.instance_id: held for one in waiting}
    rows = session.scalars(select(FaceMask).where(FaceMask.removal_id == answer.id))
    masks = {row.instance_id: row.mask for row in rows}
    accepted = Ruling(Judgement.ACCEPTED, "modality wanted")
    return {one.instance_id: replace(accepted, mask=masks.get(one.instance_id, "")) for one in waiting}


def _volume(session: Session, waiting: Sequence[Candidate], weighed: Mapping[int, Weighed]) -> Volume:
    members: list[Member] = []
    for ids in batches([one.instance_id for one in waiting]):
        query = (
            select(StagedVersion, Instance.sop_instance)
            .join(Instance, Instance.id == StagedVersion.instance_id)
            .where(StagedVersion.instance_id.in_(ids))
        )
        for version, sop_instance in session.execute(query):
            used = weighed[version.instance_id].version_id
            if version.current if used is None else version.id == used:
                told = (version.path, version.digest, version.pixels or "")
                members.append(Member(version.instance_id, version.id, sop_instance, *told))
    return Volume(waiting[0].modality, tuple(sorted(members, key=lambda one: one.sop_instance)))
