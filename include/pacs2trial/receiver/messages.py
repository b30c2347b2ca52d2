"""DIMSE messages put together from their fragments (PS3.7 6.3, PS3.8 annex E)."""

from __future__ import annotations

import contextlib
from collections.abc import Container
from dataclasses import dataclass
from mmap import ACCESS_DEFAULT, MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import Final

from pacs2trial.receiver.commands import Command, CommandError
from pacs2trial.receiver.upper_layer import INVALID_PARAMETER, Connection, Pdv, ProtocolError

LONGEST_COMMAND: Final = 65536
_FIRST_ROOM = 2**20
_KEPT_ROOM = 2**26
_BEYOND = 65536


@dataclass(frozen=True)
class Message:
    """A command with its data set.

    Attributes:
        context_id: presentation context that it came on.
        command: its command set.
        dataset: the encoded data set, valid until the next message is read; None when there is none, or when it was
            longer than allowed.
        size: bytes of the data set.
    """

    context_id: int
    command: Command
    dataset: memoryview | None
    size: int


class MessageReader:
    """Reads the messages of one association; data sets go into one buffer that grows with the largest of them.

    Args:
        connection: of the association.
        contexts: IDs of the accepted presentation contexts.
        longest: bytes of a data set; of a longer one nothing is kept.
    """

    def __init__(self, connection: Connection, contexts: Container[int], *, longest: int) -> None:
        self._connection = connection
        self._contexts = contexts
        self._longest = longest
        self._room = _Room()

    def next(self) -> Message | None:
        """The next message, or None when the peer asks for the release of the association.

        Raises:
            ProtocolError: what came makes no message.
            PeerGoneError: the peer is not there any more.
        """
        self._room.clear()
        pdv = self._connection.next_pdv()
        if pdv is None:
            return None
        context_id = pdv.context_id
        command, has_data_set = self._command(pdv)
        if not has_data_set:
            return Message(context_id, command, None, 0)
        size = 0
        while True:
            pdv = self._following(context_id, of_command=False)
            size += pdv.length
            if size > self._longest:
                self._pass_over(pdv.length)
            else:
                self._connection.fill(self._room.take(pdv.length))
            if pdv.last:
                break
        return Message(context_id, command, self._room.content() if size <= self._longest else None, size)

    def close(self) -> None:
        """Give the memory back."""
        self._room.close()

    def _command(self, pdv: Pdv) -> tuple[Command, bool]:
        if not pdv.of_command or pdv.context_id not in self._contexts:
            raise ProtocolError(INVALID_PARAMETER)
        encoded = bytearray()
        while True:
            if len(encoded) + pdv.length > LONGEST_COMMAND:
                raise ProtocolError(INVALID_PARAMETER)
            part = bytearray(pdv.length)
            self._connection.fill(memoryview(part))
            encoded += part
            if pdv.last:
                break
            pdv = self._following(pdv.context_id, of_command=True)
        try:
            command = Command(encoded)
            command.check()
            return command, command.has_data_set
        except CommandError:
            raise ProtocolError(INVALID_PARAMETER) from None

    def _following(self, context_id: int, *, of_command: bool) -> Pdv:
        """The next fragment of a message that is not whole; no other message and no release may come between."""
        pdv = self._connection.next_pdv()
        if pdv is None or pdv.context_id != context_id or pdv.of_command != of_command:
            raise ProtocolError(INVALID_PARAMETER)
        return pdv

    def _pass_over(self, length: int) -> None:
        self._room.clear()
        beyond = memoryview(bytearray(min(length, _BEYOND)))
        while length:
            part = beyond[:length]
            self._connection.fill(part)
            length -= len(part)


class _Room:
    """Memory that grows without being copied: a private anonymous map, whose pages the system only moves."""

    def __init__(self) -> None:
        self._map = _pages(_FIRST_ROOM)
        self._used = 0
        self._views: list[memoryview] = []

    def take(self, length: int) -> memoryview:
        """The next ``length`` bytes, to be filled."""
        needed = self._used + length
        if needed > len(self._map):
            self._resize(max(needed, len(self._map) * 3 // 2))
        self._release()
        view = memoryview(self._map)
        part = view[self._used : needed]
        self._views = [part, view]
        self._used = needed
        return part

    def content(self) -> memoryview:
        """What was filled."""
        self._release()
        view = memoryview(self._map)
        part = view[: self._used]
        self._views = [part, view]
        return part

    def clear(self) -> None:
        """Forget the content; of a very large one also the memory."""
        self._used = 0
        if len(self._map) > _KEPT_ROOM:
            self._resize(_FIRST_ROOM)

    def close(self) -> None:
        self._release()
        with contextlib.suppress(BufferError):
            self._map.close()

    def _resize(self, size: int) -> None:
        self._release()
        try:
            self._map.resize(size)
        except BufferError:  # somebody still looks at the last data set
            old, self._map = self._map, _pages(size)
            self._map[: self._used] = old[: self._used]

    def _release(self) -> None:
        for view in self._views:
            view.release()
        self._views = []


def _pages(size: int) -> mmap:
    return mmap(-1, size, flags=MAP_PRIVATE | MAP_ANONYMOUS, access=ACCESS_DEFAULT)
