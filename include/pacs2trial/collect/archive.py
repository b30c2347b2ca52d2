"""A zip that is a function of its members alone: no clock, host, user or file attribute stands in it (promise 6).

It is written from front to back and nothing in it is changed afterwards, so that its SHA-256 grows with it. Digests and
compression of several members run in threads beside the one that makes them; a zip that is stored takes the bytes of
a mapped file from the kernel (copy_file_range, Linux), which never come into this process to be written.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from pacs2trial.collect.squeezing import PIECE, Compression, Part, Squeezed, pieces, squeeze
from pacs2trial.collect.ziprecords import Entry, central_directory, local_header
from pacs2trial.dicomfile.mapped import MappedPart

IN_FLIGHT: Final = 64 << 20
"""Bytes of members that wait for their digests; a larger member waits alone."""

MOST_IN_FLIGHT: Final = 8
_WORTH_THE_KERNEL: Final = 1 << 16
_WORTH_A_THREAD: Final = 1 << 15


@dataclass(frozen=True, slots=True)
class Member:
    """One file inside a package; ``size`` in bytes before compression."""

    name: str
    size: int
    sha256: str


class Archive:
    """Writes members one after the other; keeps nothing of them but name, size and digests.

    Every member carries the DOS epoch (1980-01-01) as its time and 0600 as its mode. ZIP64 fields stand where a member
    or the whole needs them, which is a function of the sizes.

    Args:
        file: empty, open for writing.
        compression: of members that do not ask to be stored.
        folder: where large compressed members wait; the system's for temporary files by default.
    """

    def __init__(self, file: BinaryIO, compression: Compression, folder: Path | None = None) -> None:
        self._file = file
        self._compression = compression
        self._folder = folder
        self._entries: list[Entry] = []
        self._members: list[Member] = []
        self._last = ""
        self._digest = hashlib.sha256()
        self._small = bytearray()
        self._hashing: deque[Future[None]] = deque()
        self._waiting: deque[tuple[int, Future[Squeezed]]] = deque()
        self._squeezers = ThreadPoolExecutor(_cores(), "squeeze")
        self._hasher = ThreadPoolExecutor(1, "hash")
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if kind is None:
                self.settle()
                self._write(central_directory(self._entries, self.size))
                self._settle_digest(0)
                self._digest.update(self._small)
        finally:
            self._squeezers.shutdown(cancel_futures=True)
            self._hasher.shutdown(cancel_futures=True)

    @property
    def sha256(self) -> str:
        """Of the whole file; asked for once the archive is closed."""
        return self._digest.hexdigest()

    def add(self, name: str, parts: Sequence[Part], *, stored: bool = False) -> None:
        """Append one member made of ``parts``; names come in ascending order, so the same set gives the same file.

        Args:
            name: of the member.
            parts: its bytes, which must not change until the archive is settled.
            stored: leave it as it is, whatever the archive's compression.
        """
        if name <= self._last:
            raise ValueError("members are added in ascending order of their names")
        self._last = name
        size = sum(memoryview(part.view if isinstance(part, MappedPart) else part).nbytes for part in parts)
        while self._waiting and (
            len(self._waiting) >= MOST_IN_FLIGHT or size + sum(each for each, _ in self._waiting) > IN_FLIGHT
        ):
            self._write_next()
        how: Compression = "store" if stored else self._compression
        if size < _WORTH_A_THREAD:
            squeezed: Future[Squeezed] = Future()
            squeezed.set_result(squeeze(name, parts, how, self._folder))
        else:
            squeezed = self._squeezers.submit(squeeze, name, parts, how, self._folder)
        self._waiting.append((size, squeezed))

    def settle(self) -> list[Member]:
        """Wait until everything that was added is written: all members so far, in their order."""
        while self._waiting:
            self._write_next()
        return list(self._members)

    def close_with(self, others: Sequence[tuple[str, bytes]]) -> list[Member]:
        """Append members that speak about all before them and so cannot stand in their order, as they are given."""
        for name, content in others:
            self._last = ""
            self.add(name, [content])
        return self.settle()[-len(others) :]

    def _write_next(self) -> None:
        squeezed = self._waiting.popleft()[1].result()
        entry = squeezed.entry
        here = Entry(entry.name, entry.method, entry.crc, entry.packed, entry.size, self.size)
        self._write(local_header(here))
        if squeezed.spool is None:
            for part in squeezed.parts:
                self._write_part(part)
        else:
            with squeezed.spool:
                for piece in squeezed.pieces():
                    self._write(piece)
        self._entries.append(here)
        self._members.append(Member(here.name, here.size, squeezed.sha256))

    def _write_part(self, part: Part) -> None:
        if isinstance(part, MappedPart) and len(part.view) >= _WORTH_THE_KERNEL and self._copied(part):
            self.size += len(part.view)
            for piece in pieces(part):
                self._take_into_digest(piece)
            return
        for piece in pieces(part):
            self._write(piece)

    def _copied(self, part: MappedPart) -> bool:
        """Whether the kernel copied the part from file to file; if it cannot, nothing was written."""
        try:
            target = self._file.fileno()
            self._file.flush()
            done = 0
            while done < len(part.view):
                here = self.size + done
                step = os.copy_file_range(part.file.descriptor, target, len(part.view) - done, part.offset + done, here)
                if not step:
                    return False
                done += step
        except (OSError, AttributeError):
            return False
        self._file.seek(self.size + done)
        return True

    def _write(self, piece: bytes | memoryview) -> None:
        self._file.write(piece)
        self.size += len(piece)
        self._take_into_digest(piece)

    def _take_into_digest(self, piece: bytes | memoryview) -> None:
        """Pieces go into the digest in their order, in a thread of its own; small ones together."""
        if len(piece) < _WORTH_A_THREAD:
            self._small += piece
            if len(self._small) < _WORTH_A_THREAD:
                return
            piece = b""
        self._settle_digest(IN_FLIGHT // PIECE)
        if self._small:
            self._hashing.append(self._hasher.submit(self._digest.update, bytes(self._small)))
            self._small.clear()
        if len(piece):
            self._hashing.append(self._hasher.submit(self._digest.update, piece))

    def _settle_digest(self, most: int) -> None:
        """Wait until at most ``most`` pieces are not in the digest yet."""
        while len(self._hashing) > most:
            self._hashing.popleft().result()


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
