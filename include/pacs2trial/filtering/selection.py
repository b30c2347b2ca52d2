"""Whether a study is one of those that a trial selects (``source.select`` of its definition)."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, datetime

from pacs2trial.keytable import EnrolledSubject
from pacs2trial.trials.select import Select

OUTSIDE_DAYS = "source.select.days: outside"
OTHER_DESCRIPTION = "source.select.description: no pattern matches"
NO_DATE = "source.select.days: the study has no date"
NO_DAY = "source.select.days: the key table names no one day"
NO_DESCRIPTION = "source.select.description: the PACS does not tell descriptions of studies"


@dataclass(frozen=True)
class Unselected:
    """Why a study is not taken. ``doubtful`` when nobody can tell, so that a person has to; names no value."""

    rule: str
    doubtful: bool = False


@dataclass(frozen=True)
class StudySeen:
    """What is known of a study; ``descriptions`` is None where nobody told any."""

    identifier_id: int
    accession_lookup: str | None
    study_date: date | None
    descriptions: Collection[str] | None


def unselected(select: Select | None, subject: EnrolledSubject, study: StudySeen) -> Unselected | None:
    """Why a study is not selected by its own properties; None when it is. What refers to it is not looked at."""
    if select is None:
        return None
    return _by_days(select, subject, study) or _by_description(select, study)


def _by_days(select: Select, subject: EnrolledSubject, study: StudySeen) -> Unselected | None:
    if select.days is None:
        return None
    centre = _day_of(select.days.column, subject, study)
    if centre is None:
        return Unselected(f"{NO_DAY} in column {select.days.column}", doubtful=True)
    if study.study_date is None:
        return Unselected(NO_DATE, doubtful=True)
    away = (study.study_date - centre).days
    return None if -select.days.before <= away <= select.days.after else Unselected(OUTSIDE_DAYS)


def _by_description(select: Select, study: StudySeen) -> Unselected | None:
    if not select.description:
        return None
    if study.descriptions is None:
        return Unselected(NO_DESCRIPTION, doubtful=True)
    return None if any(map(select.described, study.descriptions)) else Unselected(OTHER_DESCRIPTION)


def _day_of(column: str, subject: EnrolledSubject, study: StudySeen) -> date | None:
    """The day in the row of the study's visit, or in all rows where none names a visit; None unless it is one day."""
    visits = [
        visit for visit in subject.visits if visit.admits(study.identifier_id, study.accession_lookup, study.study_date)
    ]
    cells = {visit.columns.get(column, "") for visit in visits} or {subject.columns.get(column, "")}
    days = {_day(cell) for cell in cells}
    return days.pop() if len(days) == 1 else None


def _day(cell: str) -> date | None:
    """A day as key tables and spreadsheets write it: ``2024-03-13``, with a time behind it or not, or ``20240313``."""
    try:
        return datetime.fromisoformat(cell.strip()).date()
    except ValueError:
        return None
