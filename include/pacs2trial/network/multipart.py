"""A body of ``multipart/related`` taken apart while it comes (RFC 2387, PS3.18 8.6.1.2)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.message import Message

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser


class BrokenBodyError(Exception):
    """The body is no multipart, or ends before its last boundary."""


@dataclass
class Part:
    """One part: its headers by name in small letters, and its bytes as they came."""

    headers: dict[str, str] = field(default_factory=dict)
    content: bytearray = field(default_factory=bytearray, repr=False)


def parts(content_type: str, chunks: Iterable[bytes]) -> Iterator[Part]:
    """The parts of a body, each as soon as it is whole. No more than one part and one chunk are in memory.

    Args:
        content_type: of the answer; any other type than multipart is one part.
        chunks: the body.

    Raises:
        BrokenBodyError: a part has no end, or the boundary is missing.
    """
    declared = Message()
    declared["Content-Type"] = content_type
    if declared.get_content_maintype() != "multipart":
        whole = Part({"content-type": content_type})
        for chunk in chunks:
            whole.content += chunk
        yield whole
        return
    boundary = declared.get_boundary()
    if not boundary:
        raise BrokenBodyError("the boundary is missing")
    taking = _Taking()
    parser = MultipartParser(boundary, taking.callbacks())  # type: ignore[arg-type]  # its TypedDict asks for literals
    try:
        for chunk in chunks:
            parser.write(chunk)
            yield from taking.finished()
    except FormParserError:
        raise BrokenBodyError("it is no multipart body") from None
    if not taking.ended:
        raise BrokenBodyError("it ends before its last boundary")


class _Taking:
    """What the parser tells, gathered into parts."""

    def __init__(self) -> None:
        self.ended = False
        self._part = Part()
        self._name = bytearray()
        self._value = bytearray()
        self._finished: list[Part] = []

    def callbacks(self) -> dict[str, object]:
        return {
            "on_part_begin": self._begin,
            "on_header_begin": self._header_begin,
            "on_header_field": lambda data, start, end: self._name.extend(data[start:end]),
            "on_header_value": lambda data, start, end: self._value.extend(data[start:end]),
            "on_header_end": self._header_end,
            "on_part_data": lambda data, start, end: self._part.content.extend(memoryview(data)[start:end]),
            "on_part_end": lambda: self._finished.append(self._part),
            "on_end": self._end,
        }

    def finished(self) -> Iterator[Part]:
        while self._finished:
            yield self._finished.pop(0)

    def _begin(self) -> None:
        self._part = Part()

    def _header_begin(self) -> None:
        self._name, self._value = bytearray(), bytearray()

    def _header_end(self) -> None:
        name = self._name.decode("latin-1").lower()
        self._part.headers[name] = self._value.decode("latin-1").strip()

    def _end(self) -> None:
        self.ended = True
