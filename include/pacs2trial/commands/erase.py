"""``trial erase``: the end of a trial's identities."""

from __future__ import annotations

import sys

import click

from pacs2trial.commands.command import ReportingCommand, actor, trial_argument
from pacs2trial.commands.report import Report
from pacs2trial.errors import InputError
from pacs2trial.vault.erasure import erase_identities
from pacs2trial.workspace import Workspace


@click.command("erase", cls=ReportingCommand)
@trial_argument
@click.option("--reason", metavar="TEXT", required=True, help="Why; written to the audit table.")
@click.option("--confirm", metavar="ID", help="The trial ID once more, where nobody can be asked.")
def erase(trial: str, reason: str, confirm: str | None) -> Report:
    """Destroy everything that leads from a trial's data to patients.

    For good: no pseudonym can be derived, looked up or made again, with the secret or without, and nothing of the
    trial can be restored. Clean the trial up first. Backups made before must be destroyed as well.
    """
    workspace = Workspace.open()
    name = trial.upper()
    left = [one for one in workspace.packages.below(name) if one.endswith(".zip")]
    if left:
        raise InputError(f"{len(left)} packages of {name} are still here: run pacs2trial cleanup {name} first")
    _require_confirmed(name, confirm)
    done = erase_identities(workspace.vault, name, actor=actor(), reason=reason)
    return Report(
        {"trial": name, "erased": done},
        text=f"{name}: {done.pseudonyms} pseudonyms of {done.subjects} subjects are gone for good",
        notes=[
            "backups of the vault made before still hold them: destroy these too",
            "what was delivered, and files of mapping exports, are not in our hands",
            "restart receiver and Airflow: running processes may remember",
        ],
    )


def _require_confirmed(name: str, confirm: str | None) -> None:
    if confirm is None and sys.stdin.isatty():
        confirm = click.prompt(f"This cannot be undone. Type {name} to erase its identities", err=True)
    if confirm is None:
        raise InputError(f"erasing cannot be undone and nobody can be asked here: repeat with --confirm {name}")
    if confirm != name:
        raise InputError("what was typed is not the trial's ID; nothing was erased")
