"""The DAG of what comes unasked, still without steps."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, CronTriggerTimetable, Param

from pacs2trial import settings as environment
from pacs2trial.errors import InputError
from pacs2trial_airflow.fields import flag_field, read_flag, strangers
from pacs2trial_airflow.trials import FIRST_DAY

DAG_ID = "incoming"
_DESCRIPTION = """\
### What comes unasked

Scanners, planning systems and scripts may send studies that nobody retrieved. They are staged on arrival. **arrivals**
looks every few minutes which of them are complete, that is, the senders have ended and nothing of the study has come
for a while, and whose they are by the key tables. **wake** tells each trial concerned, whose own DAG then filters,
collects, verifies and delivers for just these subjects. It also wakes a trial when another version of an object came,
or a person decided on one.

Nothing new: *arrivals* is skipped. A study of somebody who is in no key table waits; the log of *arrivals* and
`pacs2trial status` list it by its pseudonym. A key table that knows the patient later wakes its trial by itself.
"""


def incoming_form() -> dict[str, Param]:
    """The one field of the trigger form."""
    return {"dry_run": flag_field("Dry run", "Only tell what is new and complete; wake no trial.")}


def read_incoming_form(params: Mapping[str, Any]) -> bool:
    """Whether it is a dry run.

    Raises:
        InputError: everything that is wrong; no value is repeated.
    """
    problems = strangers(params, incoming_form())
    dry_run = read_flag(params, "dry_run", problems)
    if problems:
        raise InputError(*problems)
    return dry_run


def incoming_dag() -> DAG:
    """One look at the ledger every few minutes; a look that was missed need not be made up for."""
    site = environment.load()
    return DAG(
        dag_id=DAG_ID,
        description="Studies that arrive unasked",
        doc_md=_DESCRIPTION,
        schedule=CronTriggerTimetable(f"*/{site.incoming_minutes} * * * *", timezone=site.time_zone),
        start_date=pendulum.datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tz=site.time_zone),
        catchup=False,
        max_active_runs=1,
        is_paused_upon_creation=False,
        params=incoming_form(),
        tags=["pacs2trial"],
        default_args={"owner": "pacs2trial", "retries": 2, "retry_delay": timedelta(minutes=1)},
    )
