"""Pages inside Airflow's UI: what is held, what a trial would get of it, and how far it is. One module a subject."""
