"""One DAG for each trial that wants a review: `review_<id>`. Asks people, then does what they said."""

from airflow.sdk import task_group

from pacs2trial_airflow.operators.questions import AskForReview
from pacs2trial_airflow.operators.review import Review
from pacs2trial_airflow.operators.subject import Collect, Deliver, Filter, Verify
from pacs2trial_airflow.review_names import ASKING_TASK, dag_id
from pacs2trial_airflow.reviews import review_dag
from pacs2trial_airflow.trials import sound_trials

for definition in sound_trials(dag_id):
    if definition.review == "never":
        continue
    trial = definition.trial

    with review_dag(definition):
        answered = Review(task_id=ASKING_TASK, trial=trial)

        @task_group(group_id="subject", prefix_group_id=False)
        def each_subject(subject_key: str, trial: str = trial) -> None:
            """What is done for each subject of whom somebody decided, apart from the others."""
            of = {"trial": trial, "subject_key": subject_key, "run_key": ""}
            filtered = Filter(task_id="filter", **of)
            collected = Collect(task_id="collect", **of)
            verified = Verify(task_id="verify", package_ids=collected.output, **of)
            filtered >> collected >> verified >> Deliver(task_id="deliver", **of)

        each_subject.expand(subject_key=answered.output) >> AskForReview(
            task_id="ask", trial=trial, trigger_rule="all_done"
        )
