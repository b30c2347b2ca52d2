"""One association from the first byte to the last, on a thread of its own: no other thread takes part in it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing
from dataclasses import dataclass, field
from typing import Protocol

from pynetdicom.presentation import PresentationContext

from pacs2trial.receiver import commands
from pacs2trial.receiver.commands import CommandError, Value
from pacs2trial.receiver.inflow import PeerGoneError
from pacs2trial.receiver.messages import Message, MessageReader
from pacs2trial.receiver.negotiation import CALLED_NOT_RECOGNIZED, Proposal, Rejection, rejection
from pacs2trial.receiver.upper_layer import (
    INVALID_PARAMETER,
    NOT_SPECIFIED,
    SERVICE_USER,
    Connection,
    ProtocolError,
    p_data,
)

log = logging.getLogger(__name__)

UNRECOGNIZED_OPERATION = 0x0211
"""PS3.7 C.5.22."""

_REQUEST_WITHIN_S = 30.0


class Service(Protocol):
    """What answers the messages on an accepted presentation context, one after another.

    It sends its response, or its responses, by :meth:`Association.respond`, and may read on by
    :meth:`Association.next_message`, as C-GET does for the answers to its C-STORE sub-operations.
    """

    def __call__(self, association: Association, message: Message) -> None: ...


@dataclass(frozen=True)
class Offer:
    """A presentation context that a node supports, the service behind it, and the command fields that it answers."""

    context: PresentationContext
    service: Service
    operations: frozenset[int]


@dataclass
class Association:
    """An association that is being served.

    Attributes:
        connection: its connection.
        calling: AE title of the peer.
        called: AE title that it called.
        peer_maximum: the longest PDU that the peer takes, 0 for no limit.
        contexts: accepted presentation contexts by ID.
        counts: what became of the objects that it brought, for the one line in the log at its end.
        leaving: what is done when it ends, however it ends.
    """

    connection: Connection
    reader: MessageReader
    calling: str
    called: str
    peer_maximum: int
    contexts: Mapping[int, PresentationContext]
    counts: Counter[str] = field(default_factory=Counter)
    leaving: ExitStack = field(default_factory=ExitStack, repr=False)

    def next_message(self) -> Message | None:
        """The next message; None when the peer asks for the release. See :meth:`MessageReader.next`."""
        return self.reader.next()

    def transfer_syntax(self, message: Message) -> str:
        """The transfer syntax in which the data sets of this message's context are encoded."""
        return str(self.contexts[message.context_id].transfer_syntax[0])

    def respond(
        self,
        message: Message,
        status: int,
        *,
        dataset: bytes | None = None,
        more: Mapping[int, Value] | None = None,
    ) -> None:
        """Send a response.

        Args:
            message: the request.
            status: PS3.7 annex C, PS3.4 of the service.
            dataset: encoded in the context's transfer syntax; none when absent.
            more: elements of the command set that the request does not have, as the counts of sub-operations.

        Raises:
            PeerGoneError: the peer does not take it.
        """
        elements = commands.response(message.command, status, more)
        self.send(message.context_id, elements, dataset)

    def send(self, context_id: int, elements: Mapping[int, Value], dataset: bytes | None = None) -> None:
        """Send a message whose command set has these elements; see :meth:`respond`."""
        if dataset is not None:
            elements = {**elements, commands.DATA_SET_TYPE: 0}
        parts = [p_data(context_id, commands.encode(elements), of_command=True, peer_maximum=self.peer_maximum)]
        if dataset is not None:
            parts.append(p_data(context_id, dataset, of_command=False, peer_maximum=self.peer_maximum))
        self.connection.send(*parts)


class Node(Protocol):
    """Whatever answers those who call one AE title."""

    def serve(self, connection: Connection, proposal: Proposal) -> None:
        """Accept a proposal, and answer until the peer asks for the release.

        Raises:
            ProtocolError, PeerGoneError: as the connection does.
        """


@dataclass(frozen=True)
class OfferingNode:
    """A node that supports what its offers say.

    Attributes:
        offers: presentation contexts and their services; each abstract syntax once.
        longest_object: bytes of a data set; larger ones are not kept.
        maximum_pdu: bytes of a PDU that it asks for.
    """

    offers: Sequence[Offer]
    longest_object: int
    maximum_pdu: int

    def serve(self, connection: Connection, proposal: Proposal) -> None:
        acceptance, contexts = proposal.accept([offer.context for offer in self.offers], self.maximum_pdu)
        connection.send(acceptance)
        by_abstract_syntax = {str(offer.context.abstract_syntax): offer for offer in self.offers}
        with closing(MessageReader(connection, contexts, longest=self.longest_object)) as reader:
            association = Association(
                connection, reader, proposal.calling, proposal.called, proposal.peer_maximum, contexts
            )
            with association.leaving:
                association.leaving.callback(_tell, association)
                _converse(association, by_abstract_syntax)


Directory = Callable[[Proposal], Node | None]
"""Who answers a proposal; None when nobody goes by the AE title that it calls."""

Admission = Callable[[Proposal, str], AbstractContextManager[Rejection | None]]
"""Decides on a proposal from an address, before its presentation contexts are looked at; None lets it in, and it is in
until the block ends."""


def serve_association(connection: Connection, directory: Directory, admission: Admission) -> None:
    """Negotiate, answer messages until the peer releases or something breaks, close.

    What breaks the protocol is answered with the A-ABORT of PS3.8 9.3.8. Nothing is raised: other associations and
    the caller are not concerned.

    Args:
        connection: just opened by the peer.
        directory: who answers.
        admission: who may in, and how many.
    """
    try:
        proposal = Proposal(connection.read_request(min(_REQUEST_WITHIN_S, connection.silence)))
        node = directory(proposal)
        refused = proposal.fault() or (CALLED_NOT_RECOGNIZED if node is None else None)
        if node is not None and refused is None:
            with admission(proposal, connection.address) as refused:
                if refused is None:
                    node.serve(connection, proposal)
        if refused is None:
            connection.release()
        else:
            connection.reject(rejection(refused))
    except PeerGoneError:
        pass
    except ProtocolError as error:
        log.warning("association aborted: source %d, reason %d of PS3.8 9.3.8", error.source, error.reason)
        connection.abort(error.reason, source=error.source)
    except Exception as error:  # noqa: BLE001 - one association must not end the receiver
        log.error("association aborted: %s", type(error).__name__)  # noqa: TRY400 - a traceback quotes values
        connection.abort()
    finally:
        connection.close()


def _tell(association: Association) -> None:
    if association.counts:
        counted = ", ".join(f"{number} {what}" for what, number in sorted(association.counts.items()))
        log.info("%s: %s", association.calling, counted)


def _converse(association: Association, offers: Mapping[str, Offer]) -> None:
    while (message := association.next_message()) is not None:
        offer = offers[str(association.contexts[message.context_id].abstract_syntax)]
        try:
            _answer(association, offer, message)
        except CommandError:
            raise ProtocolError(INVALID_PARAMETER) from None


def _answer(association: Association, offer: Offer, message: Message) -> None:
    """Hand a request to its service; a C-CANCEL that comes when all is done already has no answer (PS3.7 9.3.2.3)."""
    operation = message.command.field
    if operation in offer.operations:
        offer.service(association, message)
    elif operation & commands.RESPONSE:
        raise ProtocolError(NOT_SPECIFIED, source=SERVICE_USER)
    elif operation != commands.C_CANCEL_RQ:
        association.respond(message, UNRECOGNIZED_OPERATION)
