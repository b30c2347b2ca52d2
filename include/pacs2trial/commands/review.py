"""``review``: packages that wait for a person's word, what stands in them, and the word."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from pacs2trial.collect.texts import held_names
from pacs2trial.commands.command import ReportingCommand, actor, trial_argument
from pacs2trial.commands.decisions import one_of
from pacs2trial.commands.report import DONE, HELD, Report, Table
from pacs2trial.commands.subjects import right_keys
from pacs2trial.errors import InputError
from pacs2trial.review import (
    COMMENT_WARNING,
    Reason,
    ReviewItem,
    Word,
    approve,
    approve_without,
    hold,
    hold_series,
    put_questions,
    reason_of,
    reject,
    reject_series,
    reviews,
    series_of,
    take_back,
)
from pacs2trial.workspace import Workspace


@click.command("review", cls=ReportingCommand)
@trial_argument
@click.option("--show", "shown", metavar="KEY", help="Show the studies and series of this subject's packages.")
@click.option("--approve", "approved", metavar="KEY", help="Let this subject's packages leave, exactly as they are.")
@click.option("--hold", "held", metavar="KEY", help="Keep them back for now; needs --reason.")
@click.option("--reject", "rejected", metavar="KEY", help="Never let this content leave; needs --reason.")
@click.option("--take-back", "again", metavar="KEY", help="Undo the rejection or hold of its series.")
@click.option(
    "--series",
    metavar="UID",
    multiple=True,
    help="Only this series or study, as it leaves; with --approve: approve the rest without it. May be repeated.",
)
@click.option("--reason", metavar="REASON", help=f"One of {', '.join(Reason)}.")
@click.option("--comment", metavar="TEXT", default="", help=f"Written to the audit table. {COMMENT_WARNING}")
def review(trial: str, series: tuple[str, ...], reason: str | None, comment: str, **answers: str | None) -> Report:
    """List packages up for review; show one, or answer."""
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    put_questions(workspace, definition)
    given = one_of({f"--{name}": key for name, key in _options(answers).items()})
    if given is None:
        return _listed(definition.trial, reviews(workspace, definition.trial), held_names(workspace, definition.trial))
    option, key = given
    right_keys(definition, [key])
    if option != "--show":
        word = Word(actor(), reason_of(reason) if reason else None, comment)
        _answer(workspace, definition.trial, option, key, series, word)
    return _shown(workspace, definition.trial, key)


def _options(answers: Mapping[str, str | None]) -> dict[str, str | None]:
    names = {"shown": "show", "approved": "approve", "held": "hold", "rejected": "reject", "again": "take-back"}
    return {name: answers[parameter] for parameter, name in names.items()}


def _answer(ws: Workspace, trial: str, option: str, key: str, series: Sequence[str], word: Word) -> None:
    if option == "--take-back":
        take_back(ws, trial, key, series, word)
    elif option == "--approve" and series:
        approve_without(ws, trial, key, series, word, content_digest=_only(ws, trial, key))
    elif option == "--approve":
        approve(ws, trial, key, word)
    elif series:
        keep = hold_series if option == "--hold" else reject_series
        keep(ws, trial, key, series, word)
    else:
        keep_all = hold if option == "--hold" else reject
        keep_all(ws, trial, key, word)


def _only(ws: Workspace, trial: str, key: str) -> str:
    """The content of the subject's one package.

    Raises:
        InputError: it has several, which are answered for one by one.
    """
    digests = [one.content_digest for one in reviews(ws, trial, key)]
    if len(digests) != 1:
        raise InputError(
            f"{trial}/{key} has {len(digests)} packages up for review: reject the series with --reject --series, "
            "collect again and approve what is left"
        )
    return digests[0]


def _listed(trial: str, found: Sequence[ReviewItem], held: Mapping[str, Sequence[tuple[str, str]]]) -> Report:
    tables = [_packages(trial, found)] if found else []
    notes = [] if found else [f"no package of {trial} is up for review"]
    if any(one.new_texts for one in found):
        notes.append(f"values that nobody has reviewed: pacs2trial trial values {trial} --new")
    if held:
        names = [(key, attribute, name) for key, waiting in held.items() for attribute, name in waiting]
        tables.append(Table(("subject", "attribute", "name"), names, title="names that hold subjects"))
        notes.append("add the names that may leave to profile.roi_names.also of the definition, then collect again")
    content = {"trial": trial, "reviews": found, "held_names": held}
    return Report(content, tables, notes=notes, status=HELD if held else DONE)


def _shown(ws: Workspace, trial: str, key: str) -> Report:
    found, series = reviews(ws, trial, key), series_of(ws, trial, key)
    rows = [(one.study, one.series, one.modality, one.instances, one.answer, one.reason) for one in series]
    columns = ("study", "series", "modality", "instances", "kept back", "why")
    tables = [_packages(trial, found), Table(columns, rows, title=f"{trial}/{key}")]
    content = {"trial": trial, "subject": key, "reviews": found, "series": series}
    kept = any(one.answer and one.in_force for one in series)
    notes = [f"series were kept back: run pacs2trial filter {trial}, then pacs2trial collect {trial}"] if kept else []
    return Report(content, tables, notes=notes)


def _packages(trial: str, found: Sequence[ReviewItem]) -> Table:
    rows = [
        (
            one.subject_key,
            one.study,
            one.content_digest[:12],
            one.package_state,
            one.state,
            one.reason,
            one.answered_by,
            one.new_texts or "",
        )
        for one in found
    ]
    return Table(("subject", "study", "content", "package", "review", "why", "by", "new values"), rows, title=trial)
