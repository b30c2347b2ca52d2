"""One DAG for each trial definition: `trial_<id>`. Each box is an operator; its docstring names what it calls."""

from airflow.sdk import task_group

from pacs2trial_airflow.assets import asset
from pacs2trial_airflow.operators.balance import Balance
from pacs2trial_airflow.operators.dicom import DicomFind, DicomMove, Stage
from pacs2trial_airflow.operators.questions import AskForReview
from pacs2trial_airflow.operators.subject import Collect, Deliver, Filter, Verify
from pacs2trial_airflow.pools import PACS_POOL, PIXEL_POOL
from pacs2trial_airflow.trials import sound_trials, trial_dag

for definition in sound_trials():
    trial = definition.trial

    with trial_dag(definition):
        plan = DicomFind(task_id="plan", trial=trial, pool=PACS_POOL)
        batches, run_key = plan.output, plan.output["run_key"]

        retrieve = DicomMove.partial(
            task_id="retrieve",
            trial=trial,
            run_key=run_key,
            pool=PACS_POOL,
            outlets=[asset(trial, DicomMove.produces)],
            map_index_template="{{ task.batch }}",
        ).expand(subject_keys=batches)

        stage = Stage(
            task_id="stage",
            trial=trial,
            run_key=run_key,
            batches=batches,
            trigger_rule="all_done_min_one_success",
        )

        @task_group(group_id="subject", prefix_group_id=False)
        def each_subject(subject_key: str, trial: str = trial, run_key: str = run_key) -> None:
            """What is done for each subject, apart from the others."""
            of = {"trial": trial, "subject_key": subject_key, "run_key": run_key}
            filtered = Filter(task_id="filter", pool=PIXEL_POOL, **of)
            collected = Collect(task_id="collect", **of)
            verified = Verify(task_id="verify", package_ids=collected.output, **of)
            filtered >> collected >> verified >> Deliver(task_id="deliver", **of)

        balance = Balance(task_id="balance", trial=trial, planned_by=plan.task_id, trigger_rule="all_done")

        retrieve >> stage
        subjects = each_subject.expand(subject_key=stage.output)
        if definition.review != "never":
            subjects >> AskForReview(task_id="ask", trial=trial, trigger_rule="all_done") >> balance
        subjects >> balance
