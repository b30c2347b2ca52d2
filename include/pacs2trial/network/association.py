"""One way to an association, with every way it can fail in plain words."""

from __future__ import annotations

import queue
import socket
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

from pynetdicom import AE, evt
from pynetdicom.association import Association
from pynetdicom.pdu_primitives import A_ASSOCIATE, SCP_SCU_RoleSelectionNegotiation
from pynetdicom.presentation import PresentationContext

from pacs2trial.errors import PermanentError, TransientError
from pacs2trial.network.peer import Peer
from pacs2trial.network.quiet import hush
from pacs2trial.network.standstill import keep_answers
from pacs2trial.network.tls import calling_context, explain, refuses_us

# PS3.8 9.3.4, table 9-21: (source, reason) of an A-ASSOCIATE-RJ
_REASONS: dict[tuple[int, int], str] = {
    (1, 1): "it gives no reason",
    (1, 2): "application context name not supported",
    (1, 3): "calling AE title not recognized; register {calling} as a known AE title at the PACS",
    (1, 7): "called AE title not recognized; correct 'aet' in the connection, it is {called}",
    (2, 1): "it gives no reason",
    (2, 2): "protocol version not supported",
    (3, 1): "temporary congestion",
    (3, 2): "local limit exceeded, too many associations",
}
_REJECTED_PERMANENT = 1
_REJECTED = (_REJECTED_PERMANENT, 2)
_ALERT_WAIT_S = 2.0
"""A peer that speaks TLS 1.3 says only after the handshake that it does not accept our certificate."""


class RejectedError(PermanentError):
    """The peer rejected the association for good; ``reason`` is (source, reason) of PS3.8 table 9-21."""

    def __init__(self, message: str, reason: tuple[int, int]) -> None:
        self.reason = reason
        super().__init__(message)


class TlsError(PermanentError):
    """TLS does not come about. ``ours_refused``: the peer has shown who it is, and does not accept our certificate."""

    def __init__(self, message: str, *, ours_refused: bool) -> None:
        self.ours_refused = ours_refused
        super().__init__(message)


class UnreachableError(TransientError):
    """No association came about, for a cause that may pass; another request right now would meet the same."""


@contextmanager
def associate(
    peer: Peer,
    contexts: Sequence[PresentationContext],
    *,
    response_timeout: float,
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation] = (),
    handlers: Sequence[tuple[Any, ...]] = (),
) -> Iterator[Association]:
    """An association that is released at the end, or aborted when the body raises.

    Args:
        peer: the node to call.
        contexts: proposed presentation contexts, at most 128 (PS3.8 9.3.2.2); the first has to be accepted.
        response_timeout: seconds to wait for each DIMSE message.
        roles: role selection items (PS3.7 D.3.3.4), needed by C-GET.
        handlers: pynetdicom event handlers.

    Raises:
        UnreachableError: refused connection, time-out, abort, transient rejection.
        RejectedError: permanent rejection (PS3.8 9.3.4).
        TlsError: TLS does not come about.
        PermanentError: the first context is not accepted.
        SetupError: certificate, key or trusted certificates of the connection cannot be used.
    """
    hush()
    association = _request(peer, contexts, response_timeout, roles, handlers)
    if not association.is_established:
        raise _refusal(association, peer)
    keep_answers(association)
    try:
        _demand(contexts[0], association, peer)
        yield association
    except BaseException:
        association.abort()
        raise
    association.release()


def _request(
    peer: Peer,
    contexts: Sequence[PresentationContext],
    response_timeout: float,
    roles: Sequence[SCP_SCU_RoleSelectionNegotiation],
    handlers: Sequence[tuple[Any, ...]],
) -> Association:
    entity = AE(peer.calling_aet)
    entity.connection_timeout = peer.patience.connect_timeout
    entity.acse_timeout = peer.patience.association_timeout
    entity.dimse_timeout = response_timeout
    entity.network_timeout = None  # an open association is ours to close, also between two slow requests
    try:
        return entity.associate(
            peer.host,
            peer.port,
            contexts=list(contexts),
            ae_title=peer.aet,
            ext_neg=list(roles),
            tls_args=_tls(peer),
            evt_handlers=[
                (evt.EVT_CONN_OPEN, send_at_once),
                (evt.EVT_CONN_OPEN, _limit_reads, [peer.patience.association_timeout]),
                *handlers,
            ],
        )
    except socket.gaierror:
        raise UnreachableError(f"{peer} cannot be reached: the host name is unknown") from None


