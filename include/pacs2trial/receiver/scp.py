"""A receiver within one process: accepts connections and gives each association a thread."""

from __future__ import annotations

import logging
import os
import select
import socket
import threading
import time

from pacs2trial.intake.stage1 import pinned_staging_plan
from pacs2trial.network.quiet import hush
from pacs2trial.receiver.arriving import OpenStudies
from pacs2trial.receiver.association import Node, serve_association
from pacs2trial.receiver.handover import QueryRetrieveNode
from pacs2trial.receiver.inflow import PeerGoneError
from pacs2trial.receiver.listening import listen
from pacs2trial.receiver.negotiation import Proposal
from pacs2trial.receiver.query_retrieve import QueryRetrieve
from pacs2trial.receiver.reception import Desk, Reception
from pacs2trial.receiver.services import own_node
from pacs2trial.receiver.upper_layer import Connection
from pacs2trial.staging.store import sweep
from pacs2trial.workspace import Workspace

log = logging.getLogger(__name__)

_HANDSHAKE_S = 30.0
_ANTEROOM = 64
"""Connections beyond the limit of associations that may wait for their rejection; more are closed at once."""
_YIELD_S = 0.005
_MOST_YIELD_S = 0.05
_STOP_POLL = 0.05


def prepare(ws: Workspace) -> None:
    """What is done once before anything is received: sweep what a killed receiver left, pin the staging plan.

    Raises:
        InputError: the site's own list of safe private attributes has faults.
        TransientError: the vault cannot be written.
    """
    hush()
    leftovers = sweep(ws.settings)
    if leftovers:
        log.info("%d unfinished files of a killed process were removed", leftovers)
    pinned_staging_plan(ws)


class Receiver:
    """Accepts associations that call it by one of its AE titles.

    Args:
        ws: the site.
        reception: what it shares with other workers.
        worker: which of them this is.

    Raises:
        SetupError: the allow-list or a file of TLS has faults.
        InputError: the file of query/retrieve that the settings name is absent or wrong.
    """

    def __init__(
        self,
        ws: Workspace,
        *,
        reception: Reception | None = None,
        worker: int = 0,
    ) -> None:
        self._ws = ws
        self._limit = ws.settings.receiver_associations
        self._reception = reception or Reception.of(ws.settings)
        self._worker = worker
        self._counter = self._reception.tally.worker(worker)
        self._aet = ws.settings.receiver_aet.strip()
        self._open_studies = OpenStudies(ws.vault)
        self._own_node = own_node(ws, self._counter, self._open_studies)
        self._query_retrieve = QueryRetrieve(ws)
        self._query_retrieve_node = QueryRetrieveNode(ws.settings, self._query_retrieve)
        self._running: dict[Connection, threading.Thread] = {}
        self._lock = threading.Lock()
        self._accepting: threading.Thread | None = None
        self._listener: socket.socket | None = None
        self._bell = os.pipe()

    def start(self) -> int:
        """:func:`prepare`, then listen and accept.

        Returns:
            The port, also when the settings ask for any free one (0).

        Raises:
            InputError, TransientError: as :func:`prepare`.
            SetupError: the port is taken, or the address is not this machine's; the message says what to set.
        """
        listener = listen(self._ws.settings)
        try:
            prepare(self._ws)
        except BaseException:
            listener.close()
            raise
        self.accept_from(listener)
        return int(listener.getsockname()[1])

    def accept_from(self, listener: socket.socket) -> None:
        """Accept connections from a socket that listens, perhaps in several processes at once."""
        self._listener = listener
        self._open_studies.start()
        self._accepting = threading.Thread(target=self._accept, args=(listener,), daemon=True, name="accept")
        self._accepting.start()

    def stop(self, *, grace: float = 30.0) -> None:
        """Accept no more, let running associations end for ``grace`` seconds, then abort them."""
        if self._accepting is None or self._listener is None:
            return
        os.write(self._bell[1], b"!")
        self._accepting.join()
        self._accepting = None
        self._listener.close()
        limit = time.monotonic() + grace
        while self._associations() and time.monotonic() < limit:
            time.sleep(_STOP_POLL)
        for connection, thread in self._associations():
            connection.interrupt()
            thread.join(grace)
        self._open_studies.stop()
        for end in self._bell:
            os.close(end)

    def _associations(self) -> list[tuple[Connection, threading.Thread]]:
        with self._lock:
            return list(self._running.items())

    def _accept(self, listener: socket.socket) -> None:
        """Of several workers the one with fewest associations is the quickest, so that all cores have work."""
        while True:
            ready, _, _ = select.select([listener.fileno(), self._bell[0]], [], [])
            if self._bell[0] in ready:
                return
            time.sleep(min(len(self._running) * _YIELD_S, _MOST_YIELD_S))
            try:
                accepted, address = listener.accept()
            except OSError:  # another worker was quicker, or the peer is gone again
                continue
            if len(self._running) >= self._limit + _ANTEROOM:
                accepted.close()
                continue
            self._begin(accepted, str(address[0]))

    def _begin(self, accepted: socket.socket, address: str) -> None:
        connection = Connection(accepted, address, silence=self._ws.settings.receiver_idle_seconds)
        thread = threading.Thread(target=self._serve, args=(connection,), daemon=True, name="association")
        with self._lock:
            self._running[connection] = thread
        thread.start()

    def _serve(self, connection: Connection) -> None:
        desk = Desk(self._reception, self._node, self._counter, worker=self._worker, limit=self._limit)
        try:
            if self._secured(connection, desk):
                serve_association(connection, desk.directory, desk.admission)
                desk.left()
        finally:
            with self._lock:
                del self._running[connection]

    def _secured(self, connection: Connection, desk: Desk) -> bool:
        if self._reception.tls is None:
            return True
        try:
            connection.secure(self._reception.tls, _HANDSHAKE_S)
        except PeerGoneError:
            log.info("a connection came to no TLS")
            desk.no_tls()
            connection.close()
            return False
        return True

    def _node(self, proposal: Proposal) -> Node | None:
        if self._query_retrieve.admits(proposal.calling, proposal.called):
            return self._query_retrieve_node
        return self._own_node if proposal.called == self._aet else None
