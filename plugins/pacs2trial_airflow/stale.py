"""The subjects for which key tables or data that came unasked woke a trial, as the events say that started its run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

MOST_NAMED = 500
"""Subjects that one event names; more wake the trial for all of them."""


def stale_subjects(events: Mapping[Any, Sequence[Any]] | None) -> tuple[str, ...] | None:
    """The subject keys that all events together name; None when they name none or one event means all.

    Airflow merges events that waited into one run, so all of them count.
    """
    extras = [event.extra or {} for several in (events or {}).values() for event in several]
    lists = [extra.get("subjects") for extra in extras]
    if not lists or any(one is None for one in lists):
        return None
    return tuple(sorted({str(key) for one in lists for key in one or ()}))
