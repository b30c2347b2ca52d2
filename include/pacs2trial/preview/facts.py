"""What a header says of its study, series or object, as names and values for people to read."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple

from pydicom.datadict import dictionary_description
from pydicom.dataset import Dataset

LONGEST: Final = 200

_OF_STUDY: Final = (
    "PatientID",
    "PatientSex",
    "PatientAge",
    "PatientBirthDate",
    "StudyDate",
    "StudyDescription",
    "StudyID",
    "AccessionNumber",
    "ClinicalTrialProtocolID",
    "ClinicalTrialSiteID",
    "ClinicalTrialTimePointID",
    "LongitudinalTemporalInformationModified",
)
_OF_SERIES: Final = (
    "SeriesDescription",
    "SeriesDate",
    "Manufacturer",
    "ManufacturerModelName",
    "StructureSetLabel",
    "RTPlanLabel",
    "DoseSummationType",
)


class Fact(NamedTuple):
    """A name in the words of PS3.6, and a value."""

    name: str
    value: str


def facts_of_study(header: Dataset) -> list[Fact]:
    """What is said of patient and study; what is absent or empty is left out."""
    return _facts(header, _OF_STUDY)


def facts_of_series(header: Dataset) -> list[Fact]:
    """What is said of a series, by one of its objects."""
    return _facts(header, _OF_SERIES)


def shown(value: object) -> str:
    """A value as text, cut where it is long."""
    text = str(value).strip()
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"


def _facts(header: Dataset, keywords: Iterable[str]) -> list[Fact]:
    return [
        Fact(dictionary_description(keyword), text)
        for keyword in keywords
        if (text := shown(header.get(keyword) or ""))
    ]
