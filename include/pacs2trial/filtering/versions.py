"""Which version of an instance a trial uses, where more than one content came under its SOP Instance UID."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.staging.quarantine import WAITING
from pacs2trial.staging.versions import candidates
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Instance, QuarantineItem, StagedVersion, VersionDecision

TWO_CONTENTS = "another content of it came"
IN_QUARANTINE = "another content of it waits in quarantine"
MOVED = "its newest content names another study or series"

VERSION_RULES = (TWO_CONTENTS, IN_QUARANTINE, MOVED)
"""Rules of the filter by which a version is in doubt."""


@dataclass(frozen=True)
class Weighed:
    """What a trial makes of the contents of one instance.

    Attributes:
        contents: how many had come.
        version_id: which is used; None for the only one, and while it is in doubt.
        facts_sealed: of its own header, None where those of the instance are right.
        doubt: why it waits for a person; empty if it does not.
    """

    contents: int
    version_id: int | None = None
    facts_sealed: bytes | None = None
    doubt: str = ""


def weigh(session: Session, definition: TrialDefinition, instances: Sequence[Instance]) -> dict[int, Weighed]:
    """Weigh the contents of each instance by the trial's policy (``versions``) and by what people decided.

    A decision holds for the contents that had come when it was made. What waits in quarantine can be passed over by a
    decision or by the policy ``first``, and used by neither.
    """
    several = [one.id for one in instances if one.contents > 1]
    versions = candidates(session, several)
    waiting = _waiting(session, several)
    decisions = _decisions(session, definition.trial, several)
    return {
        one.id: _weighed(
            one,
            versions.get(one.id, []),
            waits=one.id in waiting,
            decision=decisions.get(one.id),
            policy=definition.versions,
        )
        for one in instances
    }


def _weighed(
    instance: Instance, versions: Sequence[StagedVersion], *, waits: bool, decision: VersionDecision | None, policy: str
) -> Weighed:
    if not versions or (len(versions) == 1 and not waits):
        return Weighed(instance.contents)
    by_id = {version.id: version for version in versions}
    if decision is not None and decision.contents >= instance.contents and decision.version_id in by_id:
        return _used(instance, by_id[decision.version_id])
    if policy == "first":
        return _used(instance, versions[0])
    if waits:
        return Weighed(instance.contents, doubt=IN_QUARANTINE)
    if policy == "hold":
        return Weighed(instance.contents, doubt=TWO_CONTENTS)
    if not same_place(versions[0], versions[-1]):
        return Weighed(instance.contents, doubt=MOVED)
    return _used(instance, versions[-1])


def same_place(one: StagedVersion, other: StagedVersion) -> bool:
    """Whether two versions name the same study and series, so that one can stand for the other."""
    return PurePosixPath(one.path).parent == PurePosixPath(other.path).parent


def _used(instance: Instance, version: StagedVersion) -> Weighed:
    return Weighed(instance.contents, version.id, version.facts_sealed)


def _waiting(session: Session, instance_ids: Sequence[int]) -> set[int]:
    found: set[int] = set()
    for batch in batches(instance_ids):
        query = select(QuarantineItem.instance_id).where(
            QuarantineItem.instance_id.in_(batch), QuarantineItem.state == WAITING
        )
        found.update(one for one in session.scalars(query) if one is not None)
    return found


def _decisions(session: Session, trial: str, instance_ids: Sequence[int]) -> Mapping[int, VersionDecision]:
    found: dict[int, VersionDecision] = {}
    for batch in batches(instance_ids):
        query = select(VersionDecision).where(VersionDecision.trial == trial, VersionDecision.instance_id.in_(batch))
        found |= {one.instance_id: one for one in session.scalars(query)}
    return found
