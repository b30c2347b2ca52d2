"""Shows trial definitions that are wrong where Airflow shows broken DAG files (Dag import errors): with file, line
and field. A file of its own, because such an error takes every DAG of its file out of service; this one has none.
"""

from pacs2trial_airflow.trials import require_sound_trials

require_sound_trials()
