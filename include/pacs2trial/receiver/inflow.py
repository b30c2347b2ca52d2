"""What comes over a connection: heads through a little memory, content straight to where it belongs.

A PDU is read in two calls of the system, however many packets bring it. On a plain socket the system itself waits for
all of it and counts the seconds of silence; TLS is read piece by piece.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import time
from typing import Final

_AHEAD: Final = 4096
"""Bytes that may be read before they are asked for; what is content of them is copied once."""


class PeerGoneError(Exception):
    """The peer aborted, closed the connection or was silent for too long."""


class Inflow:
    """Reads from a connected stream socket, for one thread.

    Args:
        sock: plain or TLS.
        silence: seconds without a byte after which the peer is taken for gone. Where the last bytes of what is asked
            for are missing, it may be as long again.
    """

    def __init__(self, sock: socket.socket, silence: float) -> None:
        self._socket = sock
        self._silence = silence
        self._ahead = memoryview(bytearray(_AHEAD))
        self._begin = self._end = 0
        self._flags = 0 if isinstance(sock, ssl.SSLSocket) else socket.MSG_WAITALL
        self.wait_as_agreed()

    def wait_as_agreed(self) -> None:
        """Wait for ``silence`` again, after somebody changed the time limit of the socket."""
        if not self._flags:
            self._socket.settimeout(self._silence)
            return
        self._block(max(round(self._silence * 1e6), 1))

    def wait_for_ever(self) -> None:
        """Leave the socket without a time limit, for who reads from it from now on."""
        self._block(0)

    def head(self, length: int) -> memoryview:
        """The next ``length`` bytes, few of them; to be looked at before anything else is read.

        Raises:
            PeerGoneError: they did not come.
        """
        while self._end - self._begin < length:
            if self._begin == self._end:
                self._begin = self._end = 0
            elif self._begin + length > _AHEAD:
                rest = bytes(self._ahead[self._begin : self._end])
                self._ahead[: len(rest)] = rest
                self._begin, self._end = 0, len(rest)
            self._end += self._receive(self._ahead[self._end :], 0)
        self._begin += length
        return self._ahead[self._begin - length : self._begin]

    def fill(self, view: memoryview) -> None:
        """Read as many bytes as ``view`` takes.

        Raises:
            PeerGoneError: they did not come.
        """
        there = min(self._end - self._begin, len(view))
        if there:
            view[:there] = self._ahead[self._begin : self._begin + there]
            self._begin += there
            view = view[there:]
        while view:
            view = view[self._receive(view, self._flags) :]

    def fill_until(self, view: memoryview, limit: float) -> None:
        """As :meth:`fill` before anything was read ahead, however the peer spreads its bytes.

        Args:
            view: is filled.
            limit: moment of the monotonic clock.

        Raises:
            PeerGoneError: they did not come by then.
        """
        try:
            while view:
                self._socket.settimeout(max(limit - time.monotonic(), 0.001))
                view = view[self._receive(view, 0) :]
        finally:
            with contextlib.suppress(OSError):
                self.wait_as_agreed()

    def _block(self, microseconds: int) -> None:
        self._socket.settimeout(None)
        limit = struct.pack("ll", *divmod(microseconds, 1_000_000))
        for what in (socket.SO_RCVTIMEO, socket.SO_SNDTIMEO):
            self._socket.setsockopt(socket.SOL_SOCKET, what, limit)

    def _receive(self, view: memoryview, flags: int) -> int:
        try:
            number = self._socket.recv_into(view, 0, flags)
        except OSError:
            raise PeerGoneError from None
        if not number:
            raise PeerGoneError
        return number
