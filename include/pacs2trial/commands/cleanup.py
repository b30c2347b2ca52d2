"""``cleanup``: staged data and packages that are not needed any more."""

from __future__ import annotations

import click

from pacs2trial.cleanup import Cleaned, Expiry, clean_subject, cleanable_subjects, expiry_of
from pacs2trial.commands.command import ReportingCommand, actor, agree, status_of, trial_argument, worst
from pacs2trial.commands.progress import progress
from pacs2trial.commands.report import DONE, HELD, Report, Table
from pacs2trial.commands.subjects import Outcome
from pacs2trial.errors import InputError, Pacs2TrialError
from pacs2trial.workspace import Workspace


@click.command("cleanup", cls=ReportingCommand)
@trial_argument
@click.option("--dry-run", is_flag=True, help="Only tell what would be removed, with sizes.")
@click.option("--expired", is_flag=True, help="Only what is older than the definition's retention.")
@click.option("--unrestorable", is_flag=True, help="Also what the PACS does not show any more; needs --reason.")
@click.option("--reason", metavar="TEXT", default="", help="Why; written to the audit table.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def cleanup(trial: str, *, dry_run: bool, expired: bool, unrestorable: bool, reason: str, yes: bool) -> Report:
    """Remove a trial's staged data and packages.

    Never what another trial needs, and only what the PACS shows at this moment, so that `restore` brings it back.
    The vault keeps everything it knows. Exit status 3 when something stays because it could not be restored.
    """
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    expiry = expiry_of(definition) if expired else Expiry()
    if expiry is None:
        raise InputError(f"trial {definition.trial} has no retention: add retention: to its definition")
    if unrestorable and not reason.strip():
        raise InputError("removing what cannot be restored needs a reason: --reason TEXT")
    question = f"Remove staged data and packages of trial {definition.trial}?"
    if not dry_run and not agree(question, yes=yes):
        return Report({"trial": definition.trial, "subjects": []}, text="nothing was removed")
    outcomes: list[Outcome[Cleaned]] = []
    keys = cleanable_subjects(workspace, definition.trial)
    with progress("cleaning up") as told:
        for number, key in enumerate(keys):
            told(number, len(keys))
            try:
                done = clean_subject(
                    workspace,
                    definition,
                    key,
                    actor=actor(),
                    expiry=expiry,
                    dry_run=dry_run,
                    unrestorable=unrestorable,
                    reason=reason,
                )
            except Pacs2TrialError as error:
                outcomes.append(Outcome(key, None, status_of(error), str(error)))
            else:
                outcomes.append(Outcome(key, done, HELD if done.stuck else DONE))
    return _report(definition.trial, outcomes, dry_run=dry_run)


def _report(trial: str, outcomes: list[Outcome[Cleaned]], *, dry_run: bool) -> Report:
    done = [outcome.result for outcome in outcomes if outcome.result]
    rows = [
        (
            one.subject_key,
            len(one.staged),
            len(one.packages),
            one.size,
            one.kept_for_others,
            one.kept_younger,
            len(one.stuck),
        )
        for one in done
    ]
    verb = "would be removed" if dry_run else "removed"
    columns = ("subject", "staged", "packages", f"bytes {verb}", "needed elsewhere", "too young", "not in the PACS")
    stuck = sum(len(one.stuck) for one in done)
    notes = [f"{outcome.subject_key}: {outcome.problem}" for outcome in outcomes if outcome.problem]
    if stuck:
        notes.append(
            f"{stuck} files stay: the PACS does not show everything they came from, so they could not be restored "
            "(--unrestorable --reason TEXT removes them too)"
        )
    notes.append(f"{sum(one.size for one in done)} bytes {verb}")
    content = {"trial": trial, "dry_run": dry_run, "subjects": done}
    table = [Table(columns, rows, title=trial)] if rows else []
    return Report(content, table, notes=notes, status=worst([outcome.status for outcome in outcomes]))
