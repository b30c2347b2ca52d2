from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from pydantic import ValidationError

from pacs2trial.network.limits import Limits, Rate
from pacs2trial.network.pace import Pace
from pacs2trial.network.suboperations import never

BERLIN = ZoneInfo("Europe/Berlin")


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=BERLIN)


def opens(hours, text: str) -> str:
    found = Limits.model_validate({"hours": hours}).opens(at(text))
    return f"{found:%a %Y-%m-%d %H:%M}"


# 2026-11-23 is a Monday
@pytest.mark.parametrize(
    ("hours", "now", "expected"),
    [
        ("20:00-06:00", "2026-11-23T12:00", "Mon 2026-11-23 20:00"),
        ("20:00-06:00", "2026-11-23T20:00", "Mon 2026-11-23 20:00"),
        ("20:00-06:00", "2026-11-23T05:59", "Mon 2026-11-23 05:59"),
        ("20:00-06:00", "2026-11-23T06:00", "Mon 2026-11-23 20:00"),
        ("Mon-Fri 20:00-06:00", "2026-11-28T03:00", "Sat 2026-11-28 03:00"),
        ("Mon-Fri 20:00-06:00", "2026-11-28T12:00", "Mon 2026-11-30 20:00"),
        (["Mon-Fri 20:00-06:00", "Sat-Sun 00:00-24:00"], "2026-11-28T12:00", "Sat 2026-11-28 12:00"),
        ("Fri-Mon 01:00-02:00", "2026-11-24T12:00", "Fri 2026-11-27 01:00"),
        ("Mon 12:00-13:00", "2026-11-23T13:00", "Mon 2026-11-30 12:00"),
        ([], "2026-11-23T12:00", "Mon 2026-11-23 12:00"),
        ("02:30-03:30", "2026-03-29T00:00", "Sun 2026-03-29 02:30"),  # an hour that this night lacks
    ],
)
def test_a_transfer_may_run_from_the_next_window_on(hours, now, expected):
    assert opens(hours, now) == expected


@pytest.mark.parametrize(
    "wrong", ["20-6", "20:00", "25:00-06:00", "20:60-21:00", "20:00-20:00", "Mo 20:00-21:00", 20, {"from": "20:00"}]
)
def test_hours_that_are_none_are_refused(wrong):
    with pytest.raises(ValidationError):
        Limits.model_validate({"hours": wrong})


@pytest.mark.parametrize("wrong", [{"instances_per_minute": 0}, {"mb_per_second": -1}, {"associations": 0}, {"per": 1}])
def test_rates_that_are_none_are_refused(wrong):
    with pytest.raises(ValidationError):
        Limits.model_validate({"rate": wrong})


class Clock:
    def __init__(self):
        self.now = 0.0

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def paced(**rate) -> tuple[Pace, Clock]:
    clock = Clock()
    return Pace(Rate(**rate), clock=lambda: clock.now, sleep=clock.sleep), clock


def test_instances_come_no_faster_than_the_rate():
    pace, clock = paced(instances_per_minute=600)
    for _ in range(100):
        pace.spend(1, 500_000, never)
    assert clock.now == pytest.approx(10)


def test_the_slower_of_two_rates_holds():
    pace, clock = paced(instances_per_minute=600, mb_per_second=1)
    for _ in range(10):
        pace.spend(1, 2_000_000, never)
    assert clock.now == pytest.approx(20)


def test_what_a_slow_pacs_took_of_its_own_is_not_waited_for_and_not_caught_up():
    pace, clock = paced(instances_per_minute=60)
    clock.now = 100
    pace.spend(10, 0, never)
    assert clock.now == 100
    for _ in range(5):
        pace.spend(1, 0, never)
    assert clock.now == pytest.approx(105)


def test_a_cancelled_transfer_does_not_wait():
    pace, clock = paced(instances_per_minute=1)
    pace.spend(1, 0, lambda: True)
    assert clock.now == 0


def test_without_a_rate_nothing_waits():
    pace, clock = paced()
    pace.spend(10_000, 10**12, never)
    assert clock.now == 0
