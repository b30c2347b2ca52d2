"""Prompts: a run of Airflow asks people once about every content that nobody was asked about before."""

from __future__ import annotations

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from pacs2trial.review.asking import REJECTED, ask
from pacs2trial.review.state import ReviewItem, ReviewState, reviews
from pacs2trial.staging.versions import members_changed
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.tables import Delivery, PackageRow, PackageState, Review, SeriesDecision, Subject, now
from pacs2trial.workspace import Workspace

UNANSWERED = "nobody answered in time"
"""Why a content is held, in the audit, when a prompt ran out."""


def put_questions(ws: Workspace, definition: TrialDefinition) -> int:
    """Open a review for every proven package of a trial that has none.

    Returns:
        How many contents wait for an answer and stood in no prompt yet; none where the trial wants no review.
    """
    if definition.review == "never":
        return 0
    trial = definition.trial
    with ws.vault.session() as session:
        by_subject: dict[int, list[PackageRow]] = {}
        for package in _unasked(session, trial):
            by_subject.setdefault(package.subject_id, []).append(package)
        for packages in by_subject.values():
            ask(session, ws.vault, definition, packages)
    return len(_new(ws, trial))


def take_questions(ws: Workspace, trial: str, prompt: str) -> list[ReviewItem]:
    """Make every question that stands in no prompt one of ``prompt``'s.

    Returns:
        Those of the prompt that are still open, which asking again after a failure repeats.
    """
    wanted = [one.content_digest for one in _new(ws, trial)]
    with ws.vault.session() as session:
        session.execute(
            update(Review)
            .where(Review.trial == trial, Review.content_digest.in_(wanted), Review.prompt == "")
            .values(prompt=prompt)
        )
    return [one for one in reviews(ws, trial, prompt=prompt) if one.state is ReviewState.OPEN]


def give_back(ws: Workspace, trial: str, prompt: str) -> None:
    """Let another prompt ask what this one was not told."""
    with ws.vault.session() as session:
        session.execute(
            update(Review)
            .where(Review.trial == trial, Review.prompt == prompt, Review.state == ReviewState.OPEN)
            .values(prompt="")
        )


def run_out(ws: Workspace, trial: str, prompt: str, *, actor: str) -> list[str]:
    """Hold what nobody has answered. Audited.

    Returns:
        The subject keys concerned.
    """
    waiting = [one for one in reviews(ws, trial, prompt=prompt) if one.state is ReviewState.OPEN]
    with ws.vault.session() as session:
        for one in waiting:
            done = session.execute(
                update(Review)
                .where(
                    Review.trial == trial,
                    Review.content_digest == one.content_digest,
                    Review.prompt == prompt,
                    Review.state == ReviewState.OPEN,
                )
                .values(state=ReviewState.HELD, answered_at=now(), answered_by=actor)
                .returning(Review.id)
            )
            if done.all():
                ws.vault.audit.append(
                    session,
                    "review held",
                    actor=actor,
                    trial=trial,
                    target=one.subject_key,
                    reason=UNANSWERED,
                    content_digest=one.content_digest,
                )
    return sorted({one.subject_key for one in waiting})


def ready_subjects(ws: Workspace, trial: str) -> list[str]:
    """Subjects for whom there is work now that people have answered, by key.

    An approved content of theirs went nowhere yet, or a package holds series that were rejected since and has to be
    made anew without them.
    """
    went = select(Delivery.id).where(
        Delivery.trial == PackageRow.trial,
        Delivery.subject_id == PackageRow.subject_id,
        Delivery.content_digest == PackageRow.content_digest,
    )
    of_subject = select(Subject.key).join(PackageRow, PackageRow.subject_id == Subject.id)
    in_force = (PackageRow.trial == trial, PackageRow.state != PackageState.SUPERSEDED)
    approved = (
        of_subject.join(
            Review,
            (Review.trial == PackageRow.trial)
            & (Review.subject_id == PackageRow.subject_id)
            & (Review.content_digest == PackageRow.content_digest),
        )
        .where(*in_force, Review.state == ReviewState.APPROVED, ~went.exists())
        .distinct()
    )
    rejected = select(SeriesDecision.subject_id).where(SeriesDecision.trial == trial, SeriesDecision.answer == REJECTED)
    stale = of_subject.where(*in_force, PackageRow.id.in_(members_changed()), Subject.id.in_(rejected)).distinct()
    with ws.vault.session(read_only=True) as session:
        return sorted({*session.scalars(approved), *session.scalars(stale)})


def _unasked(session: Session, trial: str) -> list[PackageRow]:
    asked = select(Review.id).where(
        Review.trial == PackageRow.trial,
        Review.subject_id == PackageRow.subject_id,
        Review.content_digest == PackageRow.content_digest,
    )
    return list(
        session.scalars(
            select(PackageRow)
            .where(PackageRow.trial == trial, PackageRow.state == PackageState.VERIFIED, ~asked.exists())
            .order_by(PackageRow.id)
        )
    )


def _new(ws: Workspace, trial: str) -> list[ReviewItem]:
    return [
        one
        for one in reviews(ws, trial, prompt="")
        if one.state is ReviewState.OPEN and one.package_state == PackageState.VERIFIED
    ]
