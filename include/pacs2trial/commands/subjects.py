"""Work that is done subject by subject: one subject's trouble does not stop the others."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from pacs2trial.commands.command import status_of
from pacs2trial.commands.progress import progress
from pacs2trial.commands.report import DONE
from pacs2trial.errors import InputError, Pacs2TrialError
from pacs2trial.keytable import EnrolledSubject, enrolled
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.workspace import Workspace

Result = TypeVar("Result")


@dataclass(frozen=True)
class Outcome(Generic[Result]):
    """What came of one subject: a result, or why there is none and the status that this stands for."""

    subject_key: str
    result: Result | None
    status: int = DONE
    problem: str = ""


def right_keys(definition: TrialDefinition, subjects: Sequence[str]) -> list[str] | None:
    """The subject keys that were typed; None for all.

    Raises:
        InputError: one has not the form of this trial's keys. It is not repeated: it may be a hospital's patient ID.
    """
    wrong = [number for number, key in enumerate(subjects, 1) if not definition.is_subject_key(key)]
    if wrong:
        places = ", ".join(f"number {number}" for number in wrong)
        raise InputError(
            f"--subject {places}: no subject key of {definition.trial}, whose keys look like {definition.subject_key}"
        )
    return list(dict.fromkeys(subjects)) or None


def each_subject(
    workspace: Workspace,
    definition: TrialDefinition,
    subjects: Sequence[str],
    work: Callable[[EnrolledSubject], Result],
    *,
    what: str,
) -> list[Outcome[Result]]:
    """Do ``work`` for each of the subjects, or for all that are enrolled.

    Raises:
        InputError: a subject key is wrong or unknown, or no key table was imported.
    """
    chosen = enrolled(workspace.vault, definition.trial, right_keys(definition, subjects))
    outcomes: list[Outcome[Result]] = []
    with progress(what) as told:
        for number, subject in enumerate(chosen):
            told(number, len(chosen))
            try:
                outcomes.append(Outcome(subject.subject_key, work(subject)))
            except Pacs2TrialError as error:
                outcomes.append(Outcome(subject.subject_key, None, status_of(error), str(error)))
    return outcomes
