"""Registers what pacs2trial adds to Airflow. Hooks and operators need no registration; they are imported by name."""

from airflow.sdk.plugins_manager import AirflowPlugin

from pacs2trial_airflow.lazy import DICOMWEB, PAGES, Lazy
from pacs2trial_airflow.pools import PoolKeeper
from pacs2trial_airflow.review_guard import ReviewGuard
from pacs2trial_airflow.trigger_guard import TriggerGuard


class Pacs2TrialPlugin(AirflowPlugin):
    name = "pacs2trial"
    listeners = [PoolKeeper()]  # noqa: RUF012 - Airflow declares these so
    fastapi_apps = [  # noqa: RUF012
        {"app": Lazy("pacs2trial_airflow.dicomweb.application"), "url_prefix": DICOMWEB, "name": "pacs2trial DICOMweb"},
        {"app": Lazy("pacs2trial_airflow.pages.application"), "url_prefix": PAGES, "name": "pacs2trial pages"},
    ]
    external_views = [  # noqa: RUF012 - addresses relative to the UI, which may stand below a path
        {
            "name": "Trials",
            "href": f"{PAGES[1:]}/",
            "destination": "nav",
            "nav_top_level": True,
            "url_route": "pacs2trial",
            "icon": f"{PAGES[1:]}/icon.svg",
            "icon_dark_mode": f"{PAGES[1:]}/icon-dark.svg",
        },
        {
            "name": "Accounting",
            "href": f"{PAGES[1:]}/run?dag_id={{DAG_ID}}&run_id={{RUN_ID}}",
            "destination": "dag_run",
            "url_route": "accounting",
        },
    ]
    fastapi_root_middlewares = [  # noqa: RUF012
        {"name": "pacs2trial trigger guard", "middleware": TriggerGuard},
        {"name": "pacs2trial review guard", "middleware": ReviewGuard},
    ]