def _limit_reads(event: evt.Event, seconds: float) -> None:
    """Let no read last longer. What follows a TLS 1.3 handshake (RFC 8446 4.6) looks like the begin of an answer, for
    which pynetdicom would wait without end.
    """
    transport = event.assoc.dul.socket
    if transport is not None and isinstance(transport.socket, ssl.SSLSocket):
        transport.socket.settimeout(seconds)


def _tls(peer: Peer) -> tuple[ssl.SSLContext, str] | None:
    return (calling_context(peer.tls), peer.tls.certificate_name or peer.host) if peer.tls.tls else None


def send_at_once(event: evt.Event) -> None:
    """Switch Nagle's algorithm off for a new connection: it holds the second part of a message back for up to 40 ms."""
    transport = event.assoc.dul.socket
    if transport is not None and transport.socket is not None:
        transport.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)


def _demand(context: PresentationContext, association: Association, peer: Peer) -> None:
    needed = context.abstract_syntax
    assert needed is not None
    if needed not in {accepted.abstract_syntax for accepted in association.accepted_contexts}:
        raise PermanentError(f"{peer} does not offer {needed.name}")


def _refusal(association: Association, peer: Peer) -> TransientError | PermanentError:
    answer = association.acceptor.primitive or _unread_rejection(association)
    if answer is not None and answer.result in _REJECTED:
        code = (answer.result_source or 0, answer.diagnostic or 0)
        reason = _REASONS.get(code, "for a reason PS3.8 does not know")
        words = reason.format(called=repr(peer.aet), calling=repr(peer.calling_aet))
        message = f"{peer} rejected the association: {words}"
        return RejectedError(message, code) if answer.result == _REJECTED_PERMANENT else UnreachableError(message)
    if answer is not None and not association.accepted_contexts:
        return PermanentError(f"{peer} accepted none of the services asked for")
    return _why_not_connected(peer)


def _unread_rejection(association: Association) -> A_ASSOCIATE | None:
    """A rejection that came, with the end of the connection, before pynetdicom looked whether there is a connection: it
    then takes the call for a failed one, and does not read why.
    """
    with suppress(queue.Empty):
        while True:
            answer: object = association.dul.to_user_queue.get_nowait()
            if isinstance(answer, A_ASSOCIATE) and answer.result in _REJECTED:
                return answer
    return None


def _why_not_connected(peer: Peer) -> TransientError | PermanentError:
    """The cause of a failed connection, which pynetdicom does not keep, so the connection is tried once more."""
    timeout = peer.patience.connect_timeout
    try:
        with socket.create_connection((peer.host, peer.port), timeout) as connection:
            fault = _tls_fault(peer, connection)
    except ConnectionRefusedError:
        return UnreachableError(f"{peer} cannot be reached: connection refused, nothing listens on that port")
    except TimeoutError:
        return UnreachableError(f"{peer} cannot be reached: no connection within {timeout:g} s")
    except OSError as error:
        return UnreachableError(f"{peer} cannot be reached: {error.strerror or 'the network fails'}")
    if fault is not None:
        return TlsError(f"{peer}: no TLS connection: {explain(fault)}", ours_refused=refuses_us(fault))
    return UnreachableError(
        f"{peer} gave no association: it closed the connection, aborted, "
        f"or did not answer within {peer.patience.association_timeout:g} s"
        + ("" if peer.tls.tls else "; if it wants TLS, put 'tls': true into the connection's extra")
    )


def _tls_fault(peer: Peer, connection: socket.socket) -> ssl.SSLError | ConnectionError | None:
    """Why TLS does not come about on a new connection; None when it does, or is not asked for."""
    tls = _tls(peer)
    if tls is None:
        return None
    context, name = tls
    try:
        with context.wrap_socket(connection, server_hostname=name) as secured:
            secured.settimeout(_ALERT_WAIT_S)
            secured.recv(1)
    except TimeoutError:
        return None
    except (ssl.SSLError, ConnectionError) as error:
        return error
    return None


def ended(peer: Peer, verb: str, response_timeout: float) -> TransientError:
    """The error for an association that ended, or fell silent, before the final response to ``verb``."""
    return TransientError(
        f"{peer} broke off during {verb}: it aborted, the connection was lost, "
        f"or it was silent for {response_timeout:g} s"
    )
