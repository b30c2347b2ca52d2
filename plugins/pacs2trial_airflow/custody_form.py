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
from pacs2trial_airflow.fields import flag_field, read_flag, read_subjects, strangers, subjects_field

RESTORE, CLEANUP = "restore", "cleanup"
EXPIRED, EVERYTHING = "expired", "everything"


@dataclass(frozen=True)
class RestoreForm:
    """What a person asked for. ``subjects`` empty means all of the trial."""

    trial: str
    subjects: tuple[str, ...]


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
    }


def cleanup_form(trials: Sequence[str]) -> dict[str, Param]:
    """The fields of the form of ``cleanup``."""
    return {
        "trial": Param(
            None,
            type=["null", "string"],
            enum=[None, *trials],
            title="Trial",
            description_md="Empty: every trial whose definition has a `retention`.",
        ),
        "what": Param(
            EXPIRED,
            type="string",
            enum=[EXPIRED, EVERYTHING],
            title="What",
            description_md="Only what is older than the definition's `retention`, or everything of the trial.",
        ),
        "dry_run": flag_field("Dry run", "Only tell what would be removed."),
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
    if problems or definition is None:
        raise InputError(*problems)
    return RestoreForm(definition.trial, subjects)


def read_cleanup_form(params: Mapping[str, Any], settings: Settings) -> CleanupForm:
    """The form's values, checked once more.

    Raises:
        InputError: everything that is wrong. No value is repeated: it might be an identity.
    """
    trials, _broken = load_trials(settings.trials)
    problems = strangers(params, cleanup_form([]))
    trial, what = params.get("trial") or "", params.get("what") or EXPIRED
    if trial and not (isinstance(trial, str) and trial in trials):
        problems.append(f"trial: not one of {', '.join(sorted(trials))}")
    if what not in (EXPIRED, EVERYTHING):
        problems.append(f"what: neither {EXPIRED} nor {EVERYTHING}")
    elif what == EVERYTHING and not trial:
        problems.append("everything is removed of one trial only: name it")
    dry_run = read_flag(params, "dry_run", problems)
    if problems:
        raise InputError(*problems)
    return CleanupForm(trial, what, dry_run)
