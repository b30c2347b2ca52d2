"""A small PACS that speaks DICOM: C-ECHO, C-FIND, C-MOVE, C-GET and C-STORE over a folder of files."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

import pydicom
from pydicom.dataset import Dataset
from pydicom.errors import InvalidDicomError
from pynetdicom import AE, AllStoragePresentationContexts, build_context, evt
from pynetdicom.sop_class import (  # type: ignore[attr-defined]  # pynetdicom makes these names at import time
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
    Verification,
)
from pynetdicom.transport import ThreadedAssociationServer

from pacs2trial_demo.pacs.faults import Faults, Request
from pacs2trial_demo.pacs.index import Index, Instance
from pacs2trial_demo.pacs.query import IdentifierError, find, level_of

SUCCESS, PENDING, CANCELLED = 0x0000, 0xFF00, 0xFE00
IDENTIFIER_MISMATCH, NOT_UNDERSTOOD, OUT_OF_RESOURCES = 0xA900, 0xC000, 0xA700
TRANSFER_SYNTAXES = (
    "1.2.840.10008.1.2.1",
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.5",
    "1.2.840.10008.1.2.4.70",
    "1.2.840.10008.1.2.4.90",
    "1.2.840.10008.1.2.4.50",
)
"""Explicit and implicit VR little endian first, then RLE, JPEG lossless, JPEG 2000 lossless, JPEG baseline."""
_PATIENT_ROOT = {
    PatientRootQueryRetrieveInformationModelFind,
    PatientRootQueryRetrieveInformationModelGet,
    PatientRootQueryRetrieveInformationModelMove,
}
_STUDY_ROOT = {
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
}
_log = logging.getLogger(__name__)


class DemoPacs:
    """Serves the DICOM files below ``folder`` on loopback.

    Args:
        folder: the archive; C-STORE adds to it.
        aet: AE title; associations that call another one are rejected.
        destinations: AE title to host and port, for C-MOVE. May be changed while running.
        port: 0 picks a free one.
    """

    def __init__(
        self, folder: Path, aet: str, destinations: Mapping[str, tuple[str, int]] | None = None, port: int = 0
    ) -> None:
        self.folder = folder
        self.aet = aet
        self.destinations = dict(destinations or {})
        self.faults = Faults()
        self.index = Index()
        self.requests: list[Request] = []
        self._wanted_port = port
        self._server: ThreadedAssociationServer | None = None
        self._fault_lock = Lock()

    @property
    def port(self) -> int:
        assert self._server is not None, "the PACS has not been started"
        return int(self._server.server_address[1])

    def start(self) -> int:
        """Read the folder, listen, return the port.

        Raises:
            OSError: the port is taken.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        self.index.scan(self.folder)
        handlers: list[evt.EventHandlerType] = [
            (evt.EVT_CONN_OPEN, _send_at_once),
            (evt.EVT_REQUESTED, self._on_association),
            (evt.EVT_C_ECHO, self._on_echo),
            (evt.EVT_C_FIND, self._on_find),
            (evt.EVT_C_MOVE, self._on_move),
            (evt.EVT_C_GET, self._on_get),
            (evt.EVT_C_STORE, self._on_store),
        ]
        self._server = self._entity().start_server(("127.0.0.1", self._wanted_port), block=False, evt_handlers=handlers)
        return self.port

    def stop(self) -> None:
        """Close the port and abort what is open."""
        if self._server is not None:
            self._server.shutdown()
            self._server = None

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def _entity(self) -> AE:
        entity = AE(self.aet)
        entity.require_called_aet = True
        entity.maximum_pdu_size = 0
        entity.add_supported_context(Verification)
        for model in sorted(_PATIENT_ROOT | _STUDY_ROOT):
            entity.add_supported_context(model)
        for context in AllStoragePresentationContexts:
            assert context.abstract_syntax is not None
            entity.add_supported_context(context.abstract_syntax, list(TRANSFER_SYNTAXES), scu_role=True, scp_role=True)
        return entity

    def _on_association(self, event: evt.Event) -> None:
        if self.faults.refuse_associations:
            event.assoc.acse.send_reject(0x01, 0x01, 0x01)
            event.assoc.kill()

    def _on_echo(self, event: evt.Event) -> int:
        self._note(event, "C-ECHO")
        return SUCCESS

    def _on_find(self, event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        identifier = event.identifier
        self._note(event, "C-FIND", identifier)
        if self.faults.find_status is not None:
            yield self.faults.find_status, None
            return
        try:
            level = level_of(identifier, patient_root=_model(event) in _PATIENT_ROOT)
        except IdentifierError as error:
            _log.warning("C-FIND: %s", error)
            yield IDENTIFIER_MISMATCH, None
            return
        answers = find(self.index, identifier, level, self.aet, self.faults.surplus)
        for number, answer in enumerate(answers):
            if self.faults.abort_find_after is not None and number >= self.faults.abort_find_after:
                event.assoc.abort()
                return
            if event.is_cancelled:
                yield CANCELLED, None
                return
            yield PENDING, answer

    def _on_move(self, event: evt.Event) -> Iterator[Any]:
        identifier, destination = event.identifier, str(event.move_destination).strip()
        self._note(event, "C-MOVE", identifier, destination)
        address = self.destinations.get(destination)
        if address is None:
            yield None, None
            return
        chosen = self._chosen(event, identifier)
        contexts = [
            build_context(sop_class, transfer_syntax)
            for sop_class, transfer_syntax in sorted({(one.sop_class, one.transfer_syntax) for one in chosen or ()})
        ] or [build_context(Verification)]
        yield (*address, {"contexts": contexts, "ae_title": destination})
        yield from self._suboperations(event, chosen)

    def _on_get(self, event: evt.Event) -> Iterator[Any]:
        identifier = event.identifier
        self._note(event, "C-GET", identifier)
        yield from self._suboperations(event, self._chosen(event, identifier))

    def _chosen(self, event: evt.Event, identifier: Dataset) -> list[Instance] | None:
        """What a retrieve request asks for; None when its identifier cannot be understood."""
        try:
            level = level_of(identifier, patient_root=_model(event) in _PATIENT_ROOT, retrieve=True)
        except IdentifierError as error:
            _log.warning("retrieve: %s", error)
            return None
        if self.faults.no_suboperations:
            return []
        return [one for one in self.index.select(level, identifier) if one.uid("IMAGE") not in self.faults.dropped]

    def _suboperations(self, event: evt.Event, chosen: list[Instance] | None) -> Iterator[Any]:
        """The number of sub-operations, then the objects, as pynetdicom wants them from a handler."""
        if chosen is None:
            yield 1
            yield IDENTIFIER_MISMATCH, None
            return
        yield len(chosen)
        for instance in chosen:
            if event.is_cancelled:
                self._note(event, "C-CANCEL")
                yield CANCELLED, None
                return
            if self.faults.delay:
                time.sleep(self.faults.delay)
            yield PENDING, _unsendable(instance) if self._fails() else pydicom.dcmread(instance.path)

    def _fails(self) -> bool:
        with self._fault_lock:
            if self.faults.fail_suboperations < 1:
                return False
            self.faults.fail_suboperations -= 1
            return True

    def _on_store(self, event: evt.Event) -> int:
        self._note(event, "C-STORE")
        name = event.file_meta.MediaStorageSOPInstanceUID
        if not name.is_valid:
            return NOT_UNDERSTOOD
        path = self.folder / "received" / f"{name}.dcm"
        arriving = path.with_suffix(".arriving")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            arriving.write_bytes(event.encoded_dataset())
            arriving.rename(path)
            self.index.add(path)
        except OSError:
            return OUT_OF_RESOURCES
        except (InvalidDicomError, AttributeError, ValueError):
            path.unlink(missing_ok=True)
            return NOT_UNDERSTOOD
        return SUCCESS

    def _note(self, event: evt.Event, service: str, identifier: Dataset | None = None, destination: str = "") -> None:
        asked = identifier if identifier is not None else Dataset()
        calling = str(event.assoc.requestor.ae_title).strip()
        self.requests.append(Request(service, calling, str(asked.get("QueryRetrieveLevel", "")), asked, destination))


def _model(event: evt.Event) -> str:
    return str(event.context.abstract_syntax)


def _unsendable(instance: Instance) -> Dataset:
    """An object that no presentation context carries, so that its sub-operation fails and is listed as failed."""
    broken = Dataset()
    broken.SOPInstanceUID = instance.uid("IMAGE")
    return broken


def parse_destinations(texts: Iterable[str]) -> dict[str, tuple[str, int]]:
    """``AET=host:port`` texts as a mapping.

    Raises:
        ValueError: a text has another form.
    """
    found = {}
    for text in texts:
        aet, _, address = text.partition("=")
        host, _, port = address.rpartition(":")
        if not aet or not host or not port.isdigit():
            raise ValueError(f"{text!r} is not AET=host:port")
        found[aet] = (host, int(port))
    return found


def _send_at_once(event: evt.Event) -> None:
    """Switch Nagle's algorithm off: it holds the second part of an answer back for up to 40 ms."""
    transport = event.assoc.dul.socket
    if transport is not None and transport.socket is not None:
        transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
