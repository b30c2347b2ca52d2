"""The fields that several trigger forms have, and reading them back.

Airflow checks a form before it stores a run, so that a hospital ID typed as a subject key is refused while it is still
nowhere in Airflow's database. What it lets pass (unknown fields, a line break behind a key) is refused here; no message
repeats a value, because it might be an identity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from airflow.sdk import Param

from pacs2trial.trials.definition import TrialDefinition

TRIAL_ID = "[A-Z0-9_-]{1,32}"


def subjects_field(pattern: str, description: str) -> Param:
    """Subject keys of the form ``pattern``, one a line."""
    return lines_field("Subjects", pattern, description)


def lines_field(title: str, pattern: str, description: str) -> Param:
    """Values of the form ``pattern``, one a line. Airflow's form makes null of an emptied field, and an empty value of
    the end of a last line.
    """
    return Param(
        [],
        type=["null", "array"],
        items={"type": "string", "pattern": f"^(?:{pattern})?$"},
        title=title,
        description_md=description,
    )


def flag_field(title: str, description: str) -> Param:
    """A box to tick, empty at first. Without null among its types Airflow's form would mark it as one to be filled."""
    return Param(False, type=["null", "boolean"], title=title, description_md=description)  # noqa: FBT003 - its default


def read_subjects(
    params: Mapping[str, Any], definition: TrialDefinition | None, problems: list[str]
) -> tuple[str, ...]:
    """The subject keys of ``subjects``, each once; what is wrong is added to ``problems``.

    Args:
        params: the form.
        definition: of the trial whose keys they must be; None where it is unknown, which is a problem already.
        problems: of the form so far.
    """
    subjects = params.get("subjects") or []
    if not isinstance(subjects, list):
        problems.append("subjects: not a list")
        return ()
    for number, key in enumerate(subjects, start=1):
        if definition is not None and key != "" and not (isinstance(key, str) and definition.is_subject_key(key)):
            problems.append(f"subjects, number {number}: not of the form {definition.subject_key}")
    return () if problems else tuple(filter(None, dict.fromkeys(subjects)))


def read_flag(params: Mapping[str, Any], name: str, problems: list[str]) -> bool:
    """Whether the box ``name`` is ticked; anything else than yes or no is added to ``problems``."""
    value = params.get(name) or False
    if not isinstance(value, bool):
        problems.append(f"{name}: neither true nor false")
        return False
    return value


def strangers(params: Mapping[str, Any], known: Mapping[str, Param]) -> list[str]:
    """The problem with fields that the form does not have; empty if there is none."""
    number = len(set(params) - set(known))
    return [f"{number} field(s) that the trigger form does not have; it has {', '.join(known)}"] * bool(number)
