"""DICOMweb on what is held, inside Airflow's API server and behind its login: QIDO-RS and WADO-RS (PS3.18)."""
