"""Commands of the public interface whose rooms are not furnished yet."""

from __future__ import annotations

import click

from pacs2trial.commands.command import ReportingCommand, subject_option, trial_argument
from pacs2trial.commands.report import Report
from pacs2trial.commands.subjects import right_keys
from pacs2trial.errors import NotAvailableError
from pacs2trial.workspace import Workspace


@click.command("restore", cls=ReportingCommand)
@trial_argument
@subject_option
def restore(trial: str, subjects: tuple[str, ...]) -> Report:
    """Make the packages of a trial again and compare.

    From PACS, vault and secret alone.
    """
    right_keys(Workspace.open().definition(trial), subjects)
    raise NotAvailableError("restore is not available yet; retrieve, filter and collect make the same packages again")


@click.command("cleanup", cls=ReportingCommand)
@trial_argument
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed.")
def cleanup(trial: str, *, dry_run: bool) -> Report:
    """Remove staged data that no trial needs any more."""
    Workspace.open().definition(trial)
    would_be = "would be" if dry_run else "was"
    raise NotAvailableError(f"cleanup is not available yet; nothing {would_be} removed")
