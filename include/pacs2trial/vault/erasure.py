"""Erasing the identities of one trial for good: nobody can derive or look them up again, with the secret or without.

Salt and data key of the scope are destroyed, and with them everything sealed under that key. The rows that lead from
the trial to persons and originals go: pseudonyms, date shifts, key-table rows, judgements, the members of packages and
their pinned inputs. What names nobody stays: subjects without a person, packages with their digests, reviews,
deliveries, the audit. Backups made before still hold all of it and must be destroyed too.
"""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.orm import Session

from pacs2trial.errors import InputError
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import (
    Base,
    CollectedSubject,
    DateShift,
    HandedOver,
    HeldDecision,
    HeldStudy,
    KeyRow,
    KeyVersion,
    LookupAnswer,
    PackageMember,
    PackageRow,
    PackageState,
    Person,
    Pin,
    Pseudonym,
    Run,
    RunStudy,
    Scope,
    SeriesDecision,
    Subject,
    SubjectGap,
    SubjectPass,
    TrialInstance,
    VersionDecision,
    now,
)
from pacs2trial.vault.vault import Vault

_NOTHING = b"erased"

_CUT = (*("scope", "pseudonym", "date_shift", "key_row", "lookup_answer", "subject", "run_study", "trial_instance"),)


@dataclass(frozen=True)
class Erased:
    """How much an erasure destroyed."""

    pseudonyms: int
    subjects: int
    packages: int


def erase_identities(vault: Vault, trial: str, *, actor: str, reason: str) -> Erased:
    """Destroy everything by which the trial's data could be led back to persons. It cannot be undone. Audited.

    Files of packages are not touched: clean the trial up first.

    Raises:
        InputError: the trial has nothing in the vault, was erased before, or the reason is empty.
        TransientError: the database does not answer, or a run of the trial is under way; nothing was erased.
    """
    if not reason.strip():
        raise InputError("an erasure needs a reason: --reason TEXT")
    nothing = vault.pin("erased", _NOTHING)
    with vault.lock(f"{trial} key table"):
        with vault.overwriting() as session:
            scope = session.scalars(select(Scope).where(Scope.name == trial).with_for_update()).one_or_none()
            if scope is None:
                raise InputError(f"trial {trial} has nothing in the vault")
            if scope.erased_at is not None:
                raise InputError(f"trial {trial} was erased before")
            done = Erased(
                pseudonyms=_count(session, Pseudonym, Pseudonym.scope_id == scope.id),
                subjects=_count(session, Subject, Subject.trial == trial),
                packages=_count(session, PackageRow, PackageRow.trial == trial),
            )
            scope.salt = scope.data_key_sealed = scope.wrapped_with = None
            scope.erased_at = now()
            session.execute(delete(Pseudonym).where(Pseudonym.scope_id == scope.id))
            session.execute(delete(DateShift).where(DateShift.scope_id == scope.id))
            _cut_keys(session, trial)
            _cut_work(session, trial, nothing)
            vault.audit.append(
                session, "erase identities", actor=actor, trial=trial, reason=reason, pseudonyms=done.pseudonyms
            )
        vault.forget_scope(trial)
        vault.compact(_CUT)
    return done


def _cut_keys(session: Session, trial: str) -> None:
    """Key rows and answers of look-ups go; each subject gets a person of its own whom no hospital ID names."""
    versions = select(KeyVersion.id).where(KeyVersion.trial == trial)
    session.execute(delete(KeyRow).where(KeyRow.version_id.in_(versions)))
    session.execute(delete(LookupAnswer).where(LookupAnswer.trial == trial))
    subjects = session.scalars(select(Subject.id).where(Subject.trial == trial).order_by(Subject.id)).all()
    if not subjects:
        return
    nobodies = session.scalars(insert(Person).returning(Person.id), [{} for _ in subjects]).all()
    for subject_id, person_id in zip(subjects, nobodies, strict=True):
        session.execute(
            update(Subject)
            .where(Subject.id == subject_id)
            .values(person_id=person_id, withdrawn_at=func.coalesce(Subject.withdrawn_at, now()))
        )


def _cut_work(session: Session, trial: str, nothing: str) -> None:
    """Judgements, asked and held studies and members of packages go; packages keep their digests and no inputs."""
    runs = select(Run.id).where(Run.trial == trial)
    session.execute(delete(RunStudy).where(RunStudy.run_id.in_(runs)))
    session.execute(delete(HeldStudy).where(HeldStudy.trial == trial))
    session.execute(delete(HandedOver).where(HandedOver.trial == trial))
    session.execute(delete(CollectedSubject).where(CollectedSubject.trial == trial))
    session.execute(delete(SeriesDecision).where(SeriesDecision.trial == trial))
    session.execute(
        delete(SubjectPass).where(SubjectPass.subject_id.in_(select(Subject.id).where(Subject.trial == trial)))
    )
    session.execute(delete(VersionDecision).where(VersionDecision.trial == trial))
    session.execute(delete(HeldDecision).where(HeldDecision.trial == trial))
    session.execute(delete(SubjectGap).where(SubjectGap.trial == trial))
    session.execute(delete(TrialInstance).where(TrialInstance.trial == trial))
    packages = select(PackageRow.id).where(PackageRow.trial == trial)
    session.execute(delete(PackageMember).where(PackageMember.package_id.in_(packages)))
    pins = set(session.scalars(select(PackageRow.inputs).where(PackageRow.trial == trial)))
    session.execute(
        update(PackageRow).where(PackageRow.trial == trial).values(inputs=nothing, state=PackageState.SUPERSEDED)
    )
    used = set(session.scalars(select(PackageRow.inputs).where(PackageRow.inputs.in_(pins)))) | {nothing}
    for batch in batches(sorted(pins - used)):
        session.execute(delete(Pin).where(Pin.digest.in_(batch)))


def _count(session: Session, table: type[Base], condition: ColumnElement[bool]) -> int:
    return session.execute(select(func.count()).select_from(table).where(condition)).scalar_one()
