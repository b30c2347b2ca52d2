"""QIDO-RS: what a DICOMweb service holds (PS3.18 10.6)."""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import date
from typing import Any

import httpx
from pydicom.datadict import tag_for_keyword

from pacs2trial.errors import PermanentError, TransientError
from pacs2trial.network.identifier import asked_id, day, range_of, unpadded, within
from pacs2trial.network.results import InstanceFound, SeriesFound, StudyFound
from pacs2trial.network.web import asked, session
from pacs2trial.network.webpeer import WebPeer

_logger = logging.getLogger(__name__)
_JSON = "application/dicom+json"
_PAGE = 500
_NOBODYS = "2.25.0"

_Answer = Mapping[str, Any]


class Qido:
    """The questions of :class:`pacs2trial.network.archive.Archive`, asked over one client."""

    def __init__(self, peer: WebPeer, client: httpx.Client) -> None:
        self._peer = peer
        self._client = client

    def studies(self, patient_id: str, date_from: date | None = None, date_to: date | None = None) -> list[StudyFound]:
        wanted = asked_id(patient_id)
        query = {
            "PatientID": wanted,
            "StudyDate": range_of(date_from, date_to),
            "includefield": "IssuerOfPatientID,AccessionNumber,StudyDescription,ModalitiesInStudy",
        }
        found: dict[str, StudyFound] = {}
        foreign = 0
        asked_with = {key: value for key, value in query.items() if value}
        for answer in self._answers("/studies", asked_with, "StudyInstanceUID"):
            if unpadded(_text(answer, "PatientID")) != wanted:
                foreign += 1
                continue
            study = StudyFound(
                study=_text(answer, "StudyInstanceUID"),
                patient_id=wanted,
                issuer=_text(answer, "IssuerOfPatientID"),
                accession_number=_text(answer, "AccessionNumber"),
                study_date=day(_text(answer, "StudyDate")),
                description=_text(answer, "StudyDescription"),
                modalities=_texts(answer, "ModalitiesInStudy"),
            )
            if within(study.study_date, date_from, date_to):
                found.setdefault(study.study, study)
        if foreign:
            _logger.warning("%s: %d studies dropped, their Patient ID is not the asked one", self._peer, foreign)
        return [found[uid] for uid in sorted(found)]

    def series(self, study: StudyFound, modalities: Collection[str] = ()) -> list[SeriesFound]:
        found: dict[str, SeriesFound] = {}
        for answer in self._answers(f"/studies/{study.study}/series", {}, "SeriesInstanceUID"):
            if _text(answer, "StudyInstanceUID") in {"", study.study}:
                uid = _text(answer, "SeriesInstanceUID")
                found.setdefault(uid, SeriesFound(study.study, uid, _text(answer, "Modality")))
        return [found[uid] for uid in sorted(found)]

    def instances(self, series: SeriesFound) -> list[InstanceFound]:
        path = f"/studies/{series.study}/series/{series.series}/instances"
        found: dict[str, InstanceFound] = {}
        for answer in self._answers(path, {}, "SOPInstanceUID"):
            if _text(answer, "SeriesInstanceUID") in {"", series.series}:
                uid = _text(answer, "SOPInstanceUID")
                found.setdefault(uid, InstanceFound(series.study, series.series, uid, _text(answer, "SOPClassUID")))
        return [found[uid] for uid in sorted(found)]

    def require_answer(self) -> None:
        """Return if the service answers a question at all."""
        self._page("/studies", {"StudyInstanceUID": _NOBODYS, "limit": "1"})

    def _answers(self, path: str, query: Mapping[str, str], unique: str) -> list[_Answer]:
        """All answers, page by page; "nothing" is believed when it is said twice, as by C-FIND."""
        return self._pages(path, query, unique) or self._pages(path, query, unique)

    def _pages(self, path: str, query: Mapping[str, str], unique: str) -> list[_Answer]:
        """A service may give fewer than were asked for (PS3.18 8.3.4.4): only a page with nothing new is the last."""
        answers: list[_Answer] = []
        seen: set[str] = set()
        while True:
            page = self._page(path, {**query, "limit": str(_PAGE), "offset": str(len(answers))})
            uids = {_text(answer, unique) for answer in page}
            if "" in uids:
                raise PermanentError(f"{self._peer} answered QIDO-RS without {unique}")
            if uids <= seen:
                return answers
            answers += [answer for answer in page if _text(answer, unique) not in seen]
            seen |= uids

    def _page(self, path: str, query: Mapping[str, str]) -> list[_Answer]:
        with asked(self._client, self._peer, "QIDO-RS", path, accept=_JSON, query=query) as response:
            content = response.read()
        if not content.strip():  # 204: no match
            return []
        try:
            answers = json.loads(content)
        except ValueError:
            raise TransientError(f"{self._peer} answered QIDO-RS with what is no JSON") from None
        if not isinstance(answers, list) or not all(isinstance(one, dict) for one in answers):
            raise PermanentError(f"{self._peer} answered QIDO-RS with another form than PS3.18 F.2")
        return answers


@contextmanager
def qido(peer: WebPeer) -> Iterator[Qido]:
    """A client of the service for many questions."""
    with session(peer, response_timeout=peer.patience.response_timeout) as client:
        yield Qido(peer, client)


def answering(peer: WebPeer) -> None:
    """Ask whether the service is there and knows us, by a question that nothing matches.

    Raises:
        TransientError, PermanentError: as :meth:`Qido.studies`.
    """
    with qido(peer) as service:
        service.require_answer()


def _texts(answer: _Answer, keyword: str) -> tuple[str, ...]:
    """The values of an attribute (PS3.18 F.2.3); none where the answer lacks it, as optional keys may be missing."""
    element = answer.get(f"{tag_for_keyword(keyword):08X}")
    values = element.get("Value", []) if isinstance(element, dict) else []
    return tuple(unpadded(str(value)) for value in values if value is not None) if isinstance(values, list) else ()


def _text(answer: _Answer, keyword: str) -> str:
    return next(iter(_texts(answer, keyword)), "")
