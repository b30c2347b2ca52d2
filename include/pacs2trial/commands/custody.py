"""``reidentify``, ``mapping``, ``backup`` and ``restore-backup``: for the custodian of the vault."""

from __future__ import annotations

from pathlib import Path

import click

from pacs2trial import settings as environment
from pacs2trial.commands.command import ReportingCommand, ReportingGroup, actor, agree, output_option, trial_argument
from pacs2trial.commands.report import Report, Table
from pacs2trial.errors import InputError
from pacs2trial.returned import map_back
from pacs2trial.trials.load import load_trials
from pacs2trial.vault.backup import back_up
from pacs2trial.vault.backup import restore_backup as restore_from
from pacs2trial.vault.mapping import export_mapping
from pacs2trial.vault.reidentify import reidentify as originals_of
from pacs2trial.vault.takeover import import_uidmods
from pacs2trial.workspace import Workspace


@click.command("reidentify", cls=ReportingCommand)
@click.argument("pseudonyms", metavar="PSEUDONYM | --files PATH...", nargs=-1)
@click.option(
    "--files", metavar="PATH", multiple=True, help="Files, folders or archives that a trial sent back; with --output."
)
@output_option("Where identified files go.")
@click.option("--reason", metavar="TEXT", required=True, help="Why; written to the audit table.")
def reidentify(pseudonyms: tuple[str, ...], files: tuple[str, ...], output: Path | None, reason: str) -> Report:
    """Tell what a pseudonym stands for.

    PSEUDONYM is a subject key, patient code, UID, accession number or study ID. With --files, give objects that a trial
    derived from our data (RTSTRUCT, SEG, SR ...) their patient's identity again, for import into this hospital.
    """
    workspace = Workspace.open()
    if files:
        return _map_back(workspace, [Path(one) for one in (*files, *pseudonyms)], output, reason)
    if len(pseudonyms) != 1 or output is not None:
        raise click.UsageError("give one PSEUDONYM, or --files PATH... with --output DIR")
    found = originals_of(workspace.vault, pseudonyms[0], actor=actor(), reason=reason)
    rows = [(one.scope, one.kind.replace("_", " "), one.value, one.issuer) for one in found]
    return Report({"originals": found}, [Table(("scope", "kind", "original", "issuer"), rows)])


def _map_back(workspace: Workspace, paths: list[Path], output: Path | None, reason: str) -> Report:
    if output is None:
        raise click.UsageError("--files needs --output DIR")
    lost = [f"argument {number}: no such file or folder" for number, path in enumerate(paths, 1) if not path.exists()]
    if lost:
        raise InputError(*lost)
    done = map_back(workspace, paths, output.absolute(), actor=actor(), reason=reason)
    return Report(
        {"returned": done},
        text=f"{done.folder}: {done.files} objects of {len(done.subjects)} subjects",
        notes=["these files identify patients: import them into the hospital's archive, then remove them"],
    )


@click.group("mapping", cls=ReportingGroup)
def mapping() -> None:
    """The table of pseudonyms: import, export."""


@mapping.command("import")
@click.argument("file", type=click.Path(path_type=Path))
def import_mapping(file: Path) -> Report:
    """Take over the UIDMODS table of a Conquest server.

    Whole or not at all: a row that differs from what the vault holds is told by its line.
    """
    if not file.is_file():
        raise InputError(f"{file}: there is no such file")
    workspace = Workspace.open()
    trials, _broken = load_trials(workspace.settings.trials)
    done = import_uidmods(workspace.vault, file, trials.keys(), actor=actor())
    notes = [f"{done.passed_over} rows about names, birth dates and the like were not needed"] * bool(done.passed_over)
    if done.to_enrol:
        notes.append(f"{done.to_enrol} patients of trials are not enrolled yet: import the key tables of these trials")
    return Report(
        {"import": done},
        text=f"taken over: {done.uids} UIDs, {done.patients} patient codes; {done.known} rows were known",
        notes=notes,
    )


@mapping.command("export")
@trial_argument
@output_option("Where to; by default mapping/<trial> in home.")
def export(trial: str, output: Path | None) -> Report:
    """Write uid_mapping.csv and patid_mapping.csv (id_old,id_new), original to trial. They identify patients."""
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    folder = output or workspace.settings.home / "mapping" / definition.trial
    done = export_mapping(workspace.vault, definition.trial, folder.absolute(), actor=actor())
    return Report(
        {"trial": definition.trial, "export": done},
        text=f"{done.folder}: {done.uids} UIDs, {done.patients} patient IDs",
        notes=["these files identify patients: keep them as you keep the key table, remove them when done"],
    )


@click.command("backup", cls=ReportingCommand)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
def backup(file: Path) -> Report:
    """Copy the vault into FILE while the system runs.

    The secret file is not in it.
    """
    settings = environment.load()
    size = back_up(settings, file.absolute())
    return Report(
        {"file": file.absolute(), "bytes": size},
        text=f"{file}: {size} bytes",
        notes=[f"the secret {settings.secret_path} is not in it: back it up as well, apart from this file"],
    )


@click.command("restore-backup", cls=ReportingCommand)
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--yes", is_flag=True, help="Do not ask.")
def restore_backup(file: Path, *, yes: bool) -> Report:
    """Put the vault back to what FILE holds.

    What it was before is kept beside it.
    """
    settings = environment.load()
    if not agree(f"Put the vault of {settings.home} back to {file.name}?", yes=yes):
        return Report({"restored": False}, text="nothing was restored")
    former = restore_from(settings, file.absolute(), actor=actor())
    notes = [f"the vault as it was before: {former}"] if former else []
    notes.append("restart receiver and Airflow: running processes may remember what is no longer there")
    return Report({"restored": True, "former": former or None}, text=f"the vault is as in {file}", notes=notes)
