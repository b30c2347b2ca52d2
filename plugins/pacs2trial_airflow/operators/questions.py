"""Finding out whether people have to be asked."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from pacs2trial_airflow.assets import QUESTIONS
from pacs2trial_airflow.operators.base import TrialOperator
from pacs2trial_airflow.review_names import dag_id

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pacs2trial.workspace import Workspace


class AskForReview(TrialOperator):
    """Put a question for every proven package that nobody was asked about, and wake the trial's DAG of reviews.

    Calls :func:`pacs2trial.review.put_questions`. Skipped, and nobody woken, when there is nothing new to ask.
    """

    produces = QUESTIONS
    ui_color = "#e3b9a8"

    def work(self, ws: Workspace, context: Context) -> None:
        from pacs2trial.review import put_questions

        number = put_questions(ws, ws.definition(self.trial))
        if not number:
            raise AirflowSkipException("nothing new waits for a review")
        self.log.info(
            "%d packages wait for a review: answer under Required Actions (DAG %s), or pacs2trial review %s",
            number,
            dag_id(self.trial),
            self.trial,
        )
        self.report(context, waiting=number, facts=[number])
