"""Restore one subject: its staged data from the PACS, then its packages, with the digests recorded before."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select, update

from pacs2trial.collect.versions import current_packages
from pacs2trial.errors import InputError
from pacs2trial.network.suboperations import never
from pacs2trial.restore.contents import Content, lost, needed
from pacs2trial.restore.evidence import ask_anew
from pacs2trial.restore.fetching import NOT_SENT, Absent, bring_back
from pacs2trial.restore.packages import Outcome, RestoredPackage, make_again
from pacs2trial.retrieve.runs import newest_definition
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import StagedVersion, Subject, TrialInstance
from pacs2trial.workspace import Workspace

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Restored:
    """What became of one subject.

    Attributes:
        subject_key: the trial's name for the patient.
        intact: staged contents that were there.
        restored: those that came back.
        listed: how many did not, by reason, lost objects of the quarantine among them; what is listed has replaced
            nothing.
        packages: the packages in force, ordered by study.
    """

    subject_key: str
    intact: int
    restored: int
    listed: Mapping[str, int]
    packages: Sequence[RestoredPackage]

    @property
    def complete(self) -> bool:
        """Whether everything is as the vault recorded it."""
        return not self.listed and all(one.outcome is not Outcome.LISTED for one in self.packages)

    @property
    def unfinished(self) -> bool:
        """Whether the PACS shows what it did not send, so that restoring again may bring it."""
        return NOT_SENT in self.listed

    def problems(self) -> list[str]:
        """What is listed, one line each."""
        lines = [f"{self.subject_key}: {number} objects: {reason}" for reason, number in sorted(self.listed.items())]
        return lines + [
            f"{self.subject_key}: {one.path}: {one.reason}" for one in self.packages if one.outcome is Outcome.LISTED
        ]


def restorable_subjects(ws: Workspace, trial: str, subject_keys: Sequence[str] | None = None) -> list[str]:
    """The subject keys of a trial, those that are withdrawn left out, sorted.

    Raises:
        InputError: one of ``subject_keys`` is not among them, or the trial has none.
    """
    with ws.vault.session(read_only=True) as session:
        known = set(session.scalars(select(Subject.key).where(Subject.trial == trial, Subject.withdrawn_at.is_(None))))
    if not known:
        raise InputError(f"trial {trial} has no subjects in the vault; if the vault was lost, restore its backup first")
    unknown = sorted(set(subject_keys or ()) - known)
    if unknown:
        raise InputError(*(f"trial {trial} has no subject {key!r}; pacs2trial keys show {trial}" for key in unknown))
    return sorted(subject_keys or known)


def restore_subject(
    ws: Workspace, trial: str, subject_key: str, *, actor: str, cancelled: Callable[[], bool] = never
) -> Restored:
    """Bring back what a subject's packages and its trial's work need, and make the packages again.

    Where to ask is today's definition's to say; what decides bytes is taken from the vault as it was pinned. Under the
    lock of trial and subject. Nothing that is recorded is ever replaced by something else. Audited.

    Args:
        ws: the site.
        trial: trial ID.
        subject_key: the subject.
        actor: who restores.
        cancelled: asked at every response of the PACS.

    Raises:
        InputError: unknown trial, subject or connection.
        TransientError: PACS, disk or vault failed; what came is kept, and restoring again goes on from there.
        PermanentError: the PACS refuses us.
    """
    definition = definition_of(ws, trial)
    (subject_key,) = restorable_subjects(ws, trial, [subject_key])
    with ws.vault.lock(f"{trial}/{subject_key}"):
        with ws.vault.session(read_only=True) as session:
            query = select(Subject).where(Subject.trial == trial, Subject.key == subject_key)
            subject = session.scalars(query).one()
            contents = needed(session, subject, definition.source.modalities)
            packages = current_packages(session, trial, subject.id)
        gone = lost(ws.settings, contents)
        absent = bring_back(ws, definition, subject_key, gone, cancelled=cancelled)
        _mark_there(ws, subject, contents, absent)
        missing = frozenset(one.content.version_id for one in absent)
        listed = Counter(one.reason for one in absent)
        done = Restored(
            subject_key,
            intact=len(contents) - len(gone),
            restored=len(gone) - len(absent),
            listed=dict(listed + Counter(ask_anew(ws, definition, subject))),
            packages=[make_again(ws, subject, row, missing) for row in packages],
        )
    outcomes = Counter(str(one.outcome) for one in done.packages)
    if gone or outcomes[Outcome.RESTORED] or not done.complete:
        ws.vault.audit.record(
            "restore",
            actor=actor,
            trial=trial,
            target=subject_key,
            contents=done.restored,
            listed=dict(done.listed),
            packages=dict(outcomes),
        )
    _log.info("%s/%s: %d contents restored, packages: %s", trial, subject_key, done.restored, dict(outcomes))
    return done


def definition_of(ws: Workspace, trial: str) -> TrialDefinition:
    """Today's definition; where its file is lost or wrong, the newest that a run pinned.

    Raises:
        InputError: neither is there.
    """
    try:
        return ws.definition(trial)
    except InputError:
        pinned = newest_definition(ws, trial)
        if pinned is None:
            raise
        _log.warning("trial %s: its definition cannot be read; the one of its newest run is used", trial)
        return pinned


def _mark_there(ws: Workspace, subject: Subject, contents: Sequence[Content], absent: Sequence[Absent]) -> None:
    """The trial needs its staged contents again; those that are there are not cleaned up any more."""
    away = {one.content.version_id for one in absent}
    there = [one for one in contents if one.version_id not in away]
    with ws.vault.session() as session:
        for batch in batches(there):
            session.execute(
                update(StagedVersion)
                .where(StagedVersion.id.in_([one.version_id for one in batch]), StagedVersion.removed_at.is_not(None))
                .values(removed_at=None)
            )
            session.execute(
                update(TrialInstance)
                .where(
                    TrialInstance.trial == subject.trial,
                    TrialInstance.instance_id.in_([one.instance_id for one in batch]),
                    TrialInstance.released_at.is_not(None),
                )
                .values(released_at=None)
            )
