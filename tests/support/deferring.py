"""A run that has to wait until its PACS may be asked: left to the triggerer, taken up again when the hour has come."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from pacs2trial.settings import Settings
from pacs2trial_demo.pacs import DemoPacs
from support.airflow_env import ROOT
from support.cluster import Cluster
from support.demo_site import connection
from support.waiting import eventually

TRIAL = "DEMO-HOURS"
DAG_ID = f"trial_{TRIAL}"
PACS = "pacs_with_hours"
_AHEAD = timedelta(seconds=60)
"""The hour lies at least so far ahead: more than a run needs from its start to its transfer."""


@dataclass
class Waited:
    """A run of the trial, when its PACS opens, and what the task that waits was seen to be."""

    run_id: str
    opens: datetime
    trigger: str = ""
    ended: str = ""


def define(settings: Settings) -> None:
    """A trial as the demonstration's, of another PACS."""
    text = (ROOT / "include" / "trials" / "demo_lung.yaml").read_text("utf-8")
    for old, new in (
        ("DEMO-LUNG", TRIAL),
        ("demo_lung", "demo_hours"),
        ("DL-", "DH-"),
        ("pacs: demo_pacs", f"pacs: {PACS}"),
    ):
        text = text.replace(old, new)
    (settings.trials / "demo_hours.yaml").write_text(text, "utf-8")


def start(made: Cluster, pacs: DemoPacs) -> Waited:
    """Start the trial while its PACS may not be asked to send; it opens at a full minute."""
    opens = (datetime.now(UTC) + _AHEAD + timedelta(minutes=1)).replace(second=0, microsecond=0)
    fields = json.loads(connection(pacs))
    hours = f"{opens:%H:%M}-{opens - timedelta(minutes=5):%H:%M}"
    rest = made.rest()
    rest.put_connection(PACS, fields | {"extra": json.dumps(fields["extra"] | {"hours": hours})})
    rest.unpause(DAG_ID)
    return Waited(rest.trigger(DAG_ID), opens)


def see_deferred(made: Cluster, waited: Waited) -> None:
    """Return once the transfer waits with the triggerer."""
    rest = made.rest()

    def is_deferred() -> bool:
        for task in rest.task_instances(DAG_ID, waited.run_id):
            if task["task_id"] == "retrieve" and task["state"] == "deferred" and task["trigger"]:
                waited.trigger = task["trigger"]["classpath"]
        return bool(waited.trigger)

    eventually(is_deferred, seconds=90, every=0.5)


def see_ended(made: Cluster, waited: Waited) -> None:
    """Return once the run has ended."""
    rest = made.rest()
    eventually(lambda: rest.run_state(DAG_ID, waited.run_id) in {"success", "failed"}, seconds=240, every=0.5)
    waited.ended = rest.run_state(DAG_ID, waited.run_id)
