"""The trigger form of a trial's DAG, and reading back what was typed into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from airflow.sdk import Param

from pacs2trial.errors import InputError
from pacs2trial.trials.definition import TrialDefinition


@dataclass(frozen=True)
class Form:
    """What a person asked for. ``subjects`` empty means all enrolled ones."""

    subjects: tuple[str, ...] = ()
    date_from: date | None = None
    date_to: date | None = None
    dry_run: bool = False


def trigger_form(definition: TrialDefinition) -> dict[str, Param]:
    """The fields of the form. Airflow checks them before it stores a run, so that a hospital ID typed as a subject
    key is refused while it is still nowhere in Airflow's database.
    """
    return {
        "subjects": Param(
            [],
            type="array",
            items={"type": "string", "pattern": f"^(?:{definition.subject_key})$"},
            title="Subjects",
            description_md=f"Subject keys of the form `{definition.subject_key}`, one a line. Empty: all.",
        ),
        "date_from": Param(
            None,
            type=["null", "string"],
            format="date",
            title="First study date",
            description_md="Look only for studies of this day and later. Empty: from the beginning.",
        ),
        "date_to": Param(
            None,
            type=["null", "string"],
            format="date",
            title="Last study date",
            description_md="Look only for studies of this day and earlier. Empty: until now.",
        ),
        "dry_run": Param(
            False,  # noqa: FBT003 - Param takes its default by position
            type="boolean",
            title="Dry run",
            description_md="Ask the PACS and count; fetch, make and send nothing.",
        ),
    }


def read_form(params: Mapping[str, Any], definition: TrialDefinition) -> Form:
    """The form's values, checked once more: Airflow lets unknown fields pass, and its regular expressions end at a
    line break.

    Raises:
        InputError: everything that is wrong. No value is repeated: it might be an identity.
    """
    known = trigger_form(definition)
    problems = []
    if strangers := len(set(params) - set(known)):
        problems.append(f"{strangers} field(s) that the trigger form does not have; it has {', '.join(known)}")
    subjects = params.get("subjects") or []
    if not isinstance(subjects, list):
        problems.append("subjects: not a list")
        subjects = []
    for number, key in enumerate(subjects, start=1):
        if not isinstance(key, str) or not definition.is_subject_key(key):
            problems.append(f"subjects, number {number}: not of the form {definition.subject_key}")
    dates = {}
    for field in ("date_from", "date_to"):
        try:
            dates[field] = date.fromisoformat(params[field]) if params.get(field) else None
        except (TypeError, ValueError):
            problems.append(f"{field}: not a date such as 2026-03-31")
    dry_run = params.get("dry_run") or False
    if not isinstance(dry_run, bool):
        problems.append("dry_run: neither true nor false")
    if problems:
        raise InputError(*problems)
    return Form(tuple(dict.fromkeys(subjects)), **dates, dry_run=dry_run)
