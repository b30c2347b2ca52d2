"""Studies that arrive unasked: `incoming`, every few minutes. Wakes each trial that has work with what is complete."""

from pacs2trial_airflow.incoming import incoming_dag
from pacs2trial_airflow.operators.incoming import WOKEN, Arrivals, Wake

with incoming_dag():
    arrivals = Arrivals(task_id="arrivals")
    Wake.partial(task_id="wake", outlets=[WOKEN], map_index_template="{{ task.trial }}").expand(trial=arrivals.output)
