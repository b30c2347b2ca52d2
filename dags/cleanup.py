"""Staged data and packages that nobody needs any more go: `cleanup`, every night what is expired."""

from pacs2trial_airflow.custody import cleanup_dag
from pacs2trial_airflow.operators.custody import Cleanup, CleanupPlan
from pacs2trial_airflow.operators.incoming import Expire
from pacs2trial_airflow.pools import PACS_POOL

with cleanup_dag():
    subjects = CleanupPlan(task_id="subjects")
    Cleanup.partial(
        task_id="cleanup", pool=PACS_POOL, map_index_template="{{ task.trial }}/{{ task.subject_key }}"
    ).expand_kwargs(subjects.output)
    Expire(task_id="unmatched", pool=PACS_POOL)
