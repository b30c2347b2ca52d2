"""The form of every command: ``--json``, one message a problem, an exit status that scripts can rely on."""

from __future__ import annotations

import os
import pwd
import sys
import traceback
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NoReturn

import click

from pacs2trial.commands.report import DONE, FAILED, HELD, WRONG, Report, show
from pacs2trial.errors import HeldError, InputError, Pacs2TrialError, SetupError


class ReportingCommand(click.Command):
    """A command whose function returns a :class:`Report`, which is shown, and whose errors become messages."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.params.append(
            click.Option(["--json", "as_json"], is_flag=True, help="Print one JSON document on standard output.")
        )

    def invoke(self, ctx: click.Context) -> NoReturn:
        as_json = bool(ctx.params.pop("as_json"))
        try:
            report = super().invoke(ctx)
        except Pacs2TrialError as error:
            report = _refusal(error)
        except (click.exceptions.Exit, click.ClickException, click.Abort):
            raise
        except Exception as error:  # noqa: BLE001  # the text of an unforeseen error may name a patient
            report = _unforeseen(error)
        show(report, as_json=as_json)
        ctx.exit(report.status)


class ReportingGroup(click.Group):
    """A group of such commands."""

    command_class = ReportingCommand
    group_class = type


def status_of(error: Pacs2TrialError) -> int:
    """The exit status that an error stands for."""
    match error:
        case InputError() | SetupError():
            return WRONG
        case HeldError():
            return HELD
        case _:
            return FAILED


def _refusal(error: Pacs2TrialError) -> Report:
    problems = error.problems if isinstance(error, InputError) else tuple(str(error).splitlines())
    return Report({"problems": problems}, notes=problems, status=status_of(error))


def _unforeseen(error: Exception) -> Report:
    """Type and place only: what a library says in its errors may be a value of an object."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if f"{os.sep}pacs2trial{os.sep}" in frame.filename]
    inner_first = [frames[-1], *reversed(own[-3:])]
    places = dict.fromkeys(f"{Path(frame.filename).name} line {frame.lineno}" for frame in inner_first)
    where = " < ".join(places)
    problem = f"unforeseen {type(error).__name__} at {where}; its text is left out, because it may name a patient"
    return Report({"problems": [problem]}, notes=[problem], status=FAILED)


def actor() -> str:
    """The operating system's name of who runs this command, for the audit table."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def agree(question: str, *, yes: bool) -> bool:
    """Ask before something is changed; ``--yes`` answers beforehand.

    Raises:
        InputError: nobody is there to answer.
    """
    if yes:
        return True
    if not sys.stdin.isatty():
        raise InputError(f"{question} Nobody can be asked here: repeat with --yes")
    return click.confirm(question, err=True)


def worst(statuses: Sequence[int]) -> int:
    """The status of a command that did several things: failed before held before done."""
    return FAILED if FAILED in statuses else max(statuses, default=DONE)


trial_argument = click.argument("trial", metavar="ID")

subject_option = click.option(
    "--subject", "subjects", metavar="KEY", multiple=True, help="Only this subject; may be repeated."
)


def output_option(text: str) -> Callable[[Any], Any]:
    """``--output``, a folder that need not exist yet."""
    return click.option("--output", metavar="DIR", type=click.Path(path_type=Path, file_okay=False), help=text)


def date_option(name: str, parameter: str, text: str) -> Callable[[Any], Any]:
    """An option for a day, ``YYYY-MM-DD``."""
    return click.option(
        name,
        parameter,
        metavar="D",
        type=click.DateTime(["%Y-%m-%d"]),
        callback=lambda _context, _parameter, value: value.date() if isinstance(value, datetime) else None,
        help=text,
    )
