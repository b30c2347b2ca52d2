"""How old the patient is: ages, the year of birth, and dates that must fit each other after both stages."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from pacs2trial.deidentify.dates import capped_ages, kept_year
from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.profile import staging_plan
from support.definitions import trial
from support.objects import base, ct_slice, encoded, raw_element, with_raw
from support.stages import SHIFT, file_of, reread, stage1, stage2

PET_IMAGE = UID("1.2.840.10008.5.1.4.1.1.128")


def collected(ds: Dataset, *options: str, **profile: object) -> Dataset:
    definition = trial(profile={"options": list(options), **profile})
    return reread(stage2(split_file(file_of(stage1(ds))), definition=definition))


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"089Y", b"089Y"),
        (b"090Y", b"090Y"),
        (b"093Y", b"090Y"),
        (b"150Y", b"090Y"),
        (b"999Y", None),
        (b"-01Y", None),
        (b"011M", b"011M"),
        (b"057Y\\093Y", b"057Y\\090Y"),
        (b"93Y", None),
        (b"", b""),
    ],
)
def test_great_ages_are_capped(value: bytes, kept: bytes | None) -> None:
    assert capped_ages(value, 89) == kept


@pytest.mark.parametrize(
    "age", ["-01Y", "-1Y", "999Y", "151Y", "057y", "57 Y", "0570Y", "05.7", "057", "Y057", "057Y\\-01Y"]
)
def test_an_age_that_nobody_can_have_does_not_pass(age: str) -> None:
    tag = 0x00101010
    data = with_raw(encoded(ct_slice()), {tag: raw_element(tag, "AS", age.encode() + b" " * (len(age) % 2))})
    assert "PatientAge" not in reread(stage1(data))
    for cap in ({}, {"ages": {"cap": 89}}):
        definition = trial(profile={"options": ["retain_patient_characteristics"], **cap})
        assert "PatientAge" not in reread(stage2(data, definition=definition))


@pytest.mark.parametrize("age", ["000D", "003M", "104W", "057Y", "120Y", "999D", "999W", "999M"])
def test_an_age_that_somebody_can_have_stays(age: str) -> None:
    ds = ct_slice()
    ds.PatientAge = age
    assert collected(ds, "retain_patient_characteristics").PatientAge == age


@pytest.mark.parametrize(
    ("value", "days", "kept"),
    [
        (b"19610407", 0, b"19610101"),
        (b"1961.04.07", 0, b"19610101"),
        (b"19610101", -400, b"19600101"),
        (b"19610101", -37, b"19610101"),
        (b"19000101", -400, b"19000101"),
        (b"1961", 0, None),
        (b"ZZPHI", 0, None),
    ],
)
def test_of_a_birth_date_the_year_stays(value: bytes, days: int, kept: bytes | None) -> None:
    assert kept_year(value, days) == kept


def test_a_trial_gets_the_year_of_birth_only_if_it_asks() -> None:
    ds = ct_slice()
    assert reread(stage1(ds)).PatientBirthDate == "19610101"
    assert collected(ds).PatientBirthDate == ""
    found = collected(ds, birth_date="year")
    assert found.PatientBirthDate == "19610101"
    assert "pacs2trial: year of birth kept" in found.DeidentificationMethod
    assert collected(ds, "retain_full_dates", birth_date="year").PatientBirthDate == "19610101"


def test_the_day_of_birth_is_in_no_output() -> None:
    ds = ct_slice()
    assert b"19610407" not in file_of(stage1(ds))
    assert "19610407" not in str(
        collected(ds, "retain_full_dates", "retain_patient_characteristics", birth_date="year")
    )


def test_the_year_of_birth_of_somebody_else_does_not_stay() -> None:
    ds = ct_slice()
    other = Dataset()
    other.PatientBirthDate = "19350203"
    ds.ReferencedSeriesSequence = Sequence([other])
    assert reread(stage1(ds)).ReferencedSeriesSequence[0].PatientBirthDate == ""


def test_age_and_year_of_birth_tell_no_more_than_the_cap() -> None:
    ds = ct_slice()
    ds.PatientAge, ds.PatientBirthDate = "093Y", "19260301"
    options = ("retain_full_dates", "retain_patient_characteristics")
    free = collected(ds, *options, birth_date="year")
    assert (free.PatientAge, free.PatientBirthDate) == ("093Y", "19260101")
    capped = collected(ds, *options, birth_date="year", ages={"cap": 89})
    assert (capped.PatientAge, capped.PatientBirthDate) == ("090Y", "")
    assert "pacs2trial: great ages capped" in capped.DeidentificationMethod
    ds.PatientAge, ds.PatientBirthDate = "057Y", "19610407"
    young = collected(ds, *options, birth_date="year", ages={"cap": 89})
    assert (young.PatientAge, young.PatientBirthDate) == ("057Y", "19610101")


def test_age_fits_the_moved_dates() -> None:
    ds = ct_slice()
    options = ("retain_modified_dates", "retain_patient_characteristics")
    found = collected(ds, *options, birth_date="year")
    assert found.PatientAge == "057Y"
    study = date.fromisoformat(found.StudyDate)
    assert abs(study.year - int(found.PatientBirthDate[:4]) - 57) <= 1


def test_what_a_pet_needs_stays_consistent() -> None:
    ds = base(PET_IMAGE, "1.2.826.0.1.3680043.10.999.1.1.1", modality="PT")
    ds.SeriesDate, ds.SeriesTime, ds.AcquisitionDate, ds.AcquisitionTime = "20190312", "233000", "20190313", "001500"
    dose = Dataset()
    dose.RadiopharmaceuticalStartTime, dose.RadiopharmaceuticalStopTime = "223000", "223100"
    dose.RadiopharmaceuticalStartDateTime = "20190312223000.5+0100"
    dose.RadiopharmaceuticalStopDateTime = "20190312223100"
    dose.RadionuclideTotalDose = 350000000
    ds.RadiopharmaceuticalInformationSequence = Sequence([dose])
    found = collected(ds, "retain_modified_dates")
    inner = found.RadiopharmaceuticalInformationSequence[0]
    assert (inner.RadiopharmaceuticalStartTime, inner.RadiopharmaceuticalStopTime) == ("223000", "223100")
    assert inner.RadiopharmaceuticalStartDateTime.endswith("223000.5+0100")
    injected = datetime.fromisoformat(inner.RadiopharmaceuticalStopDateTime[:8] + "T223100")
    scanned = datetime.fromisoformat(f"{found.AcquisitionDate}T{found.AcquisitionTime}")
    assert inner.RadiopharmaceuticalStopDateTime.endswith("223100")
    assert scanned - injected == timedelta(hours=1, minutes=44)
    assert injected.date() == date(2019, 3, 12) + timedelta(SHIFT)
    assert found.SeriesTime == "233000"


@pytest.mark.parametrize(
    "text", ["B30f 12 Mar 2019", "B30f March 12, 2019", "B30f 12-MAR-19", "B30f 12/03/19", "B30f 2019-03-12"]
)
def test_dates_in_words_do_not_stay_in_a_trial_without_dates(text: str) -> None:
    ds = ct_slice()
    ds.ConvolutionKernel = text
    assert text.encode() in file_of(stage1(ds))
    assert "2019" not in str(collected(ds).get("ConvolutionKernel", ""))
    assert text.split(" ", 1)[1] not in str(collected(ds, "retain_modified_dates"))


@pytest.mark.parametrize(
    "text", ["B30f", "Br40d/3", "I26s 3", "10/20", "SYNGO 2020B", "March", "2 markers 20", "15 decubitus 10"]
)
def test_what_is_no_date_stays(text: str) -> None:
    ds = ct_slice()
    ds.ConvolutionKernel = text
    assert collected(ds).ConvolutionKernel == text


def test_staging_keeps_what_a_trial_may_ask_for() -> None:
    assert staging_plan().choice.birth_year
    assert staging_plan().choice.age_cap is None
