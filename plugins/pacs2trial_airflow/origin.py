"""The first lines of a run's log: who or what started it, and by which rules it works."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pacs2trial_airflow.operators.base import started_by
from pacs2trial_airflow.rules import rules

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.types import Logger

    from pacs2trial.trials.definition import TrialDefinition
    from pacs2trial.workspace import Workspace

_WORDS = {
    "asset_triggered": "by what came or was corrected",
    "backfill": "by a backfill",
    "manual": "by hand",
    "scheduled": "by its schedule",
}


def tell_origin(log: Logger, ws: Workspace, definition: TrialDefinition, context: Context) -> None:
    """Log who started the run and the versions of everything that decides what it makes. No identity is among it."""
    from pacs2trial.intake.stage1 import pinned_staging_plan

    run_type = str(getattr(context["dag_run"].run_type, "value", context["dag_run"].run_type))
    who = started_by(context)
    log.info("Started %s%s.", _WORDS.get(run_type, run_type), f", {who}" if who else "")
    versions = rules(ws, definition)
    log.info(
        "Rules: definition %s, staging plan %s, key table version %s (%s), pacs2trial %s.",
        versions["definition"][:12],
        pinned_staging_plan(ws).digest[:12],
        versions.get("key_version", "none"),
        versions.get("key_digest", "")[:12],
        versions["release"],
    )
