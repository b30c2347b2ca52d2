"""Answers to a review: a person's word on exactly one content, kept in the vault and the audit."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy.orm import Session

from pacs2trial.collect.texts import mark_reviewed
from pacs2trial.errors import InputError
from pacs2trial.review.asking import ask
from pacs2trial.review.current import in_force, require_fresh, subject_id
from pacs2trial.review.keeping import keep_back, named
from pacs2trial.review.state import ReviewItem, ReviewState, review_rows, reviews
from pacs2trial.review.word import Word
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.tables import PackageRow, PackageState, Review, now
from pacs2trial.workspace import Workspace


def approve(
    ws: Workspace, trial: str, subject_key: str, word: Word, *, content_digest: str | None = None
) -> list[ReviewItem]:
    """Let exactly the contents in force leave. Only proven packages can be approved; a rejected one stays rejected.

    Args:
        ws: the site.
        trial: the trial.
        subject_key: whose packages.
        word: who says so.
        content_digest: only this content; all packages of the subject in force when absent.

    Raises:
        InputError: there is nothing in force to approve, or it is not proven, or it was rejected, or the trial wants
            four eyes and the actor started the run that made it.
        HeldError: the key table was corrected since it was made, or a series of it is kept back.
    """
    return _answer(ws, (trial, subject_key), ReviewState.APPROVED, word, content_digest)


def approve_without(
    ws: Workspace, trial: str, subject_key: str, series: Collection[str], word: Word, *, content_digest: str
) -> list[ReviewItem]:
    """Reject series of a content and approve the rest of it.

    What is approved is the content that the next collect makes of exactly the other objects; anything else is asked
    about anew. Arguments and errors as for :func:`approve` and :func:`~pacs2trial.review.keeping.reject_series`.
    """
    word.explained()
    if not series:
        raise InputError("name the series that are left out, or approve the whole")
    whose = (trial, subject_key)
    with ws.vault.lock("/".join(whose)):
        named(ws, trial, subject_key, series)
        done = _answer(ws, whose, ReviewState.PARTLY_APPROVED, word, content_digest)
        keep_back(ws, whose, series, ReviewState.REJECTED, word)
    return done


def hold(
    ws: Workspace, trial: str, subject_key: str, word: Word, *, content_digest: str | None = None
) -> list[ReviewItem]:
    """Keep the contents in force back until somebody decides; arguments and errors as for :func:`approve`."""
    word.explained()
    return _answer(ws, (trial, subject_key), ReviewState.HELD, word, content_digest)


def reject(
    ws: Workspace, trial: str, subject_key: str, word: Word, *, content_digest: str | None = None
) -> list[ReviewItem]:
    """Never let the contents in force leave; another content may. Arguments and errors as for :func:`approve`."""
    word.explained()
    return _answer(ws, (trial, subject_key), ReviewState.REJECTED, word, content_digest)


def require_other_eyes(definition: TrialDefinition, requested_by: str, actor: str) -> None:
    """Return if ``actor`` may approve what ``requested_by`` had made.

    Raises:
        InputError: the trial wants four eyes and they are the same person.
    """
    if definition.four_eyes and requested_by == actor:
        raise InputError(
            f"trial {definition.trial} wants four eyes: who started the run that made a package does not approve it"
        )


def _answer(
    ws: Workspace, whose: tuple[str, str], state: ReviewState, word: Word, content_digest: str | None
) -> list[ReviewItem]:
    trial, subject_key = whose
    definition = ws.definition(trial)
    lets_go = state in (ReviewState.APPROVED, ReviewState.PARTLY_APPROVED)
    with ws.vault.session() as session:
        packages = [
            package
            for package in in_force(session, trial, subject_id(session, trial, subject_key))
            if content_digest in (None, package.content_digest)
        ]
        if not packages:
            raise InputError(f"{trial}/{subject_key}: no such package is in force; run pacs2trial collect {trial}")
        if lets_go:
            _require_approvable(session, definition, subject_key, packages, word.actor)
        ask(session, ws.vault, definition, packages)
        for review in review_rows(session, packages):
            if review.state == ReviewState.REJECTED and state is not ReviewState.REJECTED:
                raise InputError(f"{trial}/{subject_key}: this content was rejected and cannot leave any more")
            _write(session, ws, review, subject_key, state, word)
        if lets_go:
            mark_reviewed(session, trial, [package.id for package in packages], word.actor)
    answered = {package.content_digest for package in packages}
    return [item for item in reviews(ws, trial, subject_key) if item.content_digest in answered]


def _require_approvable(
    session: Session, definition: TrialDefinition, subject_key: str, packages: Sequence[PackageRow], actor: str
) -> None:
    trial = definition.trial
    require_fresh(session, list(packages), trial, subject_key)
    if any(each.state != PackageState.VERIFIED for each in packages):
        raise InputError(f"{trial}/{subject_key}: a package is not proven; only a verified one can be approved")
    for package in packages:
        require_other_eyes(definition, package.requested_by, actor)


def _write(session: Session, ws: Workspace, review: Review, subject_key: str, state: ReviewState, word: Word) -> None:
    review.state, review.answered_at, review.answered_by = state, now(), word.actor
    review.reason = "" if word.reason is None or state is ReviewState.PARTLY_APPROVED else word.reason.value
    ws.vault.audit.append(
        session,
        f"review {state.value}",
        actor=word.actor,
        trial=review.trial,
        target=subject_key,
        reason=word.told(),
        content_digest=review.content_digest,
    )
