"""Instances of which more than one content came: listed, compared, decided by a person."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from pacs2trial.dicomfile.difference import Difference, difference
from pacs2trial.errors import InputError
from pacs2trial.filtering.versions import VERSION_RULES, same_place
from pacs2trial.staging.versions import candidates
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import (
    Identifier,
    Instance,
    Judgement,
    StagedVersion,
    Subject,
    TrialInstance,
    VersionDecision,
    now,
)
from pacs2trial.workspace import Workspace

_TOKEN_LENGTH = 12
_CONCERNED = (Judgement.ACCEPTED, Judgement.COLLECTED, Judgement.HELD)


class Choice(StrEnum):
    """Which of several versions is used, where a person decides for a whole subject."""

    FIRST = "first"
    NEWEST = "newest"


@dataclass(frozen=True)
class Version:
    """One content of an instance.

    Attributes:
        token: names it to the commands.
        received_at: when it came, UTC.
        size: bytes in staging.
        used: whether the trial uses it now.
        plan: digest of the staging plan that made it: two plans make two contents of one object.
        differs: from the first one; None where a file is not there.
    """

    token: str
    received_at: datetime
    size: int
    used: bool
    plan: str
    differs: Difference | None


@dataclass(frozen=True)
class Versions:
    """An instance of a subject with its contents in the order in which they came; UIDs are staging pseudonyms.

    ``waits`` is the rule by which the subject is held, empty when it is settled; ``judged`` is false until the filter
    has seen them all.
    """

    subject_key: str
    study: str
    series: str
    sop_instance: str
    modality: str
    waits: str
    judged: bool
    versions: tuple[Version, ...]


@dataclass(frozen=True)
class _Case:
    subject: Subject
    instance: Instance
    judgement: TrialInstance
    versions: Sequence[StagedVersion]

    def waits(self) -> str:
        return self.judgement.rule if self.judgement.rule in VERSION_RULES else ""

    def used(self) -> int | None:
        if self.waits():
            return None
        return self.judgement.version_id or self.versions[0].id


def versions(ws: Workspace, trial: str, *, everything: bool = False) -> list[Versions]:
    """The instances of a trial's subjects of which several contents came, by subject key and instance.

    Args:
        ws: the site.
        trial: the trial; an instance that it does not want is left out.
        everything: also those that are settled.
    """
    with ws.vault.session(read_only=True) as session:
        found = [case for case in _cases(session, trial) if everything or case.waits() or not _judged(case)]
    return [_told(ws, case) for case in found]


def use_version(ws: Workspace, trial: str, token: str, *, reason: str, actor: str) -> str:
    """Let a trial use one version of an instance, whatever its policy says; holds until another content comes.

    The instance has to be judged anew, and exactly the packages that it belongs to are stale until then. Audited.

    Args:
        ws: the site.
        trial: the trial; others decide for themselves.
        token: of the version, as :func:`versions` names it.
        reason: why; stands in the audit.
        actor: who decided; stands in the audit.

    Returns:
        The subject key.

    Raises:
        InputError: no such version, no reason, or the version names another study or series than the first one.
        TransientError: a run works on the subject.
    """
    with ws.vault.session(read_only=True) as session:
        chosen = [
            (case, version) for case in _cases(session, trial) for version in case.versions if _token(version) == token
        ]
    if not chosen:
        raise InputError(f"trial {trial} has no version {token!r}; pacs2trial versions {trial} lists them")
    ((case, _version),) = chosen
    return _decide(ws, trial, case.subject.key, chosen, reason=reason, actor=actor)


def use_versions(ws: Workspace, trial: str, subject_key: str, choice: Choice, *, reason: str, actor: str) -> int:
    """Decide for every instance of a subject that waits: its first content, or the one that came last.

    Otherwise as :func:`use_version`. Returns the number of instances.

    Raises:
        InputError: nothing of the subject waits, no reason, or as for :func:`use_version`.
        TransientError: a run works on the subject.
    """
    place = 0 if choice is Choice.FIRST else -1
    with ws.vault.session(read_only=True) as session:
        chosen = [
            (case, case.versions[place])
            for case in _cases(session, trial, [subject_key])
            if case.waits() or not _judged(case)
        ]
    if not chosen:
        raise InputError(f"{trial}/{subject_key}: no version waits for a decision")
    _decide(ws, trial, subject_key, chosen, reason=reason, actor=actor)
    return len(chosen)


def _decide(
    ws: Workspace,
    trial: str,
    subject_key: str,
    chosen: Sequence[tuple[_Case, StagedVersion]],
    *,
    reason: str,
    actor: str,
) -> str:
    if not reason.strip():
        raise InputError("a decision needs a reason: --reason")
    moved = sum(not same_place(case.versions[0], version) for case, version in chosen)
    if moved:
        raise InputError(
            f"{trial}/{subject_key}: {moved} versions name another study or series than the first one under the same "
            "SOP Instance UID; have that put right in the PACS, under new UIDs, or use the first"
        )
    with ws.vault.lock(f"{trial}/{subject_key}"), ws.vault.session() as session:
        for case, version in chosen:
            which = {"trial": trial, "instance_id": case.instance.id}
            session.execute(delete(VersionDecision).filter_by(**which))
            session.add(
                VersionDecision(
                    **which,
                    version_id=version.id,
                    contents=case.instance.contents,
                    reason=reason,
                    decided_at=now(),
                    decided_by=actor,
                )
            )
        for batch in batches([case.instance.id for case, _version in chosen]):
            session.execute(
                update(TrialInstance)
                .where(TrialInstance.trial == trial, TrialInstance.instance_id.in_(batch))
                .values(contents=0)
            )
        ws.vault.audit.append(
            session,
            "version chosen",
            actor=actor,
            trial=trial,
            target=subject_key,
            reason=reason,
            digests=sorted(version.digest for _case, version in chosen),
        )
    return subject_key


def _cases(session: Session, trial: str, subject_keys: Collection[str] | None = None) -> list[_Case]:
    query = (
        select(Subject, Instance, TrialInstance)
        .join(Identifier, Identifier.person_id == Subject.person_id)
        .join(Instance, Instance.identifier_id == Identifier.id)
        .join(
            TrialInstance,
            (TrialInstance.instance_id == Instance.id)
            & (TrialInstance.trial == Subject.trial)
            & (TrialInstance.subject_id == Subject.id),
        )
        .where(Subject.trial == trial, Subject.withdrawn_at.is_(None))
        .where(Instance.contents > 1, TrialInstance.state.in_(_CONCERNED))
        .order_by(Subject.key, Instance.study, Instance.series, Instance.sop_instance)
    )
    if subject_keys is not None:
        query = query.where(Subject.key.in_(subject_keys))
    rows = session.execute(query).all()
    staged = candidates(session, [instance.id for _subject, instance, _judgement in rows])
    return [
        _Case(subject, instance, judgement, staged[instance.id])
        for subject, instance, judgement in rows
        if instance.id in staged
    ]


def _judged(case: _Case) -> bool:
    return case.judgement.contents >= case.instance.contents


def _told(ws: Workspace, case: _Case) -> Versions:
    first, used = ws.settings.staging / case.versions[0].path, case.used()
    return Versions(
        case.subject.key,
        case.instance.study,
        case.instance.series,
        case.instance.sop_instance,
        case.instance.modality,
        case.waits(),
        _judged(case),
        tuple(
            Version(
                _token(one),
                one.received_at,
                one.size,
                one.id == used,
                one.plan,
                Difference((), pixel_data=False) if number == 0 else difference(first, ws.settings.staging / one.path),
            )
            for number, one in enumerate(case.versions)
        ),
    )


def _token(version: StagedVersion) -> str:
    return version.digest[:_TOKEN_LENGTH]
