"""The upper layer of DICOM (PS3.8 chapter 9) on one connection that a peer opened.

PDUs are read from the socket into where their content belongs: no queue and no thread between. What breaks the
protocol raises :class:`ProtocolError` with the source and reason that the A-ABORT must name (PS3.8 9.3.8).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
from typing import Final, NamedTuple

from pacs2trial.receiver.inflow import Inflow, PeerGoneError

A_ASSOCIATE_RQ: Final = 0x01
A_ASSOCIATE_AC: Final = 0x02
A_ASSOCIATE_RJ: Final = 0x03
P_DATA_TF: Final = 0x04
A_RELEASE_RQ: Final = 0x05
A_RELEASE_RP: Final = 0x06
A_ABORT: Final = 0x07

# PS3.8 9.3.8, table 9-26: source and reason of an A-ABORT
SERVICE_USER: Final = 0
SERVICE_PROVIDER: Final = 2
NOT_SPECIFIED: Final = 0
UNRECOGNIZED_PDU: Final = 1
UNEXPECTED_PDU: Final = 2
INVALID_PARAMETER: Final = 6

_HEADER = struct.Struct(">BxL")
_FIXED = struct.Struct(">BxLxxBB")
"""A-RELEASE-RP and A-ABORT: type, length 4, source, reason."""
_PDV = struct.Struct(">LBB")
_PDATA = struct.Struct(">BxLLBB")

_OF_COMMAND = 0x01
_LAST = 0x02
_LONGEST_REQUEST = 2**20
_UNLIMITED = 2**17
_PARTING_S = 2.0


class ProtocolError(Exception):
    """The peer sent what the protocol does not allow here; the association is to be aborted."""

    def __init__(self, reason: int, *, source: int = SERVICE_PROVIDER) -> None:
        super().__init__(f"A-ABORT, source {source}, reason {reason}")
        self.source = source
        self.reason = reason


class Pdv(NamedTuple):
    """Head of a presentation data value (PS3.8 9.3.5.1, annex E); its ``length`` bytes are still to be read."""

    context_id: int
    of_command: bool
    last: bool
    length: int


class Connection:
    """Reads and writes the PDUs of one association.

    Reading is for one thread. Answers and an abort may come from several.

    Args:
        sock: a connected stream socket, plain or TLS.
        address: of the peer.
        silence: seconds that the peer may be silent.
    """

    def __init__(self, sock: socket.socket, address: str, *, silence: float) -> None:
        self.address = address
        self._socket = sock
        self._silence = silence
        self._left = 0
        self._sending = threading.Lock()
        self._is_tcp = sock.family in {socket.AF_INET, socket.AF_INET6}
        if self._is_tcp:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._inflow = Inflow(sock, silence)

    def secure(self, context: ssl.SSLContext, within: float) -> None:
        """Agree on TLS with the peer, before anything else is read.

        Args:
            context: our side of it.
            within: seconds from now.

        Raises:
            PeerGoneError: TLS did not come about.
        """
        self._socket.settimeout(within)
        try:
            self._socket = context.wrap_socket(self._socket, server_side=True)
        except OSError:
            raise PeerGoneError from None
        self._inflow = Inflow(self._socket, self._silence)

    def read_request(self, within: float) -> bytearray:
        """The A-ASSOCIATE-RQ PDU with which every association begins (PS3.8 9.3.2), whole.

        Args:
            within: seconds from now, however the peer spreads its bytes over them.

        Raises:
            ProtocolError: the peer began with something else (PS3.8 9.2.3, AA-1).
            PeerGoneError: it went away, or was not ready in time.
        """
        limit = time.monotonic() + within
        head = self._read_until(limit, _HEADER.size)
        kind, length = _HEADER.unpack(head)
        if kind == A_ABORT:
            raise PeerGoneError
        if kind != A_ASSOCIATE_RQ or length > _LONGEST_REQUEST:
            raise ProtocolError(NOT_SPECIFIED, source=SERVICE_USER)
        return head + self._read_until(limit, length)

    def next_pdv(self) -> Pdv | None:
        """The head of the next presentation data value; None when the peer asks for the release of the association.

        Raises:
            ProtocolError: another PDU, one that does not exist, or one whose lengths contradict each other.
            PeerGoneError: the peer aborted, went away or fell silent.
        """
        while not self._left:
            self._acknowledge()
            kind, length = _HEADER.unpack(self._inflow.head(_HEADER.size))
            if kind == A_RELEASE_RQ:
                return None
            if kind == A_ABORT:
                raise PeerGoneError
            if kind != P_DATA_TF:
                known = A_ASSOCIATE_RQ <= kind <= A_ABORT
                raise ProtocolError(UNEXPECTED_PDU if known else UNRECOGNIZED_PDU)
            self._left = length
        if self._left < _PDV.size:
            raise ProtocolError(INVALID_PARAMETER)
        length, context_id, control = _PDV.unpack(self._inflow.head(_PDV.size))
        length -= 2
        self._left -= _PDV.size
        if not 0 <= length <= self._left:
            raise ProtocolError(INVALID_PARAMETER)
        self._left -= length
        return Pdv(context_id, bool(control & _OF_COMMAND), bool(control & _LAST), length)

    def fill(self, view: memoryview) -> None:
        """Read as many bytes as ``view`` takes.

        Raises:
            PeerGoneError: they did not come.
        """
        self._inflow.fill(view)

    def send(self, *parts: bytes) -> None:
        """Send encoded PDUs, as one piece.

        Raises:
            PeerGoneError: the peer does not take them.
        """
        try:
            with self._sending:
                self._socket.sendall(b"".join(parts))
        except OSError:
            raise PeerGoneError from None

    def release(self) -> None:
        """Answer a request for release (PS3.8 9.3.7) and let the peer close the connection."""
        with contextlib.suppress(PeerGoneError):
            self.send(_FIXED.pack(A_RELEASE_RP, 4, 0, 0))
        self._part()

    def reject(self, pdu: bytes) -> None:
        """Send an A-ASSOCIATE-RJ and let the peer close the connection."""
        with contextlib.suppress(PeerGoneError):
            self.send(pdu)
        self._part()

    def abort(self, reason: int = NOT_SPECIFIED, *, source: int = SERVICE_USER) -> None:
        """Send an A-ABORT and end the connection, also while another thread reads from it."""
        with contextlib.suppress(PeerGoneError):
            self.send(_FIXED.pack(A_ABORT, 4, source, reason))
        self._part()

    @property
    def silence(self) -> float:
        """Seconds that the peer may be silent."""
        return self._silence

    def interrupt(self) -> None:
        """Abort from another thread than the one that reads. OpenSSL has no room for two: with TLS the peer hears no
        A-ABORT.
        """
        if not isinstance(self._socket, ssl.SSLSocket):
            self.abort()
        self.cut()

    def cut(self) -> None:
        """End the connection without a word; a thread that reads from it hears :class:`PeerGoneError`."""
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)

    def socket(self) -> socket.socket:
        """The socket, for who reads and writes it instead from now on."""
        self._inflow.wait_for_ever()
        return self._socket

    def close(self) -> None:
        """Give the socket back to the system."""
        self._socket.close()

    def _read_until(self, limit: float, length: int) -> bytearray:
        content = bytearray(length)
        self._inflow.fill_until(memoryview(content), limit)
        return content

    def _acknowledge(self) -> None:
        """Acknowledge at once what came, before waiting for more.

        A peer that left Nagle's algorithm on, as Debian's DCMTK does, sends the rest of a message only then: the
        delayed acknowledgement would cost 40 ms for every object.
        """
        if self._is_tcp:
            with contextlib.suppress(OSError):
                self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)

    def _part(self) -> None:
        """Wait a moment for the peer to close, which is its part (PS3.8 9.1.5, ARTIM, and AR-4, AA-1, AE-8 of 9.2.2).

        One that hears of our end together with what was sent last may not get to read that.
        """
        limit = time.monotonic() + _PARTING_S
        rest = bytearray(65536)
        with contextlib.suppress(OSError, ValueError):
            while (patience := limit - time.monotonic()) > 0:
                self._socket.settimeout(patience)
                if not self._socket.recv_into(rest):
                    break
            if isinstance(self._socket, ssl.SSLSocket):
                self._socket = self._socket.unwrap()


def p_data(context_id: int, content: bytes, *, of_command: bool, peer_maximum: int) -> bytes:
    """``content`` as P-DATA-TF PDUs of one presentation data value each (PS3.8 9.3.5).

    Args:
        context_id: ID of the accepted presentation context.
        content: a command set or a data set, whole.
        of_command: which of them.
        peer_maximum: the longest PDU that the peer takes (PS3.8 D.1.1); 0 for no limit.
    """
    room = max((peer_maximum or _UNLIMITED) - _PDV.size, 2)
    pdus = []
    for start in range(0, max(len(content), 1), room):
        part = content[start : start + room]
        control = (_OF_COMMAND if of_command else 0) | (_LAST if start + room >= len(content) else 0)
        pdus.append(_PDATA.pack(P_DATA_TF, len(part) + _PDV.size, len(part) + 2, context_id, control) + part)
    return b"".join(pdus)
