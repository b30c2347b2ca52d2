"""``stage``, ``retrieve`` and ``receive``: data on their way in."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path

import click

from pacs2trial import settings as environment
from pacs2trial.commands.command import ReportingCommand, actor, date_option, subject_option, trial_argument
from pacs2trial.commands.doubts import doubt_table
from pacs2trial.commands.progress import progress
from pacs2trial.commands.report import DONE, FAILED, HELD, Report, Table
from pacs2trial.commands.status import balance_table
from pacs2trial.commands.subjects import right_keys
from pacs2trial.corrections.doubts import doubts
from pacs2trial.errors import InputError
from pacs2trial.intake import stage_paths
from pacs2trial.receiver import serve
from pacs2trial.receiver.probe import probe
from pacs2trial.retrieve.settle import retrieve
from pacs2trial.workspace import Workspace


@click.command("stage", cls=ReportingCommand)
@click.argument("paths", metavar="PATH...", nargs=-1, required=True, type=click.Path(path_type=Path))
def stage(paths: tuple[Path, ...]) -> Report:
    """Take files, folders, archives and media through stage 1.

    Archives (zip, tar, gzip, bzip2, xz) are read in memory. Exit status 3 when objects were quarantined, 1 when files
    could not be read, or a DICOMDIR names what is not there.
    """
    workspace = Workspace.open()
    processes = workspace.settings.stage_processes or len(os.sched_getaffinity(0))
    with progress("staging") as told:
        found = stage_paths(workspace, paths, progress=told, processes=processes)
    names = ["files", "staged", "duplicates", "quarantined", "rejected", "not_dicom"]
    names += [name for name in ("passed_over", "unread") if getattr(found, name)]
    table = Table([name.replace("_", " ") for name in names], [[getattr(found, name) for name in names]])
    status = FAILED if found.problems else HELD if found.quarantined else DONE
    return Report(asdict(found), [table], notes=found.problems, status=status)


@click.command("retrieve", cls=ReportingCommand)
@trial_argument
@subject_option
@date_option("--from", "date_from", "First study date, YYYY-MM-DD.")
@date_option("--to", "date_to", "Last study date, YYYY-MM-DD.")
@click.option("--now", "at_any_hour", is_flag=True, help="Do not heed the hours of the PACS; goes into the audit.")
def retrieve_trial(
    trial: str, subjects: tuple[str, ...], date_from: date | None, date_to: date | None, *, at_any_hour: bool
) -> Report:
    """Fetch from the PACS what is not staged yet.

    The PACS is asked first what it holds of the trial's subjects, and that is written down as expected.
    The receiver must be running where the trial retrieves by C-MOVE. Exit status 1 when instances are missing, or the
    PACS may not be asked at this hour (the message says from when on), 3 when some wait for a person, or it is in doubt
    whose a study is.
    """
    if date_from and date_to and date_from > date_to:
        raise InputError(f"--from {date_from} is after --to {date_to}")
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    keys = right_keys(definition, subjects)
    if at_any_hour:
        workspace.vault.audit.record("retrieve at any hour", actor=actor(), trial=definition.trial)
    with progress("retrieving") as told:
        balances = retrieve(
            workspace,
            definition.trial,
            subjects=keys,
            date_from=date_from,
            date_to=date_to,
            progress=told,
            at_any_hour=at_any_hour,
        )
    lost = sum(one.missing + one.failed + one.waiting for one in balances)
    held = doubts(workspace, definition.trial, keys)
    status = FAILED if lost else HELD if held or any(one.quarantined for one in balances) else DONE
    content = {"trial": definition.trial, "subjects": balances, "doubts": held}
    tables = [balance_table(definition.trial, balances), *([doubt_table(held)] if held else [])]
    notes = [f"{len(held)} studies in doubt hold their subjects: pacs2trial keys doubts {trial}"] if held else []
    return Report(content, tables, notes=notes, status=status)


@click.command("receive", cls=ReportingCommand)
@click.option("--probe", "only_probe", is_flag=True, help="Only ask whether the receiver of these settings is there.")
def receive(only_probe: bool) -> Report:  # noqa: FBT001  # click passes options by name
    """Run the DICOM node (C-ECHO, C-STORE).

    It runs until SIGTERM or SIGINT; associations that are open then may finish. With --probe exit status 1 when it
    does not answer: the health check of a service.
    """
    settings = environment.load()
    if only_probe:
        found = probe(settings)
        return Report({"answer": found}, text=found)
    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True
    )
    serve(settings)
    return Report({"ended": True})
