"""PACS that end their list of answers at some number: everything is found, or it is an error; never a short list."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from pydicom import Dataset
from pynetdicom import evt

from pacs2trial.errors import PermanentError, TransientError
from pacs2trial.holdings.matching import matches
from pacs2trial.network.find import find_instances, find_series, find_studies
from pacs2trial.network.limits import Limits
from support.scripted_pacs import PATIENT_ID, SERIES, STUDY, ScriptedPacs, dataset

SUCCESS, PENDING, OUT_OF_RESOURCES = 0x0000, 0xFF00, 0xA700
CAP = 4


def holding(entities: list[Dataset], last: int = SUCCESS, cap: int = CAP, asked: list[Dataset] | None = None):
    """C-FIND over ``entities`` that stops after ``cap`` answers with the status ``last``."""

    def handler(event):
        query = event.identifier
        if asked is not None:
            asked.append(query)
        ignored = {"QueryRetrieveLevel", "SpecificCharacterSet"}
        keys = [key for key in query if key.keyword not in ignored]
        found = [one for one in entities if all(matches(key, one) for key in keys)]
        for one in found[:cap]:
            yield PENDING, one
        if len(found) >= cap and last != SUCCESS:
            yield last, None

    return evt.EVT_C_FIND, handler


def capped(node, cap=CAP):
    return replace(node, limits=Limits(maximum_matches=cap))


def studies(number: int, *days: str) -> list[Dataset]:
    return [
        dataset(
            PatientID=PATIENT_ID,
            StudyInstanceUID=f"1.2.{one}",
            StudyDate=days[one % len(days)],
            StudyTime=f"{one % 24:02}{one % 60:02}00",
        )
        for one in range(1, number + 1)
    ]


DAYS = [f"20{year:02}0{month}1{day}" for year in (3, 19, 24) for month in (1, 7) for day in (1, 2, 9)]


@pytest.mark.parametrize("last", [SUCCESS, OUT_OF_RESOURCES, 0xFE00])
def test_studies_beyond_the_cap_are_found_by_date(scripted_pacs: ScriptedPacs, last):
    node = capped(scripted_pacs.node(holding(studies(12, *DAYS[::5]), last)))
    assert {one.study for one in find_studies(node, PATIENT_ID)} == {f"1.2.{one}" for one in range(1, 13)}


def test_studies_of_one_day_are_found_by_time(scripted_pacs: ScriptedPacs):
    node = capped(scripted_pacs.node(holding(studies(20, "20240305"))))
    assert len(find_studies(node, PATIENT_ID, date(2024, 3, 5), date(2024, 3, 6))) == 20


def test_the_window_is_not_left_while_it_is_narrowed(scripted_pacs: ScriptedPacs):
    asked: list[Dataset] = []
    node = capped(scripted_pacs.node(holding(studies(30, *DAYS), asked=asked)))
    found = find_studies(node, PATIENT_ID, date(2019, 1, 1), date(2019, 12, 31))
    assert {one.study_date.year for one in found if one.study_date} == {2019}
    assert len(found) == sum(DAYS[one % len(DAYS)].startswith("2019") for one in range(1, 31)) > CAP
    assert {str(query.StudyDate)[:4] for query in asked} == {"2019"}


def test_more_studies_in_a_minute_than_the_cap_are_an_error(scripted_pacs: ScriptedPacs):
    the_day = date(2024, 3, 5), date(2024, 3, 5)
    same = [
        dataset(PatientID=PATIENT_ID, StudyInstanceUID=f"1.2.{n}", StudyDate="20240305", StudyTime="010100")
        for n in range(1, 9)
    ]
    with pytest.raises(PermanentError, match="gives 4 answers to a C-FIND and no more"):
        find_studies(capped(scripted_pacs.node(holding(same))), PATIENT_ID, *the_day)
    with pytest.raises(TransientError, match="out of resources"):
        find_studies(scripted_pacs.node(holding(same, OUT_OF_RESOURCES)), PATIENT_ID, *the_day)


def series(*modalities: str) -> list[Dataset]:
    return [
        dataset(StudyInstanceUID=STUDY, SeriesInstanceUID=f"1.2.{number}", Modality=modality, SeriesNumber=number)
        for number, modality in enumerate(modalities, 1)
    ]


MIXED = series(*["MR"] * 4, *["CT"] * 3, *["RTDOSE"] * 3)


def test_series_beyond_the_cap_are_found_by_the_wanted_modalities(scripted_pacs: ScriptedPacs):
    node = capped(scripted_pacs.node(holding(MIXED[1:])), CAP)
    found = find_series(node, STUDY, modalities=["CT", "RTDOSE"])
    assert [one.modality for one in found].count("CT") == 3
    assert [one.modality for one in found].count("RTDOSE") == 3


def test_a_silent_cap_shows_itself_by_the_number_that_was_told(scripted_pacs: ScriptedPacs):
    found = find_series(scripted_pacs.node(holding(MIXED)), STUDY, told=10, modalities=["CT", "RTDOSE"])
    assert len(found) == 4 + 3 + 3


def test_more_series_of_a_modality_than_the_cap_are_an_error(scripted_pacs: ScriptedPacs):
    node = capped(scripted_pacs.node(holding(series(*["CT"] * 9))))
    with pytest.raises(PermanentError, match="no more, however narrow"):
        find_series(node, STUDY, modalities=["CT"])


def instances(number: int, first: int = 1) -> list[Dataset]:
    return [
        dataset(StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES, SOPInstanceUID=f"1.2.{one}", InstanceNumber=one)
        for one in range(first, first + number)
    ]


@pytest.mark.parametrize(("cap_known", "last"), [(True, SUCCESS), (False, SUCCESS), (False, OUT_OF_RESOURCES)])
@pytest.mark.parametrize("first", [0, 1, 7])
def test_instances_beyond_the_cap_are_found_by_number(scripted_pacs: ScriptedPacs, cap_known, last, first):
    node = scripted_pacs.node(holding(instances(11, first), last))
    node = capped(node) if cap_known else node
    assert len(find_instances(node, STUDY, SERIES, told=11)) == 11


def test_a_pacs_that_tells_too_many_is_asked_a_few_times_more_and_not_believed(scripted_pacs: ScriptedPacs):
    asked: list[Dataset] = []
    node = scripted_pacs.node(holding(instances(3), asked=asked))
    assert len(find_instances(node, STUDY, SERIES, told=1000)) == 3
    assert len(asked) < 12


def test_a_cap_without_a_number_that_was_told_is_an_error(scripted_pacs: ScriptedPacs):
    node = capped(scripted_pacs.node(holding(instances(11))))
    with pytest.raises(PermanentError, match="no more, however narrow"):
        find_instances(node, STUDY, SERIES)


def test_a_pacs_that_tells_too_few_hides_nothing(scripted_pacs: ScriptedPacs):
    assert len(find_instances(scripted_pacs.node(holding(instances(3))), STUDY, SERIES, told=1)) == 3
