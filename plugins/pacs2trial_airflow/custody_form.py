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
        "subjects": Param(
            [],
            type="array",
            items={"type": "string", "pattern": f"^(?:{SAFE_SUBJECT_KEY.pattern})$"},
            title="Subjects",
            description_md="Subject keys of the trial, one a line. Empty: all.",
        ),
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
        "dry_run": Param(
            False,  # noqa: FBT003 - Param takes its default by position
            type="boolean",
            title="Dry run",
            description_md="Only tell what would be removed.",
        ),
    }


def read_restore_form(params: Mapping[str, Any], settings: Settings) -> RestoreForm:
    """The form's values, checked once more.

    Raises:
        InputError: everything that is wrong. No value is repeated: it might be an identity.
    """
    trials, _broken = load_trials(settings.trials)
    problems = _strangers(params, restore_form([]))
    trial = params.get("trial")
    definition = trials.get(trial) if isinstance(trial, str) else None
    if definition is None:
        problems.append(f"trial: not one of {', '.join(sorted(trials))}")
    subjects = params.get("subjects") or []
    if not isinstance(subjects, list):
        problems.append("subjects: not a list")
        subjects = []
    for number, key in enumerate(subjects, start=1):
        if definition is not None and not (isinstance(key, str) and definition.is_subject_key(key)):
            problems.append(f"subjects, number {number}: not of the form {definition.subject_key}")
    if problems or definition is None:
        raise InputError(*problems)
    return RestoreForm(definition.trial, tuple(dict.fromkeys(subjects)))


def read_cleanup_form(params: Mapping[str, Any], settings: Settings) -> CleanupForm:
    """The form's values, checked once more.

    Raises:
        InputError: everything that is wrong. No value is repeated: it might be an identity.
    """
    trials, _broken = load_trials(settings.trials)
    problems = _strangers(params, cleanup_form([]))
    trial, what, dry_run = params.get("trial") or "", params.get("what") or EXPIRED, params.get("dry_run") or False
    if trial and not (isinstance(trial, str) and trial in trials):
        problems.append(f"trial: not one of {', '.join(sorted(trials))}")
    if what not in (EXPIRED, EVERYTHING):
        problems.append(f"what: neither {EXPIRED} nor {EVERYTHING}")
    elif what == EVERYTHING and not trial:
        problems.append("everything is removed of one trial only: name it")
    if not isinstance(dry_run, bool):
        problems.append("dry_run: neither true nor false")
    if problems:
        raise InputError(*problems)
    return CleanupForm(trial, what, dry_run)


def _strangers(params: Mapping[str, Any], known: Mapping[str, Param]) -> list[str]:
    strangers = len(set(params) - set(known))
    return [f"{strangers} field(s) that the trigger form does not have; it has {', '.join(known)}"] * bool(strangers)
