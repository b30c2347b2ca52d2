"""Searching what is held: staging as it is, a trial as it would get it."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from pacs2trial.errors import InputError
from pacs2trial.holdings import search as searching
from pacs2trial.holdings.levels import Level
from pacs2trial.holdings.search import search
from pacs2trial.holdings.view import Views
from pacs2trial.network.identifier import identifier
from pacs2trial.trials.definition import STAGING
from support.hospital import LUNG, PELVIS
from support.shown import SCOPES, ShownSite


def found(site: ShownSite, scope: str, level: str, **keys: str | list[str]) -> list[Dataset]:
    return list(search(site.view(scope), Level[level], identifier(level, **keys)))


def values(answers: list[Dataset], keyword: str) -> list[str]:
    return [str(answer[keyword].value) for answer in answers]


def test_a_trial_sees_exactly_what_its_packages_hold(shown_site: ShownSite) -> None:
    answers = found(shown_site, LUNG, "IMAGE")
    places = {(a.PatientID, a.StudyInstanceUID, a.SeriesInstanceUID, a.SOPInstanceUID + ".dcm") for a in answers}
    assert places == {tuple(name.split("/")) for name in shown_site.members}
    assert len(answers) == len(places)


def test_staging_shows_every_staged_object_once(shown_site: ShownSite) -> None:
    uids = values(found(shown_site, STAGING, "IMAGE"), "SOPInstanceUID")
    assert sorted(uids) == sorted(shown_site.staged())


def test_a_trial_whose_filter_let_nothing_through_sees_nothing(shown_site: ShownSite) -> None:
    assert [found(shown_site, PELVIS, level.name) for level in Level] == [[], [], [], []]


@pytest.mark.parametrize("scope", SCOPES)
def test_scopes_share_no_uid(shown_site: ShownSite, scope: str) -> None:
    (other,) = set(SCOPES) - {scope}
    keywords = ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID")
    mine, others = (
        {uid for keyword in keywords for uid in values(found(shown_site, one, "IMAGE"), keyword)}
        for one in (scope, other)
    )
    assert mine
    assert mine.isdisjoint(others)
    assert not any(found(shown_site, other, "STUDY", StudyInstanceUID=uid) for uid in mine)


@pytest.mark.parametrize("scope", SCOPES)
def test_numbers_agree_with_the_level_below(shown_site: ShownSite, scope: str) -> None:
    asked = {
        "NumberOfStudyRelatedSeries": "",
        "NumberOfStudyRelatedInstances": "",
        "ModalitiesInStudy": "",
        "SOPClassesInStudy": "",
    }
    for study in found(shown_site, scope, "STUDY", **asked):
        series = found(
            shown_site,
            scope,
            "SERIES",
            StudyInstanceUID=study.StudyInstanceUID,
            Modality="",
            NumberOfSeriesRelatedInstances="",
        )
        images = found(shown_site, scope, "IMAGE", StudyInstanceUID=study.StudyInstanceUID, SOPClassUID="")
        assert study.NumberOfStudyRelatedSeries == len(series)
        assert study.NumberOfStudyRelatedInstances == len(images)
        assert sum(each.NumberOfSeriesRelatedInstances for each in series) == len(images)
        assert set(_several(study.ModalitiesInStudy)) == {each.Modality for each in series}
        assert set(_several(study.SOPClassesInStudy)) == {each.SOPClassUID for each in images}
    patients = found(shown_site, scope, "PATIENT", NumberOfPatientRelatedInstances="", NumberOfPatientRelatedStudies="")
    assert sum(each.NumberOfPatientRelatedInstances for each in patients) == len(found(shown_site, scope, "IMAGE"))
    assert sum(each.NumberOfPatientRelatedStudies for each in patients) == len(found(shown_site, scope, "STUDY"))


def _several(value: object) -> list[str]:
    return [value] if isinstance(value, str) else list(value)  # type: ignore[call-overload]


def test_patients_of_a_trial_are_its_subject_keys(shown_site: ShownSite) -> None:
    answers = found(shown_site, LUNG, "PATIENT", PatientName="", PatientBirthDate="")
    assert values(answers, "PatientID") == ["LA-001", "LA-002"]
    assert values(answers, "PatientName") == ["LA-001", "LA-002"]


@pytest.mark.parametrize(
    ("keys", "expected"),
    [
        ({"PatientID": "LA-001"}, 2),
        ({"PatientID": "la-001"}, 0),
        ({"PatientID": "LA-00?"}, 3),
        ({"PatientID": "*2"}, 1),
        ({"PatientID": ["LA-001", "LA-002"]}, 3),
        ({"PatientName": "la-00*"}, 3),
        ({"ModalitiesInStudy": "RTSTRUCT"}, 1),
        ({"ModalitiesInStudy": ["RTSTRUCT", "CT"]}, 3),
        ({"ModalitiesInStudy": "RT*"}, 1),
        ({"StudyInstanceUID": "1.2.3"}, 0),
        ({"StudyDescription": "*RT planning*"}, 3),
        ({"StudyDescription": "nothing like this"}, 0),
        ({"SeriesDescription": "belongs to a lower level"}, 3),
    ],
)
def test_keys_match_as_the_standard_says(shown_site: ShownSite, keys: dict[str, str], expected: int) -> None:
    assert len(found(shown_site, LUNG, "STUDY", **keys)) == expected


@pytest.mark.parametrize("scope", SCOPES)
def test_a_range_of_dates_finds_the_studies_of_these_days(shown_site: ShownSite, scope: str) -> None:
    days = sorted(values(found(shown_site, scope, "STUDY", StudyDate=""), "StudyDate"))
    assert len(set(days)) > 1
    for low, high in ((days[0], days[0]), (days[0], days[-1]), (days[1], days[-1])):
        inside = values(found(shown_site, scope, "STUDY", StudyDate=f"{low}-{high}"), "StudyDate")
        assert sorted(inside) == [day for day in days if low <= day <= high]
    assert sorted(values(found(shown_site, scope, "STUDY", StudyDate=days[0]), "StudyDate")) == [
        day for day in days if day == days[0]
    ]


def test_dates_of_a_trial_are_those_of_its_packages(shown_site: ShownSite) -> None:
    original = set(values(found(shown_site, STAGING, "STUDY", StudyDate=""), "StudyDate"))
    shown = set(values(found(shown_site, LUNG, "STUDY", StudyDate=""), "StudyDate"))
    assert shown.isdisjoint(original)


@pytest.mark.parametrize("scope", SCOPES)
@pytest.mark.parametrize("keys", [{}, {"PatientName": "*"}])
def test_pages_put_together_are_the_whole(
    shown_site: ShownSite, scope: str, keys: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    view, asked = shown_site.view(scope), identifier("IMAGE", **keys)
    whole = values(list(search(view, Level.IMAGE, asked)), "SOPInstanceUID")
    monkeypatch.setattr(searching, "PAGE", 3)
    pages = [
        values(list(search(view, Level.IMAGE, asked, limit=7, offset=n)), "SOPInstanceUID") for n in range(0, 42, 7)
    ]
    assert [uid for page in pages for uid in page] == whole


def test_what_the_ledger_knows_opens_no_object(shown_site: ShownSite, monkeypatch: pytest.MonkeyPatch) -> None:
    def opened(*_: object) -> None:
        raise AssertionError("an object was opened")

    monkeypatch.setattr("pacs2trial.holdings.view.TrialView.object_of", opened)
    asked = {"PatientID": "", "ModalitiesInStudy": "CT", "NumberOfStudyRelatedInstances": ""}
    assert len(found(shown_site, LUNG, "STUDY", **asked)) == 3


def test_included_attributes_come_with_every_answer(shown_site: ShownSite) -> None:
    view, rows = shown_site.view(LUNG), Tag("Rows")
    images = list(search(view, Level.IMAGE, identifier("IMAGE", Modality="CT"), include=[rows]))
    assert {answer[rows].value for answer in images} == {32, 128}


def test_an_unknown_trial_is_named(shown_site: ShownSite) -> None:
    with pytest.raises(InputError, match="'NOSUCH' is not defined"):
        Views(shown_site.ws).of("NOSUCH")
