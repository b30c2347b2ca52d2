"""The DAG of a trial's reviews, still without steps: ``review_<id>``."""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import DAG

from pacs2trial.trials.definition import TrialDefinition
from pacs2trial_airflow.assets import QUESTIONS, asset
from pacs2trial_airflow.review_names import dag_id

_AT_A_TIME = 16
"""Prompts of one trial that may wait at the same time."""

_REVIEW = """\
### Review of {trial}

Starts by itself when packages of **{trial}** wait for a person. **review** asks, once for each content: answer it
under *Required Actions*, or look at the images first and decide on pacs2trial's own pages, where single studies and
series can be left out as well. Nothing leaves without an answer; what nobody answers in time is held. Then, for each
subject with an answer, **filter**, **collect**, **verify** and **deliver** do what was said. **ask** asks about what
came of that.

A run that waits for an answer hinders nobody: the trial's own DAG goes on.
"""


def review_dag(definition: TrialDefinition) -> DAG:
    """Asks about what waits; runs beside the trial's DAG, several at a time, because an answer may take days."""
    return DAG(
        dag_id=dag_id(definition.trial),
        description=f"Who approves what leaves for {definition.title or definition.trial}",
        doc_md=_REVIEW.format(trial=definition.trial),
        schedule=[asset(definition.trial, QUESTIONS)],
        catchup=False,
        max_active_runs=_AT_A_TIME,
        is_paused_upon_creation=definition.paused,
        tags=["pacs2trial", "review", definition.trial],
        default_args={"owner": definition.owner, "retries": 2, "retry_delay": timedelta(seconds=10)},
    )
