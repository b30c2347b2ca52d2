"""``status``: the balance of one trial or of all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict

import click

from pacs2trial.commands.command import ReportingCommand
from pacs2trial.commands.incoming import unmatched_table
from pacs2trial.commands.outdated import outdated_table
from pacs2trial.commands.report import WRONG, Report, Table
from pacs2trial.corrections import outdated, stale_subjects
from pacs2trial.filtering.outcome import lacking, set_aside
from pacs2trial.incoming import unmatched
from pacs2trial.receiver.state import ReceiverState, read_states
from pacs2trial.staging.balance import Balance, balance, balance_by_study
from pacs2trial.trials.load import load_trials
from pacs2trial.workspace import Workspace

AFTER_STAGE_1 = ("expected", "unexpected", "staged", "rejected", "quarantined", "failed", "missing", "waiting")
AFTER_FILTER = ("collected", "accepted", "held", "refused", "not_wanted", "undecided")
COLUMNS = (*AFTER_STAGE_1, *AFTER_FILTER)
ALWAYS_SHOWN = {"expected", "staged"}


@click.command("status", cls=ReportingCommand)
@click.argument("trial", metavar="[ID]", required=False)
def status(trial: str | None) -> Report:
    """Show what was expected and what became of it.

    Per trial, with the receivers, or for one trial per subject and study.
    """
    workspace = Workspace.open()
    if trial is None:
        return _all_trials(workspace)
    definition = workspace.definition(trial)
    wanted = definition.source.modalities
    subjects = balance(workspace.vault, definition.trial, modalities=wanted)
    studies = balance_by_study(workspace.vault, definition.trial, modalities=wanted)
    late = outdated(workspace, definition.trial)
    stale = stale_subjects(workspace, definition.trial)
    aside, gaps = set_aside(workspace.vault, definition.trial), lacking(workspace.vault, definition.trial)
    content = {
        "trial": definition.trial,
        "subjects": subjects,
        "studies": studies,
        "set_aside": aside,
        "lacking": gaps,
        "stale": stale,
        "outdated": late,
    }
    tables = [balance_table(definition.trial, subjects)]
    if aside:
        rows = [(one.subject_key, one.judgement, one.rule, one.instances) for one in aside]
        tables.append(Table(("subject", "judgement", "rule", "objects"), rows, title="set aside by the filter"))
    if gaps:
        missing = [(one.subject_key, one.gap, one.number) for one in gaps]
        tables.append(Table(("subject", "lacking", "number"), missing, title="required and not there"))
    if studies:
        tables.append(_study_table(studies))
    if stale:
        tables.append(
            Table(("subject",), [(key,) for key in stale], title="to be made anew: key table or objects have changed")
        )
    if late:
        tables.append(outdated_table(late))
    return Report(content, tables)


def _all_trials(workspace: Workspace) -> Report:
    trials, broken = load_trials(workspace.settings.trials)
    rows = []
    for name, definition in sorted(trials.items()):
        balances = balance(workspace.vault, name, modalities=definition.source.modalities)
        rows.append((name, len(balances), *[sum(getattr(one, column) for one in balances) for column in COLUMNS]))
    receivers = read_states(workspace.settings)
    content = {
        "receivers": [{"state": one.words, **asdict(one)} for one in receivers],
        "trials": [dict(zip(("trial", "subjects", *COLUMNS), row, strict=True)) for row in rows],
        "broken": {path.name: error.problems for path, error in broken.items()},
    }
    notes = [problem for error in broken.values() for problem in error.problems]
    used = [
        column for place, column in enumerate(COLUMNS, 2) if column in ALWAYS_SHOWN or any(row[place] for row in rows)
    ]
    shown = [(*row[:2], *[row[COLUMNS.index(column) + 2] for column in used]) for row in rows]
    table = Table(("trial", "subjects", *[column.replace("_", " ") for column in used]), shown)
    tables = [*([table] if rows else []), *([_receiver_table(receivers)] if receivers else [])]
    if waiting := unmatched(workspace):
        tables.append(unmatched_table(waiting))
    return Report(content | {"unmatched": waiting}, tables, notes=notes, status=WRONG if broken else 0)


def _receiver_table(receivers: Sequence[ReceiverState]) -> Table:
    """What each receiver did since it began; counts that are zero throughout are left out."""
    names = [name for name in receivers[0].counts if any(one.counts.get(name) for one in receivers)]
    rows = [
        (
            f"{one.aet} at {one.host}:{one.port}",
            one.words,
            one.since.strftime("%Y-%m-%d %H:%M"),
            "answers" if one.vault else "does not answer",
            *[one.counts.get(name, 0) for name in names],
        )
        for one in receivers
    ]
    columns = ("receiver", "state", "since (UTC)", "vault", *[name.replace("_", " ") for name in names])
    return Table(columns, rows, title="receivers")


def balance_table(trial: str, balances: Sequence[Balance]) -> Table:
    """One line a subject; columns that are zero throughout are left out."""
    used = _used(balances)
    rows = [(one.subject_key, *[getattr(one, column) for column in used]) for one in balances]
    return Table(("subject", *[column.replace("_", " ") for column in used]), rows, title=trial)


def _study_table(studies: Sequence[Balance]) -> Table:
    used = _used(studies)
    rows = [(one.subject_key, one.study, *[getattr(one, column) for column in used]) for one in studies]
    return Table(("subject", "study in staging", *[column.replace("_", " ") for column in used]), rows, title="studies")


def _used(balances: Sequence[Balance]) -> list[str]:
    return [column for column in COLUMNS if column in ALWAYS_SHOWN or any(getattr(one, column) for one in balances)]
