"""``changes``: what packages hold otherwise than what was delivered before."""

from __future__ import annotations

from pathlib import Path

import click
from sqlalchemy import select

from pacs2trial.changes import Changes, changes_csv, changes_of
from pacs2trial.commands.command import ReportingCommand, output_option, subject_option, trial_argument
from pacs2trial.commands.report import Report, Table
from pacs2trial.commands.subjects import right_keys
from pacs2trial.errors import TransientError
from pacs2trial.vault.tables import PackageRow, PackageState, Subject
from pacs2trial.workspace import Workspace


@click.command("changes", cls=ReportingCommand)
@trial_argument
@subject_option
@output_option("Write a CSV for each package there: one line for each object.")
def changes(trial: str, subjects: tuple[str, ...], output: Path | None) -> Report:
    """Tell what packages hold otherwise than what was delivered.

    Objects that were added, removed, replaced, or that had gone out under another subject key.
    """
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    keys = right_keys(definition, subjects)
    query = (
        select(PackageRow.id)
        .join(Subject, Subject.id == PackageRow.subject_id)
        .where(PackageRow.trial == definition.trial, PackageRow.state != PackageState.SUPERSEDED)
        .order_by(PackageRow.path)
    )
    if keys is not None:
        query = query.where(Subject.key.in_(keys))
    with workspace.vault.session(read_only=True) as session:
        packages = list(session.scalars(query))
    found = [changes_of(workspace, package) for package in packages]
    if output is not None:
        _write(found, output)
    notes = [] if found else [f"{definition.trial} has no package in force"]
    return Report({"trial": definition.trial, "packages": found}, [_table(found)] if found else [], notes=notes)


def _table(found: list[Changes]) -> Table:
    rows = [
        (
            one.subject_key,
            one.package,
            one.version,
            one.since_version,
            f"{one.since:%Y-%m-%d %H:%M}Z" if one.since else None,
            one.words(),
            ", ".join(one.because),
        )
        for one in found
    ]
    columns = ("subject", "package", "version", "delivered before", "on", "changes", "made from other")
    return Table(columns, rows, title="since what was delivered")


def _write(found: list[Changes], folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for one in found:
            (folder / f"{one.package}.changes.csv").write_bytes(changes_csv(one))
    except OSError as error:
        raise TransientError(f"{folder} cannot be written: {error.strerror}") from None
