"""Series that a reviewer keeps back: the filter leaves them out of the trial, or lets the subject wait for them."""

from __future__ import annotations

from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from pacs2trial.vault.tables import Judgement, SeriesDecision

KEPT_BACK: Final = {"rejected": Judgement.REJECTED, "held": Judgement.HELD}
"""What the filter does by each answer of a series decision."""


def rule_of(judgement: Judgement, reason: str) -> str:
    """The rule by which the instances of a series are judged; ``reason`` is one of the review's list."""
    return f"review: series {judgement.value}, {reason}"


def kept_back(session: Session, trial: str) -> dict[str, tuple[Judgement, str]]:
    """Staged series → judgement and rule, for every series that a reviewer of the trial keeps back."""
    rows = session.scalars(select(SeriesDecision).where(SeriesDecision.trial == trial))
    return {one.series: (KEPT_BACK[one.answer], rule_of(KEPT_BACK[one.answer], one.reason)) for one in rows}
