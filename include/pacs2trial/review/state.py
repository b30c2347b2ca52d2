"""Reviews as people see them: which contents are in question and what was answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from pacs2trial.collect.texts import new_texts
from pacs2trial.review.current import subject_id
from pacs2trial.vault.tables import PackageRow, PackageState, Review, Subject
from pacs2trial.workspace import Workspace


class ReviewState(StrEnum):
    """The answer to a review.

    Held may still be approved or rejected. A rejected content never leaves, nor does a partly approved one: what is
    approved is that content without the series that were rejected with it.
    """

    OPEN = "open"
    APPROVED = "approved"
    PARTLY_APPROVED = "partly approved"
    HELD = "held"
    REJECTED = "rejected"


_ITS_CONTENT: Final = (
    (PackageRow.trial == Review.trial)
    & (PackageRow.subject_id == Review.subject_id)
    & (PackageRow.content_digest == Review.content_digest)
)
_IN_FORCE: Final = PackageRow.state != PackageState.SUPERSEDED


@dataclass(frozen=True)
class ReviewItem:
    """One question: a package in force and what was answered. ``study`` is empty for a package per subject.

    Attributes:
        reason: why it is held or rejected, a :class:`~pacs2trial.trials.reasons.Reason`; else empty.
        prompt: the run of Airflow that asked for the answer; empty while none has.
        requested_by: who started the run that made the package, empty if nobody did.
        new_texts: texts of the package that nobody has reviewed yet.
    """

    trial: str
    subject_key: str
    study: str
    package_id: int
    content_digest: str
    package_state: str
    state: ReviewState
    reason: str
    prompt: str
    requested_by: str
    asked_at: datetime
    answered_at: datetime | None
    answered_by: str | None
    new_texts: int


def reviews(
    ws: Workspace, trial: str, subject_key: str | None = None, *, prompt: str | None = None
) -> list[ReviewItem]:
    """The reviews of packages in force, ordered by subject; superseded contents are no longer in question.

    Args:
        ws: the site.
        trial: the trial.
        subject_key: only of this subject.
        prompt: only those that this run asked about.

    Raises:
        InputError: the trial has no such subject.
    """
    new = new_texts(ws, trial)
    query = (
        select(Review, PackageRow, Subject.key)
        .join(PackageRow, _ITS_CONTENT)
        .join(Subject, Subject.id == Review.subject_id)
        .where(Review.trial == trial, _IN_FORCE)
        .order_by(Subject.key, PackageRow.study)
    )
    with ws.vault.session(read_only=True) as session:
        if subject_key is not None:
            query = query.where(Review.subject_id == subject_id(session, trial, subject_key))
        if prompt is not None:
            query = query.where(Review.prompt == prompt)
        return [_item(review, package, key, new.get(package.id, 0)) for review, package, key in session.execute(query)]


def open_questions(ws: Workspace) -> dict[str, int]:
    """How many packages in force wait for an answer, by trial; trials without any are not among them."""
    query = (
        select(Review.trial, func.count())
        .join(PackageRow, _ITS_CONTENT)
        .where(Review.state == ReviewState.OPEN, _IN_FORCE)
        .group_by(Review.trial)
    )
    with ws.vault.session(read_only=True) as session:
        return dict(session.execute(query).all())


def open_subjects(ws: Workspace, trial: str) -> list[tuple[str, str]]:
    """Subject key and prompt of every package in force that waits for an answer, ordered by key."""
    query = (
        select(Subject.key, Review.prompt)
        .join(Review, Review.subject_id == Subject.id)
        .join(PackageRow, _ITS_CONTENT)
        .where(Review.trial == trial, Review.state == ReviewState.OPEN, _IN_FORCE)
        .order_by(Subject.key, PackageRow.study)
    )
    with ws.vault.session(read_only=True) as session:
        return [(key, prompt) for key, prompt in session.execute(query)]


def review_rows(session: Session, packages: Sequence[PackageRow]) -> list[Review]:
    """The reviews of the contents of packages, all of one subject, in the order in which they were asked."""
    first = packages[0]
    digests = [package.content_digest for package in packages]
    return list(
        session.scalars(
            select(Review)
            .where(
                Review.trial == first.trial,
                Review.subject_id == first.subject_id,
                Review.content_digest.in_(digests),
            )
            .order_by(Review.id)
        )
    )


def _item(review: Review, package: PackageRow, key: str, new: int) -> ReviewItem:
    return ReviewItem(
        trial=review.trial,
        subject_key=key,
        study=package.study,
        package_id=package.id,
        content_digest=package.content_digest,
        package_state=package.state,
        state=ReviewState(review.state),
        reason=review.reason,
        prompt=review.prompt,
        requested_by=package.requested_by,
        asked_at=review.asked_at,
        answered_at=review.answered_at,
        answered_by=review.answered_by,
        new_texts=new,
    )
