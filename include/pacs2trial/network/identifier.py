"""Identifiers: the query data sets of C-FIND, C-MOVE and C-GET, and reading the answers."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import pydicom.config
from pydicom import DataElement, Dataset
from pydicom.datadict import dictionary_VR, tag_for_keyword

from pacs2trial.errors import InputError

UTF_8 = "ISO_IR 192"
PADDING = " \0"


def identifier(level: str, **keys: str | Sequence[str]) -> Dataset:
    """A query at one level, by keyword; an empty value asks for the attribute (universal matching, PS3.4 C.2.2.2.3).

    Values go out as they are: a UID that breaks the rules of PS3.5 still names its object.
    """
    query = Dataset()
    for keyword, value in {"QueryRetrieveLevel": level, **keys}.items():
        tag = tag_for_keyword(keyword)
        assert tag is not None
        content = value if isinstance(value, str) else list(value)
        query.add(DataElement(tag, dictionary_VR(tag), content, validation_mode=pydicom.config.IGNORE))
    if any(isinstance(value, str) and not value.isascii() for value in keys.values()):
        query.SpecificCharacterSet = UTF_8
    return query


def text(answer: Dataset, keyword: str) -> str:
    """The value of a key without trailing padding; empty when the answer lacks it, as optional keys may be missing."""
    element = answer.get(keyword)
    if element is None:
        return ""
    value = element.decode("ascii", "replace") if isinstance(element, bytes) else str(element)
    return value.rstrip(PADDING)


def unpadded(value: str) -> str:
    """A value of VR LO, SH or CS without the spaces around it, which mean nothing (PS3.5 6.2)."""
    return value.strip(PADDING)


def texts(answer: Dataset, keyword: str) -> tuple[str, ...]:
    """The values of a key, as :func:`text`; none when the answer lacks it."""
    value = answer.get(keyword)
    if value is None or isinstance(value, str | bytes):
        return tuple(filter(None, unpadded(text(answer, keyword)).split("\\")))
    return tuple(filter(None, (unpadded(str(one)) for one in value)))


def number(answer: Dataset, keyword: str) -> int | None:
    """A key of VR IS or US; None when the answer lacks it, or it is no number."""
    value = unpadded(text(answer, keyword))
    return int(value) if value.isascii() and value.removeprefix("-").isdigit() else None


def asked_id(patient_id: str) -> str:
    """The patient ID as it is asked for.

    Raises:
        InputError: it is empty or cannot be asked for.
    """
    if not unpadded(patient_id) or "\\" in patient_id:
        raise InputError("a patient ID is empty or holds a backslash (PS3.5 6.2, VR LO); no PACS can be asked for it")
    return unpadded(patient_id)


def range_of(date_from: date | None, date_to: date | None) -> str:
    """Range matching, inclusive at both ends (PS3.4 C.2.2.2.5); empty matches every study."""
    if date_from is None and date_to is None:
        return ""
    return f"{date_from:%Y%m%d}-" + (f"{date_to:%Y%m%d}" if date_to else "") if date_from else f"-{date_to:%Y%m%d}"


def within(study_date: date | None, date_from: date | None, date_to: date | None) -> bool:
    """Whether the date is in the window; some PACS ignore range matching."""
    if date_from is None and date_to is None:
        return True
    if study_date is None:
        return False
    return (date_from is None or date_from <= study_date) and (date_to is None or study_date <= date_to)


def day(value: str) -> date | None:
    """A date of VR DA (``YYYYMMDD``), also in the form before 1993 (``YYYY.MM.DD``); ``None`` if it is none."""
    try:
        return datetime.strptime(value.replace(".", ""), "%Y%m%d").date()  # noqa: DTZ007 (a day, not a moment)
    except ValueError:
        return None


def retrieve_keys(study: str, series: str | None, instances: Sequence[str] | None) -> Dataset:
    """The identifier of a retrieval: the unique keys down to its level and nothing else (PS3.4 C.4.2.2.1)."""
    if series is None:
        return identifier("STUDY", StudyInstanceUID=study)
    if instances is None:
        return identifier("SERIES", StudyInstanceUID=study, SeriesInstanceUID=series)
    return identifier("IMAGE", StudyInstanceUID=study, SeriesInstanceUID=series, SOPInstanceUID=instances)
