"""Dates that move by whole days leave the clock alone: over midnight, and when summer time begins or ends."""

from __future__ import annotations

import time
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from pydicom.dataset import Dataset

from pacs2trial.deidentify.dates import checked_date_times, checked_dates
from support.objects import ct_slice
from support.stages import SHIFT, both_stages, reread

BERLIN = ZoneInfo("Europe/Berlin")
SPRING, AUTUMN = date(2019, 3, 31), date(2019, 10, 27)
"""On which clocks went from 2 to 3, and from 3 to 2 o'clock."""

NIGHTS = [
    ("20190330233000+0100", "20190331031500+0200", timedelta(hours=2, minutes=45)),
    ("20191026233000+0200", "20191027021500+0200", timedelta(hours=2, minutes=45)),
    ("20191026233000+0200", "20191027021500+0100", timedelta(hours=3, minutes=45)),
    ("20191231235959.5-0500", "20200101000000.5-0500", timedelta(seconds=1)),
]


def moved(text: str, days: int = SHIFT) -> str:
    value = checked_date_times(text.encode(), days)
    assert value is not None
    return value.decode()


def instant(text: str) -> datetime:
    fraction = ".%f" if "." in text else ""
    return datetime.strptime(text, f"%Y%m%d%H%M%S{fraction}%z")


@pytest.mark.parametrize("days", [SHIFT, 1, -1, 213, -3650])
@pytest.mark.parametrize(("begin", "end", "apart"), NIGHTS)
def test_what_lies_between_two_instants_stays_exact(begin: str, end: str, apart: timedelta, days: int) -> None:
    assert instant(end) - instant(begin) == apart
    assert instant(moved(end, days)) - instant(moved(begin, days)) == apart


@pytest.mark.parametrize("changes", [SPRING, AUTUMN])
@pytest.mark.parametrize("days", [SHIFT, 1, 150])
def test_the_clock_on_the_wall_and_its_zone_stay(changes: date, days: int) -> None:
    """A day that moves onto a change of the clocks, or away from it, is no hour longer or shorter."""
    for day in (changes, changes - timedelta(days), changes - timedelta(days + 1)):
        for hour in range(24):
            zone = datetime(day.year, day.month, day.day, hour, tzinfo=BERLIN).strftime("%z")
            text = f"{day:%Y%m%d}{hour:02d}3000{zone}"
            assert moved(text, days) == f"{day + timedelta(days):%Y%m%d}{hour:02d}3000{zone}"


def test_an_hour_that_a_clock_never_showed_is_left_as_it_is() -> None:
    assert moved("20190507023000", (SPRING - date(2019, 5, 7)).days) == "20190331023000"


def over_midnight(day: date) -> Dataset:
    """An examination that begins on the evening before ``day`` and ends in its night."""
    ds = ct_slice()
    before = day - timedelta(1)
    ds.StudyDate, ds.StudyTime = f"{before:%Y%m%d}", "233000"
    ds.SeriesDate, ds.SeriesTime = f"{before:%Y%m%d}", "235959.999999"
    ds.AcquisitionDate, ds.AcquisitionTime = f"{day:%Y%m%d}", "000000"
    ds.ContentDate, ds.ContentTime = f"{day:%Y%m%d}", "031500"
    ds.AcquisitionDateTime = f"{day:%Y%m%d}000000.000000+0100"
    ds.TimezoneOffsetFromUTC = "+0100"
    return ds


PAIRS = ("Study", "Series", "Acquisition", "Content")


def pairs(ds: Dataset) -> list[datetime]:
    texts = [f"{ds[one + 'Date'].value}{str(ds[one + 'Time'].value)[:6]}" for one in PAIRS]
    return [datetime.strptime(text, "%Y%m%d%H%M%S") for text in texts]  # noqa: DTZ007 - DA and TM have no zone


@pytest.mark.parametrize("day", [SPRING, AUTUMN, date(2020, 1, 1), date(2020, 3, 1)])
def test_dates_and_times_over_midnight_keep_their_order_and_distance(day: date) -> None:
    ds = over_midnight(day)
    found = reread(both_stages(ds, "retain_modified_dates"))
    assert pairs(found) == [one + timedelta(SHIFT) for one in pairs(ds)]
    assert [found[f"{one}Time"].value for one in PAIRS] == [ds[f"{one}Time"].value for one in PAIRS]
    assert found.AcquisitionDateTime == f"{day + timedelta(SHIFT):%Y%m%d}000000.000000+0100"
    assert found.TimezoneOffsetFromUTC == "+0100"


def test_the_zone_of_the_machine_does_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    found = set()
    for zone in ("UTC", "Europe/Berlin", "Pacific/Kiritimati", "America/Sao_Paulo"):
        monkeypatch.setenv("TZ", zone)
        time.tzset()
        checked_dates.cache_clear()
        checked_date_times.cache_clear()
        found.add((checked_dates(b"20190331", SHIFT), moved("20190331013000+0100"), moved("20190331")))
    monkeypatch.undo()
    time.tzset()
    assert found == {(b"20190222", "20190222013000+0100", "20190222")}
