"""A PACS whose every answer is written by the test: real sockets and associations, in this process."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest
from pydicom import Dataset
from pydicom.uid import UID
from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, evt
from pynetdicom.presentation import StoragePresentationContexts
from pynetdicom.transport import ThreadedAssociationServer

from pacs2trial.network.peer import Patience, Peer

PATIENT_ID = "4711-PLANTED"
STUDY, SERIES = "1.2.826.0.1.3680043.8.498.1", "1.2.826.0.1.3680043.8.498.1.1"
FIND, MOVE, GET = (UID(f"1.2.840.10008.5.1.4.1.2.2.{last}") for last in (1, 2, 3))
VERIFICATION = UID("1.2.840.10008.1.1")

PATIENT = Patience(
    connect_timeout=20,
    association_timeout=20,
    response_timeout=20,
    transfer_timeout=20,
    settle_timeout=1,
    settle_quiet=0.3,
    retry_wait=0.3,
)
"""Times that a busy machine keeps."""


def impatient(peer: Peer) -> Peer:
    """The same peer with times that let a test of silence end soon, once there is an association."""
    times = {"response_timeout": 1, "transfer_timeout": 1}
    return replace(peer, patience=peer.patience.model_copy(update=times))


def in_a_hurry(peer: Peer) -> Peer:
    """The same peer, to be given up when there is no association after a second."""
    return replace(peer, patience=peer.patience.model_copy(update={"association_timeout": 1}))


class ScriptedPacs:
    """Starts nodes on free loopback ports and stops them at the end of the test."""

    def __init__(self) -> None:
        self._servers: list[ThreadedAssociationServer] = []
        self._sockets: list[socket.socket] = []

    def node(self, *handlers: tuple[Any, Callable[..., Any]], offers: Sequence[UID] = (FIND, MOVE, GET)) -> Peer:
        """A node that answers by ``handlers`` (pynetdicom's events) and offers the given services."""
        entity = AE("PACS")
        entity.require_called_aet = True
        for service in offers:
            entity.add_supported_context(service)
        for context in StoragePresentationContexts[:100]:
            assert context.abstract_syntax is not None
            entity.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES, scu_role=True, scp_role=True)
        server = entity.start_server(("127.0.0.1", 0), block=False, evt_handlers=list(handlers))
        assert isinstance(server, ThreadedAssociationServer)
        self._servers.append(server)
        return peer_at(server.server_address[1])

    def mute_port(self) -> int:
        """A port that takes connections and never says a word."""
        listening = socket.create_server(("127.0.0.1", 0))
        self._sockets.append(listening)
        port: int = listening.getsockname()[1]
        return port

    def close(self) -> None:
        ending = [threading.Thread(target=server.shutdown) for server in self._servers]
        for server, end in zip(self._servers, ending, strict=True):
            end.start()
            with suppress(OSError):  # a call wakes it: by itself it looks twice a second whether it should end
                socket.create_connection(server.server_address, 1).close()
        for end in ending:
            end.join()
        for listening in self._sockets:
            listening.close()


def peer_at(port: int, **changes: Any) -> Peer:
    """A peer on a loopback port."""
    fields: dict[str, Any] = {
        "name": "main",
        "host": "127.0.0.1",
        "port": port,
        "aet": "PACS",
        "calling_aet": "PACS2TRIAL",
        "move_destination": "PACS2TRIAL",
        "patience": PATIENT,
    }
    return Peer(**(fields | changes))


def finds(*answers: tuple[int, Dataset | None]) -> tuple[Any, Callable[..., Any]]:
    """C-FIND answered by these (status, identifier) pairs."""

    def handler(event: evt.Event) -> Iterator[tuple[int, Dataset | None]]:
        yield from answers

    return evt.EVT_C_FIND, handler


def dataset(**elements: Any) -> Dataset:
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


@pytest.fixture
def scripted_pacs() -> Iterator[ScriptedPacs]:
    pacs = ScriptedPacs()
    yield pacs
    pacs.close()
