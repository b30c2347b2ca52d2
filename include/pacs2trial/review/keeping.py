"""Keeping series of a subject back from a trial, and undoing that."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from pacs2trial.errors import InputError
from pacs2trial.filtering.series import KEPT_BACK, rule_of
from pacs2trial.review.current import subject_id
from pacs2trial.review.series import SeriesItem, series_of
from pacs2trial.review.state import ReviewState
from pacs2trial.review.word import Word
from pacs2trial.trials.reasons import Reason
from pacs2trial.vault.database import batches
from pacs2trial.vault.tables import Instance, Judgement, Review, SeriesDecision, TrialInstance, now
from pacs2trial.workspace import Workspace


def reject_series(ws: Workspace, trial: str, subject_key: str, series: Collection[str], word: Word) -> int:
    """Leave series out of a trial: the next collect makes the subject's package without them. Audited.

    Args:
        ws: the site.
        trial: the trial; others are not concerned.
        subject_key: whose.
        series: Series or Study Instance UIDs as they leave; a study stands for all of its series.
        word: who says so, and why.

    Returns:
        How many series.

    Raises:
        InputError: no such series, no reason, or the reason needs a comment.
        TransientError: a run works on the subject.
    """
    with ws.vault.lock(f"{trial}/{subject_key}"):
        return keep_back(ws, (trial, subject_key), series, ReviewState.REJECTED, word)


def hold_series(ws: Workspace, trial: str, subject_key: str, series: Collection[str], word: Word) -> int:
    """Let the subject wait for series of which somebody has to find out more; as :func:`reject_series`."""
    with ws.vault.lock(f"{trial}/{subject_key}"):
        return keep_back(ws, (trial, subject_key), series, ReviewState.HELD, word)


def take_back(ws: Workspace, trial: str, subject_key: str, series: Collection[str], word: Word) -> int:
    """Undo the rejection or hold of series: the next filter judges them by the trial's rules. Audited.

    A content that was approved without them is asked about anew when it comes again. Arguments and errors as for
    :func:`reject_series`, but no reason is needed.
    """
    with ws.vault.lock(f"{trial}/{subject_key}"):
        chosen = [one for one in named(ws, trial, subject_key, series) if one.answer]
        if not chosen:
            raise InputError(f"{trial}/{subject_key}: none of these series is kept back")
        with ws.vault.session() as session:
            for batch in batches([one.staged_series for one in chosen]):
                session.execute(
                    delete(SeriesDecision).where(SeriesDecision.trial == trial, SeriesDecision.series.in_(batch))
                )
            session.execute(
                update(Review)
                .where(
                    Review.trial == trial,
                    Review.subject_id == subject_id(session, trial, subject_key),
                    Review.state == ReviewState.PARTLY_APPROVED,
                )
                .values(state=ReviewState.OPEN, prompt="", answered_at=None, answered_by=None)
            )
            _audit(session, ws, (trial, subject_key), "review series again", chosen, word)
    return len(chosen)


def keep_back(ws: Workspace, whose: tuple[str, str], series: Collection[str], state: ReviewState, word: Word) -> int:
    """Write the decision down and take the instances out of what the trial lets through; the lock is held."""
    reason = word.explained()
    trial, subject_key = whose
    chosen = named(ws, trial, subject_key, series)
    with ws.vault.session() as session:
        subject = subject_id(session, trial, subject_key)
        for one in chosen:
            which = {"trial": trial, "series": one.staged_series}
            session.execute(delete(SeriesDecision).filter_by(**which))
            session.add(
                SeriesDecision(
                    **which,
                    subject_id=subject,
                    study=one.staged_study,
                    answer=state.value,
                    reason=reason.value,
                    decided_at=now(),
                    decided_by=word.actor,
                )
            )
        _take_out(session, trial, [one.staged_series for one in chosen], KEPT_BACK[state.value], reason)
        _audit(session, ws, whose, f"review series {state.value}", chosen, word)
    return len(chosen)


def _take_out(session: Session, trial: str, series: Iterable[str], judgement: Judgement, reason: Reason) -> None:
    """What the filter would do, at once: a package that holds the series is stale from this moment."""
    for batch in batches(series):
        concerned = select(Instance.id).where(Instance.series.in_(batch))
        session.execute(
            update(TrialInstance)
            .where(
                TrialInstance.trial == trial,
                TrialInstance.instance_id.in_(concerned),
                TrialInstance.state != Judgement.NOT_WANTED,
            )
            .values(state=judgement, rule=rule_of(judgement, reason.value))
        )


def named(ws: Workspace, trial: str, subject_key: str, uids: Collection[str]) -> list[SeriesItem]:
    """The series that ``uids`` name, a study standing for all of its series.

    Raises:
        InputError: one names nothing of the subject, or there is none.
    """
    known = series_of(ws, trial, subject_key)
    strange = set(uids) - {one.series for one in known} - {one.study for one in known}
    if strange or not uids:
        raise InputError(
            f"{trial}/{subject_key}: {len(strange)} of the UIDs name no study or series of its packages; "
            f"pacs2trial review {trial} --show {subject_key} lists them"
        )
    return [one for one in known if one.series in uids or one.study in uids]


def _audit(
    session: Session, ws: Workspace, whose: tuple[str, str], act: str, chosen: Iterable[SeriesItem], word: Word
) -> None:
    ws.vault.audit.append(
        session,
        act,
        actor=word.actor,
        trial=whose[0],
        target=whose[1],
        reason=word.told(),
        series=sorted(one.series for one in chosen),
    )
