"""``keys doubts``: studies of which it is in doubt whose they are, and a person's decision."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pacs2trial.commands.command import ReportingCommand, actor, trial_argument
from pacs2trial.commands.decisions import one_of
from pacs2trial.commands.report import DONE, HELD, Report, Table
from pacs2trial.corrections.doubts import Doubt, decide, doubts, look
from pacs2trial.keytable.studies import Answer
from pacs2trial.workspace import Workspace

ANSWERS = {"--belongs": Answer.BELONGS, "--leave-out": Answer.LEFT_OUT}


@click.command("doubts", cls=ReportingCommand)
@trial_argument
@click.option("--show", "shown", metavar="TOKEN", help="Show patient IDs, birth dates and sexes in a study; audited.")
@click.option("--belongs", "given", metavar="TOKEN", help="The study is this subject's; needs --reason.")
@click.option("--leave-out", "left", metavar="TOKEN", help="This subject does without the study; needs --reason.")
@click.option("--reason", metavar="TEXT", default="", help="Why; written to the audit table.")
def study_doubts(trial: str, shown: str | None, given: str | None, left: str | None, reason: str) -> Report:
    """List studies of which it is in doubt whose they are, or decide on one.

    Two patient IDs on one study, two birth dates or sexes under one patient ID: the subject waits. Exit status 3 while
    there are any.
    """
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    chosen = one_of({"--show": shown, "--belongs": given, "--leave-out": left})
    if chosen is None:
        found = doubts(workspace, definition.trial)
        notes = [] if found else [f"no study of {definition.trial} is in doubt"]
        tables = [doubt_table(found)] if found else []
        return Report({"trial": definition.trial, "doubts": found}, tables, notes=notes, status=HELD if found else DONE)
    option, token = chosen
    if option == "--show":
        doubt, told = look(workspace, definition.trial, token, actor=actor())
        ids = [f"{one} ({issuer})" if issuer else one for issuer, one in told.patient_ids]
        rows = [
            ("subject", doubt.subject_key),
            ("why", doubt.reason),
            (
                "patient ID (issuer)",
                ", ".join(ids),
            ),
            ("birth dates", ", ".join(told.birth_dates)),
            ("sexes", ", ".join(told.sexes)),
            ("study date", doubt.study_date),
            ("instances here", str(doubt.instances)),
        ]
        return Report({"trial": definition.trial, "doubt": doubt, "told": told}, [Table(("what", ""), rows)])
    doubt = decide(workspace, definition.trial, token, ANSWERS[option], reason=reason, actor=actor())
    return Report(
        {"trial": definition.trial, "doubt": doubt, "decision": ANSWERS[option]},
        text=f"{doubt.subject_key}: the study {ANSWERS[option]}; the next run goes on, or "
        f"pacs2trial retrieve {definition.trial} --subject {doubt.subject_key}",
    )


def doubt_table(found: Sequence[Doubt]) -> Table:
    rows = [(one.token, one.subject_key, one.reason, one.study_date, one.instances) for one in found]
    return Table(("token", "subject", "why", "study date", "instances here"), rows, title="studies in doubt")
