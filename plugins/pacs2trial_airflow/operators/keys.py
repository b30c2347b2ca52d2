"""Key tables: from file or query into the vault, waking the trial whose subjects changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk.exceptions import AirflowSkipException

from pacs2trial.errors import HeldError
from pacs2trial_airflow.assets import KEYS
from pacs2trial_airflow.key_tables import read_key_form
from pacs2trial_airflow.operators.base import TrialOperator, started_by
from pacs2trial_airflow.stale import MOST_NAMED

if TYPE_CHECKING:
    from airflow.sdk import Context

    from pacs2trial.keytable import KeyTableChange
    from pacs2trial.workspace import Workspace


class ImportKeyTable(TrialOperator):
    """Import the key table of a trial: checked as a whole, compared, taken in or refused.

    Calls :func:`pacs2trial.corrections.take_key_table`. Faults fail the step with their rows, never with what stands in
    them. Nothing new skips it, so that the trial is not woken. A table that changes or withdraws subjects waits for a
    person to start the import with *corrections accepted*. The event of its asset names the subjects to be made anew.

    :param trial: trial ID; its definition says where the key table is
    """

    produces = KEYS
    ui_color = "#e9d8c7"

    def work(self, ws: Workspace, context: Context) -> None:
        from pacs2trial.corrections import preview, take_key_table, whole_key_table

        form = read_key_form(context["params"])
        if form.trials and self.trial not in form.trials:
            raise AirflowSkipException(f"{self.trial} was not asked for")
        definition = ws.definition(self.trial)
        rows = whole_key_table(ws, definition)
        found = preview(ws, definition, rows)
        self._tell(found.change)
        for one in found.delivered:
            self.log.warning("%s had been delivered to %s.", one.subject_key, one.destination)
        if form.dry_run:
            raise AirflowSkipException(f"{self.trial}: dry run, nothing is imported")
        if found.change.changes_nothing:
            raise AirflowSkipException(f"{self.trial}: nothing changes")
        if (found.change.changed or found.change.withdrawn) and not form.accept_corrections:
            raise HeldError(
                f"{self.trial}: {len(found.change.changed)} subjects would change and {len(found.change.withdrawn)} be "
                "withdrawn: look at the log, then start again with corrections accepted"
            )
        taken = take_key_table(ws, definition, rows, actor=_person(context))
        anew = taken.rerun.subjects
        self.report(
            context,
            added=len(taken.change.added),
            changed=len(taken.change.changed),
            withdrawn=len(taken.change.withdrawn),
            outdated=len(taken.delivered),
            subjects=list(anew) if len(anew) <= MOST_NAMED else None,
            facts=[taken.change.added, taken.change.changed, taken.change.withdrawn],
        )
        for command in filter(None, (taken.rerun.backfill, taken.rerun.trigger)):
            self.log.info("By hand: %s", command)

    def _tell(self, change: KeyTableChange) -> None:
        for name in ("added", "changed", "withdrawn"):
            keys = getattr(change, name)
            self.log.info("%s: %d %s", name, len(keys), " ".join(keys))
        self.log.info("unchanged: %d", change.unchanged)


def _person(context: Context) -> str:
    """Who started the run, as the audit names him."""
    return f"airflow:{started_by(context)}" if started_by(context) else "airflow"
