"""Which of a patient's studies belong to a subject: the visits that a key table may restrict it to."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from enum import Enum, auto

from pacs2trial.keytable import Visit


class Belonging(Enum):
    """How a study stands to the visits of a subject."""

    PART = auto()
    NOT_PART = auto()
    AMBIGUOUS = auto()
    """Two rows of the key table claim it; a person has to decide."""


def belonging(
    visits: Iterable[Visit], identifier_id: int, accession_lookup: str | None, study_date: date | None
) -> Belonging:
    """How a study of one patient ID stands to a subject's visits.

    Args:
        visits: those of the subject; none at all lets every study in.
        identifier_id: the patient ID under which the PACS holds the study.
        accession_lookup: keyed look-up value of its accession number; ``None`` when it has none.
        study_date: day in the site's time zone; ``None`` when it has none.
    """
    matching = 0
    restricted = False
    for visit in visits:
        restricted = True
        matching += (
            visit.identifier_id == identifier_id
            and (visit.accession_lookup is None or visit.accession_lookup == accession_lookup)
            and _within(study_date, visit.date_from, visit.date_to)
        )
    if not restricted or matching == 1:
        return Belonging.PART
    return Belonging.AMBIGUOUS if matching else Belonging.NOT_PART


def _within(day: date | None, first: date | None, last: date | None) -> bool:
    if first is None and last is None:
        return True
    return day is not None and (first is None or first <= day) and (last is None or day <= last)
