"""Dates, times and date-times: checked, and moved by whole days (PS3.5 6.2; PS3.15 E.3.6 of dates)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

CONSTANTS: Final = frozenset((b"19000101",))
"""Dates that stand for no date; moving one would tell by how much dates are moved."""

_DATE: Final = re.compile(rb"(\d{4})(\d\d)(\d\d)")
_OLD_DATE: Final = re.compile(rb"(\d{4})\.(\d\d)\.(\d\d)")
_TIME: Final = re.compile(rb"([01]\d|2[0-3])([0-5]\d([0-5]\d|60)?)?(\.\d{1,6})?")
_OLD_TIME: Final = re.compile(rb"([01]\d|2[0-3]):([0-5]\d)(:([0-5]\d|60)(\.\d{1,6})?)?")
_DATE_TIME: Final = re.compile(
    rb"(\d{4})((\d\d)((\d\d)(([01]\d|2[0-3])([0-5]\d([0-5]\d|60)?)?(\.\d{1,6})?)?)?)?([+-](0\d|1[0-4])[0-5]\d)?"
)
_Mover = Callable[[bytes, int], bytes | None]

_AGE: Final = re.compile(rb"\d{3}[DWMY]")


@lru_cache(maxsize=4096)
def checked_dates(value: bytes, days: int) -> bytes | None:
    """The dates of a DA value moved by ``days``; None if one of them is no date.

    The form of ACR-NEMA, ``1994.01.02``, is turned into ``19940102``.
    """
    return _each(value, days, _moved_date)


@lru_cache(maxsize=4096)
def checked_date_times(value: bytes, days: int) -> bytes | None:
    """The same for a DT value: precision, fraction and zone stay as they are."""
    return _each(value, days, _moved_date_time)


@lru_cache(maxsize=4096)
def checked_times(value: bytes) -> bytes | None:
    """A TM value, or None if it is none. The form of ACR-NEMA, ``10:20:30``, is turned into ``102030``."""
    times = []
    for one in value.split(b"\\"):
        text = one.strip(b" \0")
        if _OLD_TIME.fullmatch(text):
            text = text.replace(b":", b"")
        elif text and not _TIME.fullmatch(text):
            return None
        times.append(text)
    return b"\\".join(times)


@lru_cache(maxsize=1024)
def checked_ages(value: bytes) -> bytes | None:
    ages = [one.strip(b" \0") for one in value.split(b"\\")]
    return b"\\".join(ages) if all(not age or _AGE.fullmatch(age) for age in ages) else None


def as_date(value: bytes) -> date | None:
    """The one date of a DA value."""
    match = _DATE.fullmatch(value.strip(b" \0"))
    return _day(*match.groups()) if match else None


def _each(value: bytes, days: int, moved: _Mover) -> bytes | None:
    results = []
    for one in value.split(b"\\"):
        text = one.strip(b" \0")
        result = moved(text, days) if text else b""
        if result is None:
            return None
        results.append(result)
    return b"\\".join(results)


def _moved_date(text: bytes, days: int) -> bytes | None:
    match = _DATE.fullmatch(text) or _OLD_DATE.fullmatch(text)
    day = _day(*match.groups()) if match else None
    if day is None:
        return None
    plain = _moved(day, 0)
    return plain if plain in CONSTANTS else _moved(day, days)


def _moved_date_time(text: bytes, days: int) -> bytes | None:
    """A partial date is moved from the middle of the month or year that it names."""
    match = _DATE_TIME.fullmatch(text)
    if match is None:
        return None
    year, month, day_of_month = match[1], match[3], match[5]
    day = _day(year, month or b"07", day_of_month or (b"15" if month else b"01"))
    if day is None:
        return None
    precision = 4 + len(month or b"") + len(day_of_month or b"")
    if text[:8] in CONSTANTS or not days:
        return text
    shifted = _moved(day, days)
    return shifted[:precision] + text[precision:] if shifted else None


def _moved(day: date, days: int) -> bytes | None:
    try:
        shifted = day + timedelta(days)
    except OverflowError:
        return None
    return b"%04d%02d%02d" % (shifted.year, shifted.month, shifted.day)


def _day(year: bytes, month: bytes, day: bytes) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None
