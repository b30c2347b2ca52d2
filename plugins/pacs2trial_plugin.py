"""Registers what pacs2trial adds to Airflow. Hooks and operators need no registration; they are imported by name."""

from airflow.sdk.plugins_manager import AirflowPlugin

from pacs2trial_airflow.dicomweb.lazy import PREFIX, DicomWeb
from pacs2trial_airflow.pools import PoolKeeper
from pacs2trial_airflow.trigger_guard import TriggerGuard


class Pacs2TrialPlugin(AirflowPlugin):
    name = "pacs2trial"
    listeners = [PoolKeeper()]  # noqa: RUF012 - Airflow declares these so
    fastapi_apps = [{"app": DicomWeb(), "url_prefix": PREFIX, "name": "pacs2trial DICOMweb"}]  # noqa: RUF012
    fastapi_root_middlewares = [{"name": "pacs2trial trigger guard", "middleware": TriggerGuard}]  # noqa: RUF012
