"""The trigger form of a trial's DAG, and reading back what was typed into it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from airflow.sdk import Param

from pacs2trial.errors import InputError
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial_airflow.fields import flag_field, read_flag, read_subjects, strangers, subjects_field


class Remake(StrEnum):
    """For which subjects a run goes on behind the question what the PACS holds of them."""

    CHANGED = "changed"
    EVERYTHING = "everything"


_WORDS = {
    Remake.CHANGED: "Subjects of whom something is new or was changed",
    Remake.EVERYTHING: "All of these subjects, also where nothing was changed",
}


@dataclass(frozen=True)
class Form:
    """What a person asked for. ``subjects`` empty means all enrolled ones."""

    subjects: tuple[str, ...] = ()
    date_from: date | None = None
    date_to: date | None = None
    remake: Remake = Remake.CHANGED
    dry_run: bool = False


def trigger_form(definition: TrialDefinition) -> dict[str, Param]:
    """The fields of the form. Airflow checks them before it stores a run, so that a hospital ID typed as a subject
    key is refused while it is still nowhere in Airflow's database.
    """
    return {
        "subjects": subjects_field(
            definition.subject_key, f"Subject keys of the form `{definition.subject_key}`, one a line. Empty: all."
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
        "remake": Param(
            Remake.CHANGED.value,
            type="string",
            enum=[one.value for one in Remake],
            values_display={one.value: words for one, words in _WORDS.items()},
            title="Make again",
            description_md="A package whose content would be the same stays as it is, and is not delivered again.",
        ),
        "dry_run": flag_field("Dry run", "Ask the PACS and count; fetch, make and send nothing."),
    }


def read_form(params: Mapping[str, Any], definition: TrialDefinition) -> Form:
    """The form's values, checked once more: Airflow lets unknown fields pass, and its regular expressions end at a
    line break.

    Raises:
        InputError: everything that is wrong. No value is repeated: it might be an identity.
    """
    problems = strangers(params, trigger_form(definition))
    subjects = read_subjects(params, definition, problems)
    dates = {}
    for field in ("date_from", "date_to"):
        try:
            dates[field] = date.fromisoformat(params[field]) if params.get(field) else None
        except (TypeError, ValueError):
            problems.append(f"{field}: not a date such as 2026-03-31")
    remake = params.get("remake") or Remake.CHANGED
    if remake not in list(Remake):
        problems.append(f"remake: not one of {', '.join(Remake)}")
    dry_run = read_flag(params, "dry_run", problems)
    if problems:
        raise InputError(*problems)
    return Form(subjects, **dates, remake=Remake(remake), dry_run=dry_run)
