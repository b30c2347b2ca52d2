"""Imports key tables: `key_tables`. One step for each trial; what it changes wakes the trial's own DAG."""

from pacs2trial_airflow.key_tables import key_tables_dag, trials_with_keys
from pacs2trial_airflow.operators.keys import ImportKeyTable

with key_tables_dag():
    for definition in trials_with_keys():
        ImportKeyTable(task_id=f"import_{definition.trial}", trial=definition.trial)
