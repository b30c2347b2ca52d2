"""What a run covers."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs2trial.errors import InputError
from pacs2trial_airflow.window import Origin, Window, covered, days_of

LONDON = ZoneInfo("Europe/London")
NIGHT = (datetime(2026, 3, 1, 2, tzinfo=LONDON), datetime(2026, 3, 2, 2, tzinfo=LONDON))


def test_the_interval_from_two_to_two_answers_for_the_day_it_begins_on():
    assert days_of(*NIGHT, LONDON) == (date(2026, 3, 1), date(2026, 3, 1))


def test_a_day_is_a_day_of_the_site_and_not_of_utc():
    auckland = ZoneInfo("Pacific/Auckland")
    start = datetime(2026, 3, 1, 2, tzinfo=auckland)

    assert days_of(start.astimezone(UTC), (start + timedelta(days=1)).astimezone(UTC), auckland) == (
        date(2026, 3, 1),
        date(2026, 3, 1),
    )


@given(
    start=st.timedeltas(timedelta(0), timedelta(days=3650)).map(lambda since: datetime(2020, 1, 1, tzinfo=UTC) + since),
    steps=st.lists(st.timedeltas(timedelta(minutes=1), timedelta(days=40)), min_size=1, max_size=60),
    zone=st.sampled_from([LONDON, ZoneInfo("Pacific/Auckland"), ZoneInfo("America/St_Johns"), ZoneInfo("UTC")]),
)
def test_consecutive_intervals_answer_for_each_day_once(start: datetime, steps: list[timedelta], zone: ZoneInfo):
    days: list[date] = []
    at = start
    for step in steps:
        first, last = days_of(at, at + step, zone)
        days += [first + timedelta(days=n) for n in range((last - first).days + 1)]
        at += step

    first, end = start.astimezone(zone).date(), at.astimezone(zone).date()
    assert days == [first + timedelta(days=n) for n in range((end - first).days)]


def test_nights_with_a_clock_change_answer_for_one_day_each():
    changes = [date(2026, 3, 28), date(2026, 3, 29), date(2026, 10, 24), date(2026, 10, 25)]

    for day in changes:
        start = datetime(day.year, day.month, day.day, 2, tzinfo=LONDON)
        after = day + timedelta(days=1)
        end = datetime(after.year, after.month, after.day, 2, tzinfo=LONDON)
        assert days_of(start.astimezone(UTC), end.astimezone(UTC), LONDON) == (day, day)


def test_the_form_goes_before_the_interval():
    window = covered("backfill", NIGHT, LONDON, date_from=date(2025, 1, 1), date_to=date(2025, 1, 31))

    assert window == Window(Origin.FORM, date(2025, 1, 1), date(2025, 1, 31))


def test_a_form_with_one_date_leaves_the_other_end_open():
    assert covered("manual", (None, None), LONDON, date_to=date(2025, 1, 31)) == Window(
        Origin.FORM, None, date(2025, 1, 31)
    )


def test_a_form_with_dates_the_wrong_way_round_is_refused():
    with pytest.raises(InputError, match="date_to 2025-01-01 is before date_from 2025-02-01"):
        covered("manual", (None, None), LONDON, date_from=date(2025, 2, 1), date_to=date(2025, 1, 1))


def test_a_backfill_covers_its_interval():
    assert covered("backfill", NIGHT, LONDON) == Window(Origin.INTERVAL, date(2026, 3, 1), date(2026, 3, 1))


def test_a_nightly_run_covers_everything_so_that_late_series_and_late_enrolment_are_found():
    assert covered("scheduled", NIGHT, LONDON).whole


@pytest.mark.parametrize("run_type", ["manual", "asset_triggered"])
def test_a_run_without_interval_covers_everything(run_type: str):
    assert covered(run_type, (None, None), LONDON) == Window(Origin.WHOLE_PERIOD)


def test_a_manual_run_that_was_given_an_interval_covers_everything():
    assert covered("manual", NIGHT, LONDON).whole


def test_an_interval_within_a_day_covers_nothing():
    hour = (datetime(2026, 3, 1, 2, tzinfo=LONDON), datetime(2026, 3, 1, 3, tzinfo=LONDON))

    assert covered("backfill", hour, LONDON).empty
    assert not covered("backfill", NIGHT, LONDON).empty
