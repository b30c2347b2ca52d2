"""When, how fast and how much at once a PACS may be asked to send, as its connection says."""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_DAY = "|".join(_DAYS)
_HOURS = re.compile(rf"(?:(?P<first>{_DAY})(?:-(?P<last>{_DAY}))? )?(?P<begin>\d\d:\d\d)-(?P<end>\d\d:\d\d)")
_WEEK = 7


class Hours(BaseModel):
    """One window: the weekdays on which it opens (0 is Monday), when, and for how long."""

    model_config = ConfigDict(frozen=True)

    days: frozenset[int]
    begin: time
    length: timedelta

    @classmethod
    def parse(cls, text: str) -> Self:
        """``20:00-06:00``, ``Mon-Fri 20:00-06:00`` or ``Sun 00:00-24:00``; an earlier end is on the next day.

        Raises:
            ValueError: another form, or a time that no clock shows.
        """
        found = _HOURS.fullmatch(text.strip())
        if found is None:
            raise ValueError(f"{text!r} are no hours; write '20:00-06:00' or 'Sat-Sun 00:00-24:00'")
        begin, end = (_since_midnight(found[name]) for name in ("begin", "end"))
        if begin == timedelta(days=1) or begin == end:
            raise ValueError(f"{text!r} are no hours; a window begins before 24:00 and ends at another time")
        first = _DAYS.index(found["first"]) if found["first"] else 0
        last = _DAYS.index(found["last"]) if found["last"] else first if found["first"] else _WEEK - 1
        days = frozenset((first + step) % _WEEK for step in range((last - first) % _WEEK + 1))
        length = end - begin if end > begin else end - begin + timedelta(days=1)
        return cls(days=days, begin=time(begin.seconds // 3600, begin.seconds // 60 % 60), length=length)


def _since_midnight(text: str) -> timedelta:
    hours, minutes = map(int, text.split(":"))
    found = timedelta(hours=hours, minutes=minutes)
    if minutes > 59 or found > timedelta(days=1):  # minutes of an hour
        raise ValueError(f"{text} is no time of day")
    return found


class Rate(BaseModel):
    """How much of a PACS a transfer may take; None: as much as it gives."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    instances_per_minute: Annotated[float, Field(gt=0)] | None = None
    mb_per_second: Annotated[float, Field(gt=0)] | None = None
    associations: Annotated[int, Field(ge=1)] | None = None
    """Transfers at the same time, over all workers that share the vault."""


def _windows(value: Any) -> Any:
    texts = [value] if isinstance(value, str) else value
    return [Hours.parse(one) if isinstance(one, str) else one for one in texts] if isinstance(texts, list) else value


class Limits(BaseModel):
    """What the extra of a connection says of sparing the PACS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hours: Annotated[tuple[Hours, ...], BeforeValidator(_windows)] = Field(
        (), description="when transfers may run, in the site's time zone; always when empty"
    )
    rate: Rate = Field(Rate(), description="how fast, and how many at once")
    maximum_matches: Annotated[int, Field(ge=1)] | None = Field(
        None, description="answers after which the PACS ends a C-FIND without saying so"
    )

    @model_validator(mode="after")
    def _a_cap_leaves_room(self) -> Self:
        if self.maximum_matches == 1:
            raise ValueError("maximum_matches of 1 leaves no list to ask for")
        return self

    def opens(self, at: datetime) -> datetime:
        """The moment from ``at`` on at which transfers may run; ``at`` itself while a window is open.

        Args:
            at: an aware moment in the site's time zone.
        """
        if not self.hours or any(_is_open(window, at) for window in self.hours):
            return at
        return min(_next_opening(window, at) for window in self.hours)


def _opening(window: Hours, day: date, at: datetime) -> datetime:
    return datetime.combine(day, window.begin, at.tzinfo)


def _is_open(window: Hours, at: datetime) -> bool:
    """By the clock on the wall, so that a change of clocks moves no window."""
    wall = at.replace(tzinfo=None)
    for day in (wall.date(), wall.date() - timedelta(days=1)):
        begins = datetime.combine(day, window.begin)
        if day.weekday() in window.days and begins <= wall < begins + window.length:
            return True
    return False


def _next_opening(window: Hours, at: datetime) -> datetime:
    days = (at.date() + timedelta(days=step) for step in range(_WEEK + 1))
    return next(opening for day in days if day.weekday() in window.days and (opening := _opening(window, day, at)) > at)
