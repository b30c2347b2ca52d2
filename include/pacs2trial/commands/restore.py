"""``restore``: staged data and packages come back from the PACS."""

from __future__ import annotations

import click

from pacs2trial.commands.command import ReportingCommand, actor, status_of, subject_option, trial_argument, worst
from pacs2trial.commands.progress import progress
from pacs2trial.commands.report import DONE, FAILED, HELD, Report, Table
from pacs2trial.commands.subjects import Outcome, right_keys
from pacs2trial.errors import Pacs2TrialError
from pacs2trial.restore import Restored, restorable_subjects, restore_subject
from pacs2trial.restore.subject import definition_of
from pacs2trial.workspace import Workspace


@click.command("restore", cls=ReportingCommand)
@trial_argument
@subject_option
def restore(trial: str, subjects: tuple[str, ...]) -> Report:
    """Bring staged data and packages back as they were.

    From PACS, vault and secret alone. What the PACS no longer has, or now holds differently, is listed and replaces
    nothing: exit status 3. What the PACS shows and did not send: exit status 1. The receiver must be running where the
    trial retrieves by C-MOVE.
    """
    workspace = Workspace.open()
    definition = definition_of(workspace, trial)
    keys = restorable_subjects(workspace, definition.trial, right_keys(definition, subjects))
    outcomes: list[Outcome[Restored]] = []
    with progress("restoring") as told:
        for number, key in enumerate(keys):
            told(number, len(keys))
            try:
                done = restore_subject(workspace, definition.trial, key, actor=actor())
            except Pacs2TrialError as error:
                outcomes.append(Outcome(key, None, status_of(error), str(error)))
            else:
                outcomes.append(Outcome(key, done, FAILED if done.unfinished else DONE if done.complete else HELD))
    return _report(definition.trial, outcomes)


def _report(trial: str, outcomes: list[Outcome[Restored]]) -> Report:
    done = [outcome.result for outcome in outcomes if outcome.result]
    rows = [
        (
            one.subject_key,
            one.intact,
            one.restored,
            sum(one.listed.values()),
            "; ".join(f"{package.path} {package.outcome}" for package in one.packages),
        )
        for one in done
    ]
    notes = [problem for one in done for problem in one.problems()]
    notes += [f"{outcome.subject_key}: {outcome.problem}" for outcome in outcomes if outcome.problem]
    content = {
        "trial": trial,
        "subjects": [
            {"subject_key": outcome.subject_key, "problem": outcome.problem, "restored": outcome.result}
            for outcome in outcomes
        ],
    }
    columns = ("subject", "was there", "restored", "not restored", "packages")
    table = [Table(columns, rows, title=trial)] if rows else []
    return Report(content, table, notes=notes, status=worst([outcome.status for outcome in outcomes]))
