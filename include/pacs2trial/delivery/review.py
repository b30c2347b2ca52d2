"""Review: whether a content digest may leave, asked once, answered by a person, kept in the vault and the audit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.collect.texts import mark_reviewed, new_texts
from pacs2trial.delivery.current import in_force, require_fresh, subject_id
from pacs2trial.errors import InputError
from pacs2trial.vault.database import insert_new
from pacs2trial.vault.tables import PackageRow, PackageState, Review, Subject, now
from pacs2trial.workspace import Workspace


class ReviewState(StrEnum):
    """The answer to a review. Held may still be approved or rejected; a rejected content never leaves."""

    OPEN = "open"
    APPROVED = "approved"
    HELD = "held"
    REJECTED = "rejected"


@dataclass(frozen=True)
class ReviewItem:
    """One question: a package in force and what was answered. ``study`` is empty for a package per subject.

    ``new_texts`` counts the texts of the package that nobody has reviewed yet.
    """

    trial: str
    subject_key: str
    study: str
    package_id: int
    content_digest: str
    package_state: str
    state: ReviewState
    asked_at: datetime
    answered_at: datetime | None
    answered_by: str | None
    new_texts: int


def ask(session: Session, packages: Sequence[PackageRow]) -> dict[str, ReviewState]:
    """Open a review for every content that was never asked about.

    Returns:
        The answers so far, by content digest.
    """
    digests = [package.content_digest for package in packages]
    insert_new(
        session,
        Review,
        [
            {"trial": each.trial, "subject_id": each.subject_id, "content_digest": each.content_digest}
            for each in packages
        ],
    )
    return {review.content_digest: ReviewState(review.state) for review in _reviews(session, packages[0], digests)}


def reviews(ws: Workspace, trial: str, subject_key: str | None = None) -> list[ReviewItem]:
    """The reviews of packages in force, ordered by subject; superseded contents are no longer in question.

    Raises:
        InputError: the trial has no such subject.
    """
    new = new_texts(ws, trial)
    with ws.vault.session(read_only=True) as session:
        wanted = subject_id(session, trial, subject_key) if subject_key is not None else None
        rows = session.execute(
            select(Review, PackageRow, Subject.key)
            .join(
                PackageRow,
                (PackageRow.trial == Review.trial)
                & (PackageRow.subject_id == Review.subject_id)
                & (PackageRow.content_digest == Review.content_digest),
            )
            .join(Subject, Subject.id == Review.subject_id)
            .where(Review.trial == trial, PackageRow.state != PackageState.SUPERSEDED)
            .where(Subject.id == wanted if wanted is not None else Subject.trial == trial)
            .order_by(Subject.key, PackageRow.study)
        ).all()
    return [
        ReviewItem(
            trial=trial,
            subject_key=key,
            study=package.study,
            package_id=package.id,
            content_digest=package.content_digest,
            package_state=package.state,
            state=ReviewState(review.state),
            asked_at=review.asked_at,
            answered_at=review.answered_at,
            answered_by=review.answered_by,
            new_texts=new.get(package.id, 0),
        )
        for review, package, key in rows
    ]


def approve(
    ws: Workspace, trial: str, subject_key: str, *, actor: str, reason: str = "", content_digest: str | None = None
) -> list[ReviewItem]:
    """Let exactly the contents in force leave. Only proven packages can be approved; a rejected one stays rejected.

    Args:
        ws: the site.
        trial: the trial.
        subject_key: whose packages.
        actor: who says so; stands in the audit.
        reason: why; stands in the audit.
        content_digest: only this content; all packages of the subject in force when absent.

    Raises:
        InputError: there is nothing in force to approve, or it is not proven, or it was rejected.
        HeldError: the key table was corrected since it was made.
    """
    return _answer(ws, (trial, subject_key), ReviewState.APPROVED, actor, reason, content_digest)


def hold(
    ws: Workspace, trial: str, subject_key: str, *, actor: str, reason: str = "", content_digest: str | None = None
) -> list[ReviewItem]:
    """Keep the contents in force back until somebody decides; arguments and errors as for :func:`approve`."""
    return _answer(ws, (trial, subject_key), ReviewState.HELD, actor, reason, content_digest)


def reject(
    ws: Workspace, trial: str, subject_key: str, *, actor: str, reason: str, content_digest: str | None = None
) -> list[ReviewItem]:
    """Never let the contents in force leave; another content may. Arguments and errors as for :func:`approve`."""
    if not reason.strip():
        raise InputError("a rejection needs a reason")
    return _answer(ws, (trial, subject_key), ReviewState.REJECTED, actor, reason, content_digest)


def _answer(
    ws: Workspace,
    whose: tuple[str, str],
    state: ReviewState,
    actor: str,
    reason: str,
    content_digest: str | None,
) -> list[ReviewItem]:
    trial, subject_key = whose
    with ws.vault.session() as session:
        packages = [
            package
            for package in in_force(session, trial, subject_id(session, trial, subject_key))
            if content_digest in (None, package.content_digest)
        ]
        if not packages:
            raise InputError(f"{trial}/{subject_key}: no such package is in force; run pacs2trial collect {trial}")
        if state is ReviewState.APPROVED:
            require_fresh(session, packages, trial, subject_key)
        if state is ReviewState.APPROVED and any(each.state != PackageState.VERIFIED for each in packages):
            raise InputError(f"{trial}/{subject_key}: a package is not proven; only a verified one can be approved")
        ask(session, packages)
        for review in _reviews(session, packages[0], [package.content_digest for package in packages]):
            if review.state == ReviewState.REJECTED and state is not ReviewState.REJECTED:
                raise InputError(f"{trial}/{subject_key}: this content was rejected and cannot leave any more")
            review.state, review.answered_at, review.answered_by = state, now(), actor
            ws.vault.audit.append(
                session,
                f"review {state.value}",
                actor=actor,
                trial=trial,
                target=subject_key,
                reason=reason,
                content_digest=review.content_digest,
            )
        if state is ReviewState.APPROVED:
            mark_reviewed(session, trial, [package.id for package in packages], actor)
    answered = {package.content_digest for package in packages}
    return [item for item in reviews(ws, trial, subject_key) if item.content_digest in answered]


def _reviews(session: Session, package: PackageRow, digests: Sequence[str]) -> list[Review]:
    return list(
        session.scalars(
            select(Review)
            .where(
                Review.trial == package.trial,
                Review.subject_id == package.subject_id,
                Review.content_digest.in_(digests),
            )
            .order_by(Review.id)
        )
    )
