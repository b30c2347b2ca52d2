"""Versions of an instance: which one a trial uses, and whether it has weighed all that came."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Select, and_, or_, select
from sqlalchemy.orm import Session, aliased

from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Instance, Judgement, PackageMember, PackageRow, StagedVersion, TrialInstance


def is_used() -> ColumnElement[bool]:
    """Of a StagedVersion beside its TrialInstance: whether it is the version that the trial uses."""
    return or_(
        StagedVersion.id == TrialInstance.version_id, and_(TrialInstance.version_id.is_(None), StagedVersion.current)
    )


def is_other() -> ColumnElement[bool]:
    """Of a StagedVersion beside its TrialInstance: whether the trial uses another version."""
    return or_(
        and_(TrialInstance.version_id.is_not(None), StagedVersion.id != TrialInstance.version_id),
        and_(TrialInstance.version_id.is_(None), ~StagedVersion.current),
    )


def has_news() -> ColumnElement[bool]:
    """Of an Instance beside its TrialInstance: whether the filter has to judge it anew."""
    return Instance.contents > TrialInstance.contents


def is_unweighed() -> ColumnElement[bool]:
    """Of an Instance beside its TrialInstance: whether the trial let it through and other content came since."""
    return and_(is_let_through(), has_news())


def is_let_through() -> ColumnElement[bool]:
    """Of a TrialInstance: whether it belongs in a package."""
    return TrialInstance.state.in_((Judgement.ACCEPTED, Judgement.COLLECTED))


def members_changed() -> Select[int]:
    """The ids of packages with a member of which the trial uses another version or mask, or has to judge one anew.

    Or that the trial lets through no longer: its subject is held.
    """
    return (
        select(PackageMember.package_id)
        .join(PackageRow, PackageRow.id == PackageMember.package_id)
        .join(StagedVersion, StagedVersion.id == PackageMember.version_id)
        .join(Instance, Instance.id == StagedVersion.instance_id)
        .join(
            TrialInstance,
            and_(
                TrialInstance.instance_id == Instance.id,
                TrialInstance.trial == PackageRow.trial,
                TrialInstance.subject_id == PackageRow.subject_id,
            ),
        )
        .where(or_(has_news(), is_other(), PackageMember.mask != TrialInstance.mask, ~is_let_through()))
    )


def candidates(session: Session, instance_ids: list[int]) -> dict[int, list[StagedVersion]]:
    """The versions of each instance that may be used, in the order in which they came; the first is the current one."""
    first = aliased(StagedVersion)
    found: dict[int, list[StagedVersion]] = {}
    for batch in batches(instance_ids):
        query = (
            select(StagedVersion)
            .join(first, and_(first.instance_id == StagedVersion.instance_id, first.current))
            .where(StagedVersion.instance_id.in_(batch), StagedVersion.id >= first.id)
            .order_by(StagedVersion.id)
        )
        for version in session.scalars(query):
            found.setdefault(version.instance_id, []).append(version)
    return found
