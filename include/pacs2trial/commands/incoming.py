"""``incoming``: what came unasked, whom it concerns, what waits for an enrolment."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pacs2trial.commands.command import ReportingCommand, actor
from pacs2trial.commands.report import DONE, HELD, Report, Table
from pacs2trial.incoming import UnmatchedStudy, expire, ready, unmatched
from pacs2trial.trials.load import load_trials
from pacs2trial.workspace import Workspace


@click.command("incoming", cls=ReportingCommand)
@click.option("--expire", "expiring", is_flag=True, help="Remove what has waited for longer than the site allows.")
@click.option("--dry-run", is_flag=True, help="With --expire: only tell what would go.")
def incoming(*, expiring: bool, dry_run: bool) -> Report:
    """List what came unasked: for whom a run is due, what waits.

    Studies of people who are in no key table wait by their pseudonym. Exit status 3 when some would go and cannot,
    because no PACS shows them.
    """
    workspace = Workspace.open()
    if expiring:
        done = expire(workspace, actor=actor(), dry_run=dry_run)
        verb = "would go" if dry_run else "went"
        notes = [f"{done.stuck} files stay: no PACS of the trials shows what they came from"] if done.stuck else []
        return Report(
            {"expired": done},
            text=f"{done.files} files of {done.studies} studies {verb}, {done.size} bytes",
            notes=notes,
            status=HELD if done.stuck else DONE,
        )
    trials, _broken = load_trials(workspace.settings.trials)
    due = [one for _name, definition in sorted(trials.items()) if (one := ready(workspace, definition)).subject_keys]
    waiting = unmatched(workspace)
    rows = [(one.trial, key) for one in due for key in one.subject_keys]
    tables = [Table(("trial", "subject"), rows, title="a run is due")] if rows else []
    if waiting:
        tables.append(unmatched_table(waiting))
    notes = [] if tables else ["nothing that came unasked waits"]
    content = {
        "due": {one.trial: {"subjects": one.subject_keys, "instances": one.instances} for one in due},
        "unmatched": waiting,
    }
    return Report(content, tables, notes=notes)


def unmatched_table(found: Sequence[UnmatchedStudy]) -> Table:
    """The studies that wait for an enrolment."""
    rows = [
        (
            one.study,
            "/".join(one.modalities),
            one.instances,
            ", ".join(one.sources),
            f"{one.last:%Y-%m-%d %H:%M}Z",
            f"{one.expires:%Y-%m-%d}" if one.expires else "never",
        )
        for one in found
    ]
    columns = ("study in staging", "modality", "instances", "from", "last", "expires")
    return Table(columns, rows, title="came unasked, of nobody who is in a trial")
