"""``keys outdated``: what trial centres hold of which the key table later said something else."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from pacs2trial.commands.command import ReportingCommand, actor, trial_argument
from pacs2trial.commands.report import DONE, HELD, Report, Table
from pacs2trial.commands.subjects import right_keys
from pacs2trial.corrections import Outdated, export_outdated, export_recall, outdated, settle
from pacs2trial.keytable.corrections import Delivered
from pacs2trial.workspace import Workspace


@click.command("outdated", cls=ReportingCommand)
@trial_argument
@click.option("--all", "everything", is_flag=True, help="Also what is settled.")
@click.option("--output", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False), help="Write a CSV as well.")
@click.option(
    "--recall",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write every object that has to be given back, as CSV.",
)
@click.option("--settle", "settled", metavar="KEY", help="Say what was done about a subject; needs --reason.")
@click.option("--reason", metavar="TEXT", default="", help="What was done; written to the audit table.")
def outdated_keys(
    trial: str, output: Path | None, recall: Path | None, settled: str | None, reason: str, *, everything: bool
) -> Report:
    """List what was delivered under keys that were corrected or withdrawn since.

    The trial centre has to be told. Exit status 3 while something is open.
    """
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    if settled is not None:
        right_keys(definition, [settled])
        number = settle(workspace, definition.trial, settled, reason=reason, actor=actor())
        return Report(
            {"trial": definition.trial, "subject": settled, "settled": number}, text=f"{settled}: {number} settled"
        )
    entries = outdated(workspace, definition.trial, settled=everything)
    if output is not None:
        export_outdated(entries, output.absolute())
    if recall is not None:
        export_recall(workspace, definition.trial, recall.absolute(), settled=everything)
    notes = [] if entries else [f"nothing that was delivered for {definition.trial} is outdated"]
    status = HELD if any(one.settled_at is None for one in entries) else DONE
    content = {"trial": definition.trial, "outdated": entries, "file": output.absolute() if output else None}
    return Report(content, [outdated_table(entries)] if entries else [], notes=notes, status=status)


def outdated_table(entries: Sequence[Outdated]) -> Table:
    rows = [
        (
            one.subject_key,
            one.effect,
            one.belongs_to,
            one.destination,
            f"{one.delivered_at:%Y-%m-%d %H:%M}Z",
            one.content_digest[:12],
            one.key_version,
            one.settlement,
        )
        for one in entries
    ]
    columns = ("delivered as", "key table", "belongs to", "destination", "delivered", "content", "version", "settled")
    return Table(columns, rows, title="delivered, then corrected")


def delivered_table(found: Sequence[Delivered]) -> Table:
    """What destinations hold of subjects that an import corrected."""
    rows = [
        (one.subject_key, one.destination, f"{one.delivered_at:%Y-%m-%d %H:%M}Z", one.content_digest[:12])
        for one in found
    ]
    return Table(("subject", "destination", "delivered", "content"), rows, title="delivered before this correction")
