"""Names that the DAG of reviews, its guard and the pages share; imports nothing of Airflow."""

from __future__ import annotations

from enum import StrEnum

REVIEW_PREFIX = "review_"
ASKING_TASK = "review"
"""The task that asks people."""


class Option(StrEnum):
    """What a person can answer to a prompt."""

    APPROVE = "Approve all"
    DECIDED = "As decided on the pages"
    HOLD = "Hold all"
    REJECT = "Reject all"


def dag_id(trial: str) -> str:
    """The DAG that asks about what leaves for a trial."""
    return REVIEW_PREFIX + trial
