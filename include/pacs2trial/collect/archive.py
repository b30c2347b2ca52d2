"""A zip that is a function of its members alone: no clock, host, user or file attribute stands in it (promise 6)."""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import BinaryIO, Literal, Self

_TYPES: dict[str, int] = {"store": zipfile.ZIP_STORED, "fast": zipfile.ZIP_DEFLATED}
DEFLATE_LEVEL = 1


def compressor(compression: str) -> str:
    """What made the bytes of a zip: equal bytes are promised for ``fast`` only where this is equal."""
    return "store" if compression == "store" else f"zlib {zlib.ZLIB_RUNTIME_VERSION} level {DEFLATE_LEVEL}"


@dataclass(frozen=True, slots=True)
class Member:
    """One file inside a package; ``size`` in bytes before compression."""

    name: str
    size: int
    sha256: str


class Archive:
    """Writes members one after the other; keeps nothing of them but name, size and digest.

    Every member carries the DOS epoch (1980-01-01) as its time and 0600 as its mode. ZIP64 fields stand where a member
    or the whole needs them, which is a function of the sizes.
    """

    def __init__(self, file: BinaryIO, compression: Literal["store", "fast"]) -> None:
        self._zip = zipfile.ZipFile(file, "w", compression=_TYPES[compression], compresslevel=DEFLATE_LEVEL)
        self._last = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._zip.close()

    def add(self, name: str, parts: Sequence[bytes | memoryview]) -> Member:
        """Append one member made of ``parts``; names come in ascending order, so the same set gives the same file.

        Returns:
            Its name, size and SHA-256.
        """
        if name <= self._last:
            raise ValueError("members are added in ascending order of their names")
        self._last = name
        size = sum(memoryview(part).nbytes for part in parts)
        digest = hashlib.sha256()
        with self._zip.open(name, "w", force_zip64=size * 1.05 > zipfile.ZIP64_LIMIT) as member:
            for part in parts:
                digest.update(part)
                member.write(part)
        return Member(name, size, digest.hexdigest())

    def close_with(self, name: str, content: bytes) -> Member:
        """Append the last member, which speaks about all others and so cannot stand in their order."""
        self._last = ""
        return self.add(name, [content])
