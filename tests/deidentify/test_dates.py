"""Dates are kept, moved by whole days or removed; intervals stay exact."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs2trial.deidentify.dates import checked_ages, checked_date_times, checked_dates, checked_times
from support.objects import ct_slice, encoded, raw_element, with_raw
from support.stages import SHIFT, both_stages, file_of, reread, stage1, stage2


@pytest.mark.parametrize(
    ("value", "days", "moved"),
    [
        (b"20190312", -37, b"20190203"),
        (b"20200228", 1, b"20200229"),
        (b"20000101", -1, b"19991231"),
        (b"18891231", 1, b"18900101"),
        (b"19000101", 5, b"19000101"),
        (b"20190312\\20190313", 1, b"20190313\\20190314"),
        (b"20190312\\", 1, b"20190313\\"),
        (b"1994.01.02", 1, b"19940103"),
        (b"1994.01.02", 0, b"19940102"),
        (b"", 3, b""),
        (b"20190230", 1, None),
        (b"2019031", 1, None),
        (b"20190312-20190401", 1, None),
        (b"ZZPHI", 0, None),
        (b"00010102", -5, None),
        (b"99991230", 5, None),
        (b"99991231", 5, b"99991231"),
        (b"19700101", 5, b"19700101"),
        (b"18581117", 5, b"18581117"),
    ],
)
def test_dates(value: bytes, days: int, moved: bytes | None) -> None:
    assert checked_dates(value, days) == moved


@pytest.mark.parametrize(
    ("value", "days", "moved"),
    [
        (b"20190312101500.123456+0100", -37, b"20190203101500.123456+0100"),
        (b"20190312101500", 1, b"20190313101500"),
        (b"2019031210", 1, b"2019031310"),
        (b"20190312", 1, b"20190313"),
        (b"201903", 40, b"201904"),
        (b"2019", 400, b"2020"),
        (b"1900", 400, b"1900"),
        (b"190001", 40, b"190001"),
        (b"2019-0500", 1, b"2019-0500"),
        (b"20190312101500\\20190313", 1, b"20190313101500\\20190314"),
        (b"19000101000000", 7, b"19000101000000"),
        (b"20191312", 1, None),
        (b"20190312256100", 1, None),
        (b"20190312101500ZZPHI", 0, None),
    ],
)
def test_date_times(value: bytes, days: int, moved: bytes | None) -> None:
    assert checked_date_times(value, days) == moved


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"101500", b"101500"),
        (b"10", b"10"),
        (b"101500.123456", b"101500.123456"),
        (b"235960", b"235960"),
        (b"10:20:30", b"102030"),
        (b"101500\\111500", b"101500\\111500"),
        (b"240000", None),
        (b"ZZPHI", None),
        (b"19610407", None),
    ],
)
def test_times(value: bytes, kept: bytes | None) -> None:
    assert checked_times(value) == kept


@pytest.mark.parametrize(("value", "kept"), [(b"057Y", b"057Y"), (b"57Y", None), (b"ZZPH", None), (b"", b"")])
def test_ages(value: bytes, kept: bytes | None) -> None:
    assert checked_ages(value) == kept


@given(
    st.dates(date(1905, 1, 1), date(2090, 1, 1)),
    st.dates(date(1905, 1, 1), date(2090, 1, 1)),
    st.integers(-3650, 3650),
)
def test_intervals_are_exact(one: date, two: date, days: int) -> None:
    moved = [checked_dates(f"{day:%Y%m%d}".encode(), days) for day in (one, two)]
    parsed = [date.fromisoformat(value.decode()) for value in moved if value]
    assert parsed == [one + timedelta(days), two + timedelta(days)]


def test_staging_keeps_dates_and_times() -> None:
    found = reread(stage1(ct_slice()))
    assert (found.StudyDate, found.StudyTime, found.SeriesDate) == ("20190312", "101500", "20190312")
    assert found.LongitudinalTemporalInformationModified == "UNMODIFIED"


def test_a_trial_moves_every_date_by_the_same_days() -> None:
    ds = ct_slice()
    ds.AcquisitionDateTime = "20190312101500.5+0100"
    ds.ExpirationDateTime = "20190312"  # not in the table: by VR
    ds.TimezoneOffsetFromUTC = "+0100"
    found = reread(both_stages(ds, "retain_modified_dates"))
    moved = f"{date(2019, 3, 12) + timedelta(SHIFT):%Y%m%d}"
    assert (found.StudyDate, found.SeriesDate, found.ContentDate) == (moved, moved, moved)
    assert found.AcquisitionDateTime == f"{moved}101500.5+0100"
    assert found.StudyTime == "101500"
    assert found.TimezoneOffsetFromUTC == "+0100"
    assert found.LongitudinalTemporalInformationModified == "MODIFIED"


def test_without_an_option_dates_go_as_the_table_says() -> None:
    found = reread(both_stages(ct_slice()))
    assert found.StudyDate == ""
    assert "SeriesDate" not in found  # Type 3
    assert found.ContentDate == ""  # Type 2C
    assert found.LongitudinalTemporalInformationModified == "REMOVED"
    assert b"20190312" not in file_of(both_stages(ct_slice()))


def test_the_version_of_a_code_set_does_not_betray_the_shift() -> None:
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    ds = ct_slice()
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "T-28000", "SRT", "Lung"
    code.ContextGroupVersion = "20100317"
    ds.AnatomicRegionSequence = Sequence([code])
    found = reread(both_stages(ds, "retain_modified_dates"))
    assert found.AnatomicRegionSequence[0].ContextGroupVersion == "20100317"


@pytest.mark.parametrize("keyword", ["StudyDate", "AcquisitionDate", "InstanceCreationDate"])
@pytest.mark.parametrize("value", ["ZZPHI", "20191399", "12/03/19"])
def test_what_is_no_date_does_not_pass(keyword: str, value: str) -> None:
    from pydicom.datadict import tag_for_keyword

    tag = tag_for_keyword(keyword)
    assert tag is not None
    data = with_raw(encoded(ct_slice()), {tag: raw_element(tag, "DA", value.encode() + b" " * (len(value) % 2))})
    for made in (stage1(data), stage2(data, "retain_full_dates"), stage2(data, "retain_modified_dates")):
        assert value.encode() not in file_of(made)


def test_dates_in_kept_text_go_where_dates_do_not_stay() -> None:
    ds = ct_slice()
    ds.ConvolutionKernel = "B30f 20190312"
    assert b"B30f 20190312" in file_of(stage1(ds))
    assert b"20190312" not in file_of(both_stages(ds, "retain_modified_dates"))


def test_an_earlier_removal_of_dates_is_not_undone() -> None:
    ds = ct_slice()
    ds.LongitudinalTemporalInformationModified = "REMOVED"
    assert reread(stage1(ds)).LongitudinalTemporalInformationModified == "REMOVED"
    assert reread(both_stages(ds, "retain_modified_dates")).LongitudinalTemporalInformationModified == "REMOVED"
