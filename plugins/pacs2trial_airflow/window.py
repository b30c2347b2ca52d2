"""What a run covers: which study dates it looks for."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from pacs2trial.errors import InputError


class Origin(StrEnum):
    """Who said what a run covers, in order of precedence."""

    FORM = "trigger form"
    INTERVAL = "interval of the backfill"
    NIGHTLY = "nightly, reconciled over the whole period"
    WHOLE_PERIOD = "whole period"


@dataclass(frozen=True)
class Window:
    """The study dates of one run, both ends included; ``None`` leaves an end open.

    A window limits which studies are looked for, never what a package holds.
    """

    origin: Origin
    date_from: date | None = None
    date_to: date | None = None

    @property
    def whole(self) -> bool:
        """Whether it is open at both ends."""
        return self.date_from is None and self.date_to is None

    @property
    def empty(self) -> bool:
        """Whether no date falls into it, as in all but one of the intervals of an hourly schedule."""
        return self.date_from is not None and self.date_to is not None and self.date_to < self.date_from

    def __str__(self) -> str:
        if self.whole:
            return str(self.origin)
        return f"study dates {self.date_from or 'any'} to {self.date_to or 'any'} ({self.origin})"


def covered(
    run_type: str,
    interval: tuple[datetime | None, datetime | None],
    zone: ZoneInfo,
    *,
    date_from: date | None = None,
    date_to: date | None = None,
) -> Window:
    """Resolve what a run covers: the form, else the interval of a backfill, else everything.

    A scheduled run covers everything as well: late series of old studies, late enrolment and corrections are found
    only by comparing every enrolled subject with the ledger, and one C-FIND per patient ID costs the same with a
    date range as without.

    Args:
        run_type: Airflow's, such as ``manual``, ``scheduled``, ``backfill``, ``asset_triggered``.
        interval: start and end of the run's data interval; the end does not belong to it. Manual runs have none.
        zone: the site's time zone; a study date is a day there.
        date_from: first study date that the trigger form asks for.
        date_to: last one.

    Raises:
        InputError: the form's dates are the wrong way round.
    """
    if date_from or date_to:
        if date_from and date_to and date_to < date_from:
            raise InputError(f"date_to {date_to} is before date_from {date_from}")
        return Window(Origin.FORM, date_from, date_to)
    start, end = interval
    if run_type == "backfill" and start is not None and end is not None:
        return Window(Origin.INTERVAL, *days_of(start, end, zone))
    return Window(Origin.NIGHTLY if run_type == "scheduled" else Origin.WHOLE_PERIOD)


def days_of(start: datetime, end: datetime, zone: ZoneInfo) -> tuple[date, date]:
    """First and last day for which an interval answers: those that begin in [start's day, end's day).

    The interval from D 02:00 to D+1 02:00 answers for D. Consecutive intervals answer for each day once, whatever
    their length and whatever the clocks do; an interval inside one day answers for none (last before first).
    """
    return start.astimezone(zone).date(), end.astimezone(zone).date() - timedelta(days=1)
