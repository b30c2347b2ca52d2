"""The first lines of a run's log: who or what started it, and by which rules it works."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from pacs2trial_airflow.operators.base import started_by

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
    from pacs2trial import __version__
    from pacs2trial.intake.stage1 import pinned_staging_plan
    from pacs2trial.keytable import current_version
    from pacs2trial.trials.load import canonical

    run_type = str(getattr(context["dag_run"].run_type, "value", context["dag_run"].run_type))
    log.info("Started %s%s.", _WORDS.get(run_type, run_type), f", {started_by(context)}" if started_by(context) else "")
    keys = current_version(ws.vault, definition.trial)
    log.info(
        "Rules: definition %s, staging plan %s, key table version %d (%s), pacs2trial %s.",
        hashlib.sha256(canonical(definition)).hexdigest()[:12],
        pinned_staging_plan(ws).digest[:12],
        keys.number,
        keys.digest[:12],
        __version__,
    )
