"""A multipart/related answer that is written while it is made (RFC 2387, PS3.18 8.6.1.2)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from dataclasses import dataclass


@dataclass(frozen=True)
class Part:
    """One part: its Content-Type, its Content-Location if it has an address, and its bytes in pieces."""

    content_type: str
    content: Iterable[bytes]
    location: str = ""


@dataclass(frozen=True)
class Multipart:
    """The whole answer; ``kind`` is the media type of its parts."""

    kind: str
    parts: Iterable[Part]
    boundary: str

    @property
    def content_type(self) -> str:
        return f'multipart/related; type="{self.kind}"; boundary={self.boundary}'

    def pieces(self) -> Iterator[bytes]:
        """What goes over the wire, piece by piece."""
        for part in self.parts:
            location = f"Content-Location: {part.location}\r\n" if part.location else ""
            yield f"--{self.boundary}\r\nContent-Type: {part.content_type}\r\n{location}\r\n".encode("ascii")
            yield from part.content
            yield b"\r\n"
        yield f"--{self.boundary}--\r\n".encode("ascii")


def multipart(kind: str, parts: Iterable[Part]) -> Multipart:
    """An answer of ``parts`` with a boundary that nobody can have put into them."""
    return Multipart(kind, parts, secrets.token_hex(16))
