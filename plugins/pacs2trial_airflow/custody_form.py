"""The trigger forms of the DAGs ``restore`` and ``cleanup``, and reading back what was typed into them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow.sdk import Param

from pacs2trial.errors import InputError
from pacs2trial.settings import Settings
from pacs2trial.trials.definition import SAFE_SUBJECT_KEY
from pacs2trial.trials.load import load_trials
from pacs2trial_airflow.fields import TRIAL_ID, flag_field, read_flag, read_subjects, strangers, subjects_field

RESTORE, CLEANUP = "restore", "cleanup"
EXPIRED, EVERYTHING = "expired", "everything"
EVERY_TRIAL = "every trial"
"""No trial can be called so."""


@dataclass(frozen=True)
class RestoreForm:
    """What a person asked for. ``subjects`` empty means all of the trial."""

    trial: str
    subjects: tuple[str, ...]
    dry_run: bool = False


@dataclass(frozen=True)
class CleanupForm:
    """What a person asked for. ``trial`` empty means all trials, of which only what is expired goes."""

    trial: str
    what: str
    dry_run: bool


def restore_form(trials: Sequence[str]) -> dict[str, Param]:
    """The fields of the form of ``restore``."""
    among: dict[str, Any] = {"enum": list(trials)} if trials else {}
    return {
        "trial": Param(type="string", title="Trial", **among),
        "subjects": subjects_field(SAFE_SUBJECT_KEY.pattern, "Subject keys of the trial, one a line. Empty: all."),
        "dry_run": flag_field("Dry run", "Only tell of which subjects something is lost, and how much."),
    }


def cleanup_form(trials: Sequence[str]) -> dict[str, Param]:
    """The fields of the form of ``cleanup``."""
    return {
        "trial": Param(
            EVERY_TRIAL,
            type="string",
            enum=[EVERY_TRIAL, *trials],
            title="Trial",
            description_md="Of every trial only what is expired can go, by the `retention` of its definition.",
        ),
        "what": Param(
            EXPIRED,
            type="string",
            enum=[EXPIRED, EVERYTHING],
            values_display={
                EXPIRED: "What is older than the definition's retention",
                EVERYTHING: "Everything of the trial",
            },
            title="What",
        ),
        "confirm": Param(
            None,
            type=["null", "string"],
            pattern=f"^({TRIAL_ID})?$",
            title="Confirm",
            description_md="To remove everything of a trial, type its ID here once more.",
        ),
        "dry_run": flag_field("Dry run", "Only tell what would be removed; needs no confirmation."),
    }


def read_restore_form(params: Mapping[str, Any], settings: Settings) -> RestoreForm:
    """The form's values, checked once more.

    Raises:
        InputError: everything that is wrong. No value is repeated: it might be an identity.
    """
    trials, _broken = load_trials(settings.trials)
    problems = strangers(params, restore_form([]))
    trial = params.get("trial")
    definition = trials.get(trial) if isinstance(trial, str) else None
    if definition is None:
        problems.append(f"trial: not one of {', '.join(sorted(trials))}")
    subjects = read_subjects(params, definition, problems)
    dry_run = read_flag(params, "dry_run", problems)
    if problems or definition is None:
        raise InputError(*problems)
    return RestoreForm(definition.trial, subjects, dry_run)


def read_cleanup_form(params: Mapping[str, Any], settings: Settings) -> CleanupForm:
    """The form's values, checked once more.

    Raises:
        InputError: everything that is wrong. No value is repeated: it might be an identity.
    """
    trials, _broken = load_trials(settings.trials)
    problems = strangers(params, cleanup_form([]))
    trial, what = params.get("trial") or EVERY_TRIAL, params.get("what") or EXPIRED
    trial = "" if trial == EVERY_TRIAL else trial
    if trial and not (isinstance(trial, str) and trial in trials):
        problems.append(f"trial: not one of {', '.join(sorted(trials))}")
    if what not in (EXPIRED, EVERYTHING):
        problems.append(f"what: neither {EXPIRED} nor {EVERYTHING}")
    elif what == EVERYTHING and not trial:
        problems.append("everything is removed of one trial only: name it")
    dry_run = read_flag(params, "dry_run", problems)
    if what == EVERYTHING and not dry_run and params.get("confirm") != trial:
        problems.append("confirm: type the ID of the trial once more; without that nothing is removed")
    if problems:
        raise InputError(*problems)
    return CleanupForm(trial, what, dry_run)
