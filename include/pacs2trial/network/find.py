"""C-FIND in the Study Root Query/Retrieve Information Model (PS3.4 C.4.1, C.6.2)."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date

from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.presentation import build_context

from pacs2trial.errors import InputError, PermanentError
from pacs2trial.network.association import associate, ended
from pacs2trial.network.identifier import day, identifier, text, unpadded
from pacs2trial.network.peer import Peer
from pacs2trial.network.results import InstanceFound, SeriesFound, StudyFound
from pacs2trial.network.status import FIND, Outcome, failure, look_up

_logger = logging.getLogger(__name__)
_MODEL = UID("1.2.840.10008.5.1.4.1.2.2.1")  # Study Root Query/Retrieve Information Model - FIND


@contextmanager
def inquiry(peer: Peer) -> Iterator[Association]:
    """An association on which many C-FIND requests can be made, one after the other."""
    with associate(peer, [build_context(_MODEL)], response_timeout=peer.patience.response_timeout) as association:
        yield association


def find_studies(
    peer: Peer,
    patient_id: str,
    date_from: date | None = None,
    date_to: date | None = None,
    *,
    over: Association | None = None,
) -> list[StudyFound]:
    """The studies of one patient, sorted by UID.

    Args:
        peer: the PACS.
        patient_id: the hospital's, matched exactly: answers with any other Patient ID are dropped, for instance of a
            PACS that matches without regard to case, or takes a character of the ID for a wildcard.
        date_from: first Study Date, inclusive.
        date_to: last Study Date, inclusive. With either, studies without a date are left out.
        over: an open :func:`inquiry`; a new association otherwise.

    Raises:
        InputError: the patient ID is empty or cannot be asked for.
        TransientError: the PACS could not be reached, broke off or failed. Never a partial list.
        PermanentError: it refuses us, or its answers break the standard.
    """
    if not unpadded(patient_id) or "\\" in patient_id:
        raise InputError("a patient ID is empty or holds a backslash (PS3.5 6.2, VR LO); no PACS can be asked for it")
    query = identifier(
        "STUDY",
        PatientID=unpadded(patient_id),
        IssuerOfPatientID="",
        StudyInstanceUID="",
        StudyDate=_range(date_from, date_to),
        AccessionNumber="",
    )
    found: dict[str, StudyFound] = {}
    foreign = 0
    for answer in _answers(peer, query, over):
        if unpadded(text(answer, "PatientID")) != unpadded(patient_id):
            foreign += 1
            continue
        study = StudyFound(
            study=_unique_key(peer, answer, "StudyInstanceUID"),
            patient_id=unpadded(patient_id),
            issuer=unpadded(text(answer, "IssuerOfPatientID")),
            accession_number=unpadded(text(answer, "AccessionNumber")),
            study_date=day(unpadded(text(answer, "StudyDate"))),
        )
        if _within(study.study_date, date_from, date_to):
            found.setdefault(study.study, study)
    if foreign:
        _logger.warning("%s: %d studies dropped, their Patient ID is not exactly the asked one", peer, foreign)
    return [found[uid] for uid in sorted(found)]


def find_series(peer: Peer, study: str, *, over: Association | None = None) -> list[SeriesFound]:
    """The series of a study, sorted by UID. Errors as :func:`find_studies`."""
    query = identifier("SERIES", StudyInstanceUID=study, SeriesInstanceUID="", Modality="")
    found: dict[str, SeriesFound] = {}
    for answer in _answers(peer, query, over):
        if text(answer, "StudyInstanceUID") in {"", study}:  # some PACS do not repeat the key of the level above
            uid = _unique_key(peer, answer, "SeriesInstanceUID")
            found.setdefault(uid, SeriesFound(study, uid, unpadded(text(answer, "Modality"))))
    return [found[uid] for uid in sorted(found)]


def find_instances(peer: Peer, study: str, series: str, *, over: Association | None = None) -> list[InstanceFound]:
    """The instances of a series, sorted by UID. Errors as :func:`find_studies`."""
    query = identifier("IMAGE", StudyInstanceUID=study, SeriesInstanceUID=series, SOPInstanceUID="", SOPClassUID="")
    found: dict[str, InstanceFound] = {}
    for answer in _answers(peer, query, over):
        if text(answer, "SeriesInstanceUID") in {"", series}:
            uid = _unique_key(peer, answer, "SOPInstanceUID")
            found.setdefault(uid, InstanceFound(study, series, uid, text(answer, "SOPClassUID")))
    return [found[uid] for uid in sorted(found)]


def _answers(peer: Peer, query: Dataset, over: Association | None) -> list[Dataset]:
    """All answers, or an error. "Nothing" is believed when it is said twice, on two associations: a busy archive
    answers Success without a match now and then, and what nobody knows of would never be asked for.
    """
    return _asked(peer, query, over) or _asked(peer, query, None)


def _asked(peer: Peer, query: Dataset, over: Association | None) -> list[Dataset]:
    """The answers to one request; a list that an abort cut short would silently lose studies, so it is an error."""
    way: AbstractContextManager[Association] = inquiry(peer) if over is None else nullcontext(over)
    answers: list[Dataset] = []
    with way as association:
        if not association.is_established:
            raise ended(peer, "C-FIND", peer.patience.response_timeout)
        for response, answer in association.send_c_find(query, _MODEL, priority=0):
            if "Status" not in response:
                raise ended(peer, "C-FIND", peer.patience.response_timeout)
            status = look_up(FIND, response.Status)
            if status.outcome is Outcome.SUCCESS:
                return answers
            if status.outcome is not Outcome.PENDING:
                raise failure(peer, "C-FIND", response.Status, status)
            if answer is None:
                raise PermanentError(f"{peer} answered C-FIND with an identifier that cannot be decoded")
            answers.append(answer)
    raise ended(peer, "C-FIND", peer.patience.response_timeout)


def _unique_key(peer: Peer, answer: Dataset, keyword: str) -> str:
    value = text(answer, keyword)
    if not value:
        raise PermanentError(f"{peer} answered C-FIND without {keyword}, the unique key of its level (PS3.4 C.6.2.1)")
    return value


def _range(date_from: date | None, date_to: date | None) -> str:
    """Range matching, inclusive at both ends (PS3.4 C.2.2.2.5); empty matches every study."""
    if date_from is None and date_to is None:
        return ""
    return f"{date_from:%Y%m%d}-" + (f"{date_to:%Y%m%d}" if date_to else "") if date_from else f"-{date_to:%Y%m%d}"


def _within(study_date: date | None, date_from: date | None, date_to: date | None) -> bool:
    """Whether the date is in the window; some PACS ignore range matching."""
    if date_from is None and date_to is None:
        return True
    if study_date is None:
        return False
    return (date_from is None or date_from <= study_date) and (date_to is None or study_date <= date_to)
