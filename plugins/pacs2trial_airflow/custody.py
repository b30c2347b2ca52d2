"""The DAGs that are not of one trial, still without steps: ``restore`` and ``cleanup``."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pendulum
from airflow.sdk import DAG, CronDataIntervalTimetable

from pacs2trial import settings as environment
from pacs2trial_airflow.custody_form import CLEANUP, RESTORE, cleanup_form, restore_form
from pacs2trial_airflow.trials import FIRST_DAY, examined_trials

NIGHTLY = "30 4 * * *"
"""When cleanup looks for what is expired: after the runs of the trials."""

_RESTORE = """\
### Restore a trial

Brings staged data and packages of a trial back after a loss or a cleanup, from the PACS and the vault alone. Packages
get exactly the content that the vault recorded. What the PACS does not have any more, or holds differently now, is
listed in the log of its subject, whose step is then *skipped*; nothing is replaced by something else.

Lost the vault as well? Restore its backup first: `pacs2trial restore-backup FILE`.
"""
_CLEANUP = """\
### Clean up

Removes staged data and packages: every night what is older than the `retention` of its trial's definition, by hand
also everything of one trial. Never what another trial needs, never what the PACS does not show at this moment, never
anything of the vault: **restore** brings all of it back. A *skipped* step tells what had to stay.
"""


def restore_dag() -> DAG:
    """Started by hand, for one trial."""
    return DAG(
        dag_id=RESTORE,
        description="Staged data and packages come back from the PACS",
        doc_md=_RESTORE,
        schedule=None,
        params=restore_form(_trials()),
        **_common(),
    )


def cleanup_dag() -> DAG:
    """Every night for what is expired; by hand for a whole trial."""
    zone = environment.load().time_zone
    return DAG(
        dag_id=CLEANUP,
        description="Staged data and packages that nobody needs any more go",
        doc_md=_CLEANUP,
        schedule=CronDataIntervalTimetable(NIGHTLY, timezone=zone),
        start_date=pendulum.datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tz=zone),
        params=cleanup_form(_trials()),
        **_common(),
    )


def _common() -> dict[str, Any]:
    return {
        "catchup": False,
        "max_active_runs": 1,
        "is_paused_upon_creation": False,
        "tags": ["pacs2trial", "custody"],
        "default_args": {"owner": "pacs2trial", "retries": 2, "retry_delay": timedelta(minutes=1)},
    }


def _trials() -> list[str]:
    good, _problems = examined_trials()
    return sorted(definition.trial for definition in good)
