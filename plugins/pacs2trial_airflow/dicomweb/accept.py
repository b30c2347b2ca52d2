"""What a client accepts (RFC 9110 12.5.1), with the parameters that PS3.18 8.7 gives to media types."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

ANY: Final = "*/*"
MULTIPART: Final = "multipart/related"
_PART: Final = re.compile(r'(?:[^,;"]|"(?:[^"\\]|\\.)*")+')
_RANGE: Final = re.compile(r'(?:[^,"]|"(?:[^"\\]|\\.)*")+')


@dataclass(frozen=True)
class MediaRange:
    """One media range: ``kind`` is its type, or, in a multipart/related, that of its parts; all in small letters.

    Attributes:
        transfer_syntax: ``*``, a UID, or empty where none is asked for.
    """

    kind: str
    multipart: bool
    transfer_syntax: str = ""
    quality: float = 1.0

    def admits(self, kind: str) -> bool:
        """Whether ``kind``, such as ``application/dicom``, is in this range."""
        wanted, _, _ = self.kind.partition("/")
        return self.kind in (ANY, kind) or (self.kind.endswith("/*") and kind.startswith(wanted + "/"))


def accepted(header: str | None) -> list[MediaRange]:
    """The media ranges of an Accept header, the preferred first; everything where there is none."""
    found = [each for each in _ranges(header or ANY) if each.quality > 0]
    return sorted(found, key=lambda each: -each.quality)


def first_of(ranges: Sequence[MediaRange], kinds: Sequence[str], *, multipart: bool) -> str | None:
    """The first of ``kinds`` that is accepted as a whole answer, or as the parts of one; None if none is."""
    for each in ranges:
        for kind in kinds:
            if each.admits(kind) and (each.multipart == multipart or each.kind == ANY):
                return kind
    return None


def _ranges(header: str) -> Iterator[MediaRange]:
    for text in _RANGE.findall(header):
        name, *parameters = (part.strip() for part in _PART.findall(text))
        values = dict(_parameter(parameter) for parameter in parameters)
        multipart = name.lower() == MULTIPART
        kind = values.get("type", ANY) if multipart else name
        yield MediaRange(kind.lower(), multipart, values.get("transfer-syntax", ""), _quality(values.get("q", "1")))


def _parameter(text: str) -> tuple[str, str]:
    name, _, value = text.partition("=")
    return name.strip().lower(), value.strip().strip('"')


def _quality(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return 0.0
