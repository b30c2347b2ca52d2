"""Asking whether contents may leave: once each, and not where the answer follows from earlier ones."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.review.state import ReviewState, review_rows
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault import Vault
from pacs2trial.vault.database import insert_new
from pacs2trial.vault.tables import (
    Instance,
    PackageMember,
    PackageRow,
    Review,
    SeriesDecision,
    StagedVersion,
    Subject,
    now,
)

REJECTED = "rejected"
"""Answer of a series decision that leaves the series out."""

_POLICY = "pacs2trial"
"""Who approves, in the audit, what the trial's policy calls approved."""

Members = frozenset[tuple[str, str]]
"""Name and SHA-256 of each DICOM object of a content."""


def ask(
    session: Session, vault: Vault, definition: TrialDefinition, packages: Sequence[PackageRow]
) -> dict[str, ReviewState]:
    """Open a review for every content that was never asked about.

    An open one is approved at once, and audited, where it holds exactly what a person approved in part: that content
    without the series rejected since. Where the trial wants to see changes only, also where it holds nothing but
    objects that stood in approved contents of the subject.

    Args:
        session: the transaction.
        vault: the vault.
        definition: the trial; it wants a review.
        packages: of one subject, in force.

    Returns:
        The answers so far, by content digest.
    """
    insert_new(
        session,
        Review,
        [
            {"trial": each.trial, "subject_id": each.subject_id, "content_digest": each.content_digest}
            for each in packages
        ],
    )
    found = review_rows(session, packages)
    by_digest = {package.content_digest: package for package in packages}
    for review in found:
        if review.state == ReviewState.OPEN:
            _follow(session, vault, definition, review, by_digest[review.content_digest])
    return {review.content_digest: ReviewState(review.state) for review in found}


def members_of(session: Session, package_ids: Sequence[int], *, without: Sequence[str] = ()) -> Members:
    """The objects of packages, but those of the staged series ``without``."""
    query = (
        select(PackageMember.name, PackageMember.sha256)
        .join(StagedVersion, StagedVersion.id == PackageMember.version_id)
        .join(Instance, Instance.id == StagedVersion.instance_id)
        .where(PackageMember.package_id.in_(package_ids))
    )
    if without:
        query = query.where(Instance.series.not_in(without))
    return frozenset((name, sha256) for name, sha256 in session.execute(query))


def answered_packages(session: Session, package: PackageRow, state: ReviewState) -> list[tuple[Review, PackageRow]]:
    """Reviews in ``state`` of earlier versions of a package, each with its version, newest first."""
    query = (
        select(Review, PackageRow)
        .join(
            PackageRow,
            (PackageRow.trial == Review.trial)
            & (PackageRow.subject_id == Review.subject_id)
            & (PackageRow.content_digest == Review.content_digest),
        )
        .where(
            Review.trial == package.trial,
            Review.subject_id == package.subject_id,
            Review.state == state,
            PackageRow.study == package.study,
            PackageRow.id != package.id,
        )
        .order_by(PackageRow.id.desc())
    )
    return [(review, row) for review, row in session.execute(query)]


def _follow(session: Session, vault: Vault, definition: TrialDefinition, review: Review, package: PackageRow) -> None:
    """Answer an open review by what people answered before, if that says it."""
    here = members_of(session, [package.id])
    rejected = session.scalars(
        select(SeriesDecision.series).where(SeriesDecision.trial == package.trial, SeriesDecision.answer == REJECTED)
    ).all()
    for earlier, row in answered_packages(session, package, ReviewState.PARTLY_APPROVED):
        if here == members_of(session, [row.id], without=rejected):
            _approve(session, vault, review, package, earlier, actor=str(earlier.answered_by))
            return
    if definition.review == "changes":
        approved = answered_packages(session, package, ReviewState.APPROVED)
        if approved and here <= members_of(session, [row.id for _review, row in approved]):
            _approve(session, vault, review, package, approved[0][0], actor=_POLICY)


def _approve(
    session: Session, vault: Vault, review: Review, package: PackageRow, earlier: Review, *, actor: str
) -> None:
    review.state, review.answered_at, review.answered_by = ReviewState.APPROVED, now(), actor
    vault.audit.append(
        session,
        "review approved",
        actor=actor,
        trial=package.trial,
        target=session.get_one(Subject, package.subject_id).key,
        content_digest=review.content_digest,
        follows_from=earlier.content_digest,
    )
