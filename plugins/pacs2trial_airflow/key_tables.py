"""The DAG that imports key tables: what it is, its form, and reading that back."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from airflow.sdk import DAG, Param, get_parsing_context

from pacs2trial.errors import InputError
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial_airflow.fields import TRIAL_ID, flag_field, lines_field, read_flag, strangers
from pacs2trial_airflow.trials import examined_trials

DAG_ID = "key_tables"


@dataclass(frozen=True)
class KeyForm:
    """What a person asked for. ``trials`` empty means all."""

    trials: tuple[str, ...] = ()
    accept_corrections: bool = False
    dry_run: bool = False


def key_tables_dag() -> DAG:
    """The DAG, still without steps. It runs when a person starts it: nobody else can say that a withdrawal is meant."""
    return DAG(
        dag_id=DAG_ID,
        description="Import key tables",
        doc_md=DESCRIPTION,
        schedule=None,
        catchup=False,
        max_active_runs=1,
        params=key_form(),
        tags=["pacs2trial"],
        default_args={"owner": "pacs2trial", "retries": 2, "retry_delay": timedelta(minutes=1)},
    )


def trials_with_keys() -> Iterator[TrialDefinition]:
    """The sound definitions; none for a task of another DAG."""
    if get_parsing_context().dag_id in (None, DAG_ID):
        yield from examined_trials()[0]


def key_form() -> dict[str, Param]:
    """The fields of the trigger form; none of them can hold an identity."""
    return {
        "trials": lines_field("Trials", TRIAL_ID, "Trial IDs, one a line. Empty: all."),
        "accept_corrections": flag_field(
            "Corrections accepted",
            "Import also a table that changes or withdraws subjects; a run without it tells which.",
        ),
        "dry_run": flag_field("Dry run", "Only tell what an import would change."),
    }


def read_key_form(params: Mapping[str, Any]) -> KeyForm:
    """The form's values, checked once more: Airflow lets unknown fields pass.

    Raises:
        InputError: everything that is wrong; no value is repeated.
    """
    problems = strangers(params, key_form())
    trials = params.get("trials") or []
    if not isinstance(trials, list) or not all(
        isinstance(one, str) and re.fullmatch(f"({TRIAL_ID})?", one) for one in trials
    ):
        problems.append("trials: not a list of trial IDs")
        trials = []
    accepted = read_flag(params, "accept_corrections", problems)
    dry_run = read_flag(params, "dry_run", problems)
    if problems:
        raise InputError(*problems)
    return KeyForm(tuple(filter(None, trials)), accept_corrections=accepted, dry_run=dry_run)


DESCRIPTION = """\
### Import of key tables

One step for each trial reads its key table, from the file or the query that its definition names, checks it as a whole
and takes it into the vault. A table with faults fails its step; the log names rows and columns, never what stands in
them. A table without changes skips it. One that changes or withdraws subjects waits until the import is started with
*corrections accepted*. A *dry run* only tells what would change.

A changed table wakes the trial: its next run makes anew exactly the subjects that changed.
"""
