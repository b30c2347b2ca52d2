"""Dates, times and date-times: checked, and moved by whole days (PS3.5 6.2; PS3.15 E.3.6 of dates)."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date, timedelta
from functools import lru_cache
from typing import Final

CONSTANTS: Final = frozenset(
    (
        *(b"00010101", b"11111111", b"16010101", b"17530101", b"18581117", b"18991230", b"18991231"),
        *(b"19000101", b"19010101", b"19700101", b"19800101", b"99991231"),
    )
)
"""Dates that stand for no date, among them the first days of the calendars of computers; moving one would tell by how
much dates are moved."""

_FIRST_DAY: Final = b"0101"

_DATE: Final = re.compile(rb"(\d{4})(\d\d)(\d\d)")
_OLD_DATE: Final = re.compile(rb"(\d{4})\.(\d\d)\.(\d\d)")
_TIME: Final = re.compile(rb"([01]\d|2[0-3])([0-5]\d([0-5]\d|60)?)?(\.\d{1,6})?")
_OLD_TIME: Final = re.compile(rb"([01]\d|2[0-3]):([0-5]\d)(:([0-5]\d|60)(\.\d{1,6})?)?")
_DATE_TIME: Final = re.compile(
    rb"(\d{4})((\d\d)((\d\d)(([01]\d|2[0-3])([0-5]\d([0-5]\d|60)?)?(\.\d{1,6})?)?)?)?([+-](0\d|1[0-4])[0-5]\d)?"
)
_Mover = Callable[[bytes, int], bytes | None]

_AGE: Final = re.compile(rb"\d{3}[DWMY]")
_OLDEST: Final = 150
"""Years above which an age is a mistake, or stands for none."""
_DAYS_OF_UNIT: Final = {b"D": 100, b"W": 700, b"M": 3044, b"Y": 36525}
"""Hundredths of days; a month is the twelfth part of a year, rounded up."""


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
    """An AS value, or None if one of its ages is none, or more than a person can reach."""
    ages = [one.strip(b" \0") for one in value.split(b"\\")]
    return b"\\".join(ages) if all(not age or _is_age(age) for age in ages) else None


def _is_age(age: bytes) -> bool:
    return _AGE.fullmatch(age) is not None and _years(age) <= _OLDEST


@lru_cache(maxsize=1024)
def capped_ages(value: bytes, cap: int) -> bytes | None:
    """The ages of an AS value, none above ``cap`` years; None if one of them is no age.

    Who is older becomes ``cap`` + 1, which stands for that age or more.
    """
    checked = checked_ages(value)
    if checked is None:
        return None
    return b"\\".join(b"%03dY" % (cap + 1) if age and _years(age) > cap else age for age in checked.split(b"\\"))


def _years(age: bytes) -> int:
    """Completed years of an age in years, months, weeks or days."""
    return int(age[:3]) * _DAYS_OF_UNIT[age[3:]] // 36525


def kept_year(value: bytes, days: int) -> bytes | None:
    """The year of the one date of a DA value moved by ``days``, as 1 January of that year; None if it is no date.

    1 January, as an earlier step leaves it, stands for the year, which moves from its middle, like any partial date.
    """
    match = _DATE.fullmatch(value) or _OLD_DATE.fullmatch(value)
    day = _day(*match.groups()) if match else None
    if day is None:
        return None
    if not days or _moved(day, 0) in CONSTANTS:
        return b"%04d" % day.year + _FIRST_DAY
    middle = day.replace(month=7, day=1) if (day.month, day.day) == (1, 1) else day
    moved = _moved(middle, days)
    return moved[:4] + _FIRST_DAY if moved else None


def years_between(earlier: bytes, later: bytes) -> int | None:
    """The years from the year of one DA value to that of another; None if one is no date."""
    one, other = as_date(earlier), as_date(later)
    return other.year - one.year if one and other else None


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
    if not days or (text[:precision] + _FIRST_DAY)[:8] in CONSTANTS:
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
