"""Associations that pynetdicom serves: those of query/retrieve, for which its reassembly of messages is fast enough."""

from __future__ import annotations

import socket

from pynetdicom import AE
from pynetdicom.association import Association
from pynetdicom.transport import AddressInformation, AssociationSocket

from pacs2trial.receiver.negotiation import Proposal
from pacs2trial.receiver.query_retrieve import QueryRetrieve
from pacs2trial.receiver.upper_layer import Connection
from pacs2trial.settings import Settings

_ASSOCIATION_TIMEOUT = 30.0
_NO_LIMIT_HERE = 2**31


class QueryRetrieveNode:
    """Gives a connection to pynetdicom, with the request that was read from it, and waits for its end."""

    def __init__(self, settings: Settings, query_retrieve: QueryRetrieve) -> None:
        self._handlers = query_retrieve.handlers()
        self._entity = AE(settings.receiver_aet)
        self._entity.require_called_aet = True
        self._entity.maximum_associations = _NO_LIMIT_HERE
        self._entity.maximum_pdu_size = settings.receiver_pdu_bytes
        self._entity.acse_timeout = _ASSOCIATION_TIMEOUT
        self._entity.network_timeout = settings.receiver_idle_seconds

    def serve(self, connection: Connection, proposal: Proposal) -> None:
        association = Association(self._entity, "acceptor")
        plain = connection.socket()
        association.set_socket(_BegunSocket(association, plain, proposal.pdu))
        association.acceptor.maximum_length = self._entity.maximum_pdu_size
        association.acceptor.ae_title = self._entity.ae_title
        association.acceptor.address_info = AddressInformation.from_tuple(plain.getsockname())
        association.requestor.address_info = AddressInformation.from_tuple(plain.getpeername())
        for event, handler in self._handlers:
            association.bind(event, handler)
        association.start()
        association.join()


class _BegunSocket(AssociationSocket):
    """A socket of pynetdicom's whose first bytes were read already."""

    def __init__(self, association: Association, plain: socket.socket, begun: bytes) -> None:
        self._begun = begun
        super().__init__(association, plain)

    @property
    def ready(self) -> bool:
        return bool(self._begun) or super().ready

    def recv(self, nr_bytes: int) -> bytearray:
        if not self._begun:
            return super().recv(nr_bytes)
        first, self._begun = self._begun[:nr_bytes], self._begun[nr_bytes:]
        return bytearray(first)
