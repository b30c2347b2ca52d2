"""Telling people how a run ended, through whatever notifiers of Airflow the definition or the site names.

What is told are counts and subject keys. A notifier that fails is logged and changes nothing about the run.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, cast

from airflow.sdk.bases.notifier import BaseNotifier

from pacs2trial import settings as environment
from pacs2trial.errors import Pacs2TrialError
from pacs2trial.trials.load import load_trial
from pacs2trial.trials.notices import Notice, Occasion, site_notices

if TYPE_CHECKING:
    from airflow.sdk import Context

SUMMARY = "summary"
"""XCom of the step ``balance``: the summary of the run, a text."""

SCHEDULED = "scheduled"

_log = logging.getLogger(__name__)


def tell_end(context: Context) -> None:
    """Callback of the step ``balance`` in Airflow, whatever it ended with: tell those who asked for it."""
    ti = context["ti"]
    trial = str(getattr(ti.task, "trial", ""))
    text = ti.xcom_pull(task_ids=ti.task_id, key=SUMMARY) or "There is no balance; the log of the run says why."
    failed = context.get("exception") is not None
    waits = ti.xcom_pull(task_ids=ti.task_id, key=Occasion.HELD.value)
    occasion = Occasion.FAILED if failed else Occasion.HELD if waits else Occasion.DONE
    if failed:
        text = f"{text}\n{context['exception']}"
    for notifier, said in _chosen(trial, occasion, str(text), dict(context)):
        try:
            notifier(said)
        except Exception as error:  # noqa: BLE001 - a mail that cannot be sent is no reason to fail
            _log.error("%s could not tell of the run: %s", type(notifier).__name__, type(error).__name__)


async def tell_late(trial: str, context: Mapping[str, Any] | None = None) -> int:
    """Callback of the deadline in Airflow's triggerer: tell those who asked that a scheduled run is late.

    Runs that a person or a backfill started may take as long as they like.

    Returns:
        how many notifiers were used.
    """
    said = dict(context or {})
    run = said.get("dag_run") or {}
    if run.get("run_type") != SCHEDULED:
        return 0
    text = f"Trial {trial}: the scheduled run has not ended by {said.get('deadline', {}).get('deadline_time', 'now')}."
    _log.warning("%s", text)
    told = 0
    for notifier, values in _chosen(trial, Occasion.LATE, text, said):
        try:
            if type(notifier).async_notify is BaseNotifier.async_notify:
                await asyncio.to_thread(notifier, values)
            else:
                notifier.context = values
                await notifier
        except Exception as error:  # noqa: BLE001 - the next one shall be told all the same
            _log.error("%s could not tell that the run is late: %s", type(notifier).__name__, type(error).__name__)
        else:
            told += 1
    return told


def _chosen(
    trial: str, occasion: Occasion, text: str, context: dict[str, Any]
) -> Iterator[tuple[BaseNotifier, Context]]:
    """The notifiers for an occasion, each with the values that its texts may name."""
    settings = environment.load()
    try:
        notices = (*load_trial(settings.trials, trial).notify, *site_notices(settings.notify))
    except Pacs2TrialError as error:
        _log.error("nobody can be told: %s", error)
        return
    for notice in notices:
        if occasion in notice.when:
            try:
                notifier = made(notice)
            except Exception as error:  # noqa: BLE001 - as above; its text may quote the arguments
                _log.error("notify: %s cannot be made: %s", notice.by, type(error).__name__)
                continue
            values = {**context, "trial": trial, "occasion": occasion.value, "summary": text}
            yield notifier, cast("Context", values)


def made(notice: Notice) -> BaseNotifier:
    """The notifier that a notice names.

    Raises:
        ImportError, AttributeError: there is no such class; its provider is not installed.
        TypeError: it is no notifier, or does not take these arguments.
    """
    module, _, name = notice.by.rpartition(".")
    found = getattr(import_module(module), name)
    if not (isinstance(found, type) and issubclass(found, BaseNotifier)):
        raise TypeError(f"{notice.by} is no notifier of Airflow")
    return found(**notice.arguments)
