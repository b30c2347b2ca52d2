"""Staged data and packages of a trial come back from the PACS: `restore`, started by hand."""

from pacs2trial_airflow.custody import restore_dag
from pacs2trial_airflow.operators.custody import Restore, RestorePlan
from pacs2trial_airflow.pools import PACS_POOL

with restore_dag():
    subjects = RestorePlan(task_id="subjects")
    Restore.partial(
        task_id="restore", pool=PACS_POOL, map_index_template="{{ task.trial }}/{{ task.subject_key }}"
    ).expand_kwargs(subjects.output)
