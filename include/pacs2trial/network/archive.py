"""What can be asked of a PACS, by whichever of its services."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from datetime import date
from typing import Protocol

from pynetdicom.association import Association

from pacs2trial.network.find import find_instances, find_series, find_studies, inquiry
from pacs2trial.network.peer import Peer
from pacs2trial.network.qido import qido
from pacs2trial.network.results import InstanceFound, SeriesFound, StudyFound
from pacs2trial.network.webpeer import Node


class Archive(Protocol):
    """An open line to a PACS; errors of every question as those of :func:`pacs2trial.network.find.find_studies`."""

    def studies(self, patient_id: str, date_from: date | None = None, date_to: date | None = None) -> list[StudyFound]:
        """The studies of exactly this patient ID in a window of study dates, inclusive; sorted by UID."""
        ...

    def series(self, study: StudyFound, modalities: Collection[str] = ()) -> list[SeriesFound]:
        """The series of a study, at least those of ``modalities``; sorted by UID."""
        ...

    def instances(self, series: SeriesFound) -> list[InstanceFound]:
        """The instances of a series, sorted by UID."""
        ...


class _Dimse:
    """The questions by C-FIND over one association."""

    def __init__(self, peer: Peer, over: Association) -> None:
        self._peer = peer
        self._over = over

    def studies(self, patient_id: str, date_from: date | None = None, date_to: date | None = None) -> list[StudyFound]:
        return find_studies(self._peer, patient_id, date_from, date_to, over=self._over)

    def series(self, study: StudyFound, modalities: Collection[str] = ()) -> list[SeriesFound]:
        return find_series(self._peer, study.study, told=study.series_told, modalities=modalities, over=self._over)

    def instances(self, series: SeriesFound) -> list[InstanceFound]:
        return find_instances(self._peer, series.study, series.series, told=series.instances_told, over=self._over)


@contextmanager
def archive(node: Node) -> Iterator[Archive]:
    """Many questions to one PACS: over one association, or one HTTP client."""
    if isinstance(node, Peer):
        with inquiry(node) as over:
            yield _Dimse(node, over)
    else:
        with qido(node) as service:
            yield service
