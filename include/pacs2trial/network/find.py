"""C-FIND in the Study Root Query/Retrieve Information Model (PS3.4 C.4.1, C.6.2)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import date

from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom.association import Association
from pynetdicom.presentation import build_context

from pacs2trial.errors import PermanentError
from pacs2trial.network.association import associate, ended
from pacs2trial.network.identifier import asked_id, day, identifier, number, range_of, text, texts, unpadded, within
from pacs2trial.network.peer import Peer
from pacs2trial.network.results import InstanceFound, SeriesFound, StudyFound
from pacs2trial.network.status import FIND, Outcome, failure, look_up
from pacs2trial.network.uncapped import Reply, all_instances, all_series, all_studies

_logger = logging.getLogger(__name__)
_MODEL = UID("1.2.840.10008.5.1.4.1.2.2.1")  # Study Root Query/Retrieve Information Model - FIND
_CAPPED = frozenset({0xA700, 0xFE00})
"""How a PACS says that it gives no more answers: out of resources, or matching ended though nobody cancelled it."""


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
    wanted = asked_id(patient_id)
    query = identifier(
        "STUDY",
        PatientID=wanted,
        IssuerOfPatientID="",
        StudyInstanceUID="",
        StudyDate=range_of(date_from, date_to),
        StudyTime="",
        AccessionNumber="",
        StudyDescription="",
        ModalitiesInStudy="",
        NumberOfStudyRelatedSeries="",
    )
    found: dict[str, StudyFound] = {}
    foreign = 0
    for answer in all_studies(_asking(peer, over), query, date_from, date_to):
        if unpadded(text(answer, "PatientID")) != wanted:
            foreign += 1
            continue
        study = StudyFound(
            study=_unique_key(peer, answer, "StudyInstanceUID"),
            patient_id=wanted,
            issuer=unpadded(text(answer, "IssuerOfPatientID")),
            accession_number=unpadded(text(answer, "AccessionNumber")),
            study_date=day(unpadded(text(answer, "StudyDate"))),
            description=unpadded(text(answer, "StudyDescription")) if "StudyDescription" in answer else None,
            modalities=texts(answer, "ModalitiesInStudy"),
            series_told=number(answer, "NumberOfStudyRelatedSeries"),
        )
        if within(study.study_date, date_from, date_to):
            found.setdefault(study.study, study)
    if foreign:
        _logger.warning("%s: %d studies dropped, their Patient ID is not exactly the asked one", peer, foreign)
    return [found[uid] for uid in sorted(found)]


def find_series(
    peer: Peer,
    study: str,
    *,
    told: int | None = None,
    modalities: Collection[str] = (),
    over: Association | None = None,
) -> list[SeriesFound]:
    """The series of a study, sorted by UID. Errors as :func:`find_studies`.

    Args:
        peer: the PACS.
        study: Study Instance UID.
        told: how many series the PACS says that the study has.
        modalities: those that are asked for one by one where the PACS does not give all series at once.
        over: an open :func:`inquiry`; a new association otherwise.
    """
    query = identifier(
        "SERIES",
        StudyInstanceUID=study,
        SeriesInstanceUID="",
        Modality="",
        SeriesNumber="",
        NumberOfSeriesRelatedInstances="",
    )
    found: dict[str, SeriesFound] = {}
    for answer in all_series(_asking(peer, over), query, told, modalities):
        if text(answer, "StudyInstanceUID") in {"", study}:  # some PACS do not repeat the key of the level above
            uid = _unique_key(peer, answer, "SeriesInstanceUID")
            told_instances = number(answer, "NumberOfSeriesRelatedInstances")
            found.setdefault(uid, SeriesFound(study, uid, unpadded(text(answer, "Modality")), told_instances))
    return [found[uid] for uid in sorted(found)]


def find_instances(
    peer: Peer, study: str, series: str, *, told: int | None = None, over: Association | None = None
) -> list[InstanceFound]:
    """The instances of a series, sorted by UID. Errors as :func:`find_studies`.

    Args:
        peer: the PACS.
        study: Study Instance UID.
        series: Series Instance UID.
        told: how many instances the PACS says that the series has.
        over: an open :func:`inquiry`; a new association otherwise.
    """
    query = identifier(
        "IMAGE", StudyInstanceUID=study, SeriesInstanceUID=series, SOPInstanceUID="", SOPClassUID="", InstanceNumber=""
    )
    found: dict[str, InstanceFound] = {}
    for answer in all_instances(_asking(peer, over), query, told):
        if text(answer, "SeriesInstanceUID") in {"", series}:
            uid = _unique_key(peer, answer, "SOPInstanceUID")
            found.setdefault(uid, InstanceFound(study, series, uid, text(answer, "SOPClassUID")))
    return [found[uid] for uid in sorted(found)]


def _asking(peer: Peer, over: Association | None) -> Callable[[Dataset], Reply]:
    """Asks one query after the other. "Nothing" is believed when it is said twice, on two associations: a busy archive
    answers Success without a match now and then, and what nobody knows of would never be asked for.
    """

    def ask(query: Dataset) -> Reply:
        reply = _asked(peer, query, over)
        return reply if reply.answers or reply.cut else _asked(peer, query, None)

    return ask


def _asked(peer: Peer, query: Dataset, over: Association | None) -> Reply:
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
                return Reply(answers, _at_its_limit(peer) if len(answers) == peer.limits.maximum_matches else None)
            if response.Status in _CAPPED:
                return Reply(answers, failure(peer, "C-FIND", response.Status, status))
            if status.outcome is not Outcome.PENDING:
                raise failure(peer, "C-FIND", response.Status, status)
            if answer is None:
                raise PermanentError(f"{peer} answered C-FIND with an identifier that cannot be decoded")
            answers.append(answer)
    raise ended(peer, "C-FIND", peer.patience.response_timeout)


def _at_its_limit(peer: Peer) -> PermanentError:
    return PermanentError(
        f"{peer} gives {peer.limits.maximum_matches} answers to a C-FIND and no more, however narrow the question; "
        "have its limit raised, or use retrieve: dicomweb"
    )


def _unique_key(peer: Peer, answer: Dataset, keyword: str) -> str:
    value = text(answer, keyword)
    if not value:
        raise PermanentError(f"{peer} answered C-FIND without {keyword}, the unique key of its level (PS3.4 C.6.2.1)")
    return value
