"""``keys``: the key table of a trial, from the file into the vault."""

from __future__ import annotations

from pathlib import Path

import click

from pacs2trial import custody
from pacs2trial.commands.command import ReportingGroup, actor, agree, trial_argument
from pacs2trial.commands.doubts import study_doubts
from pacs2trial.commands.outdated import delivered_table, outdated_keys
from pacs2trial.commands.report import Report, Table
from pacs2trial.corrections import Rerun, preview, take_key_table, whole_key_table
from pacs2trial.keytable import KeyTableChange, KeyTableRow, key_file
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.workspace import Workspace

file_argument = click.argument("file", required=False, type=click.Path(path_type=Path, dir_okay=False))


@click.group(cls=ReportingGroup)
def keys() -> None:
    """Key tables: check, import, show, history, corrections.

    Also what had been delivered before a correction, and the studies in doubt.
    """


@keys.command("check")
@trial_argument
@file_argument
def check_keys(trial: str, file: Path | None) -> Report:
    """Check a key table; every problem is told with its row.

    FILE (CSV or Excel) is by default the file or query that the definition names.
    """
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    source, rows = _whole(workspace, definition, file)
    subjects = len({row.subject_key for row in rows})
    content = {"trial": definition.trial, "file": source, "rows": len(rows), "subjects": subjects}
    return Report(content, text=f"{source} is right: {len(rows)} rows, {subjects} subjects")


@keys.command("import")
@trial_argument
@file_argument
@click.option("--yes", is_flag=True, help="Do not ask.")
def import_keys(trial: str, file: Path | None, *, yes: bool) -> Report:
    """Take a key table into the vault: show what changes, ask, import whole or not at all.

    Shows what had been delivered of the subjects that it corrects, and prints the Airflow commands that make them anew.
    """
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    source, rows = _whole(workspace, definition, file)
    found = preview(workspace, definition, rows)
    change = found.change
    content = {"trial": definition.trial, "file": source, "change": change, "delivered": found.delivered}
    if change.changes_nothing:
        text = f"nothing changes: {change.unchanged} subjects are as they were"
        return Report(content | {"imported": False}, text=text)
    for line in change_lines(change):
        click.echo(line, err=True)
    for one in found.delivered:
        click.echo(
            f"delivered  {one.subject_key}  {one.destination}  {one.delivered_at:%Y-%m-%d %H:%M}Z  "
            f"content {one.content_digest[:12]}",
            err=True,
        )
    if not agree(f"Import this key table into trial {definition.trial}?", yes=yes):
        return Report(content | {"imported": False}, text="nothing was imported")
    taken = take_key_table(workspace, definition, rows, actor=actor())
    total = len(change.added) + len(change.changed) + change.unchanged
    notes = [*_rerun_notes(definition, taken.rerun)]
    if taken.delivered:
        notes.append(f"tell the trial centre what it holds under keys that changed: pacs2trial keys outdated {trial}")
    return Report(
        content | {"imported": True, "change": taken.change, "delivered": taken.delivered, "rerun": taken.rerun},
        [delivered_table(taken.delivered)] if taken.delivered else [],
        text=f"imported: {definition.trial} has {total} subjects",
        notes=notes,
    )


@keys.command("show")
@trial_argument
def show_keys(trial: str) -> Report:
    """Show the imported key table with patient IDs. For key custodians; recorded in the audit table."""
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    shown = custody.show_keys(workspace.vault, definition.trial, actor=actor())
    rows = [
        (
            one.subject_key,
            ", ".join(f"{patient_id} ({issuer})" if issuer else patient_id for issuer, patient_id in one.patient_ids),
            one.visits,
            ", ".join(f"{name}={value}" for name, value in one.columns.items()),
        )
        for one in shown
    ]
    table = Table(("subject", "patient ID (issuer)", "visits", "further columns"), rows)
    return Report({"trial": definition.trial, "subjects": shown}, [table])


@keys.command("history")
@trial_argument
def show_history(trial: str) -> Report:
    """List the imports of a trial's key table."""
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    versions = custody.imports(workspace.vault, definition.trial)
    rows = [(v.number, f"{v.imported_at:%Y-%m-%d %H:%M:%S}Z", v.imported_by, v.rows, v.digest[:12]) for v in versions]
    content = {"trial": definition.trial, "versions": versions}
    return Report(content, [Table(("version", "imported", "by", "rows", "digest"), rows)])


keys.add_command(outdated_keys)
keys.add_command(study_doubts)


def change_lines(change: KeyTableChange) -> list[str]:
    """The difference between a file and the vault, by subject key."""
    lines = [
        f"{name:<10} {len(subject_keys):>5}  {' '.join(subject_keys)}".rstrip()
        for name, subject_keys in (
            ("added", change.added),
            ("changed", change.changed),
            ("withdrawn", change.withdrawn),
        )
    ]
    return [*lines, f"unchanged  {change.unchanged:>5}"]


def _whole(workspace: Workspace, definition: TrialDefinition, file: Path | None) -> tuple[str, list[KeyTableRow]]:
    """The rows of a key table that has no fault, and where they were read."""
    path = file.absolute() if file else None
    if path is None and definition.keys.file is not None:
        path = key_file(definition, workspace.settings)
    rows = whole_key_table(workspace, definition, path)
    return str(path or rows[0].place.table), rows


def _rerun_notes(definition: TrialDefinition, rerun: Rerun) -> list[str]:
    if not rerun.subjects:
        return []
    notes = []
    if rerun.backfill:
        notes += [
            f"to make anew what is known of {len(rerun.subjects)} subjects, by study date:",
            f"  {rerun.backfill}",
        ]
    again = "or" if rerun.backfill else f"to make {len(rerun.subjects)} subjects anew"
    scheduled = "; the next scheduled run does it by itself" if definition.schedule else ""
    return [*notes, f"{again} in one run, with studies that are not known yet{scheduled}:", f"  {rerun.trigger}"]
