"""Cells of the inventory, read from the header that stage 2 wrote: explicit VR little endian, defined lengths."""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from datetime import date
from typing import Final

from pacs2trial.collect.columns import COLUMNS, Cell, Type
from pacs2trial.deidentify.charset import decode
from pacs2trial.dicomfile.scan import elements, item_at
from pacs2trial.dicomfile.vr import SEQUENCE_END

_CHARSET: Final = 0x00080005
_NUMBERS: Final = {b"US": "<H", b"SS": "<h", b"UL": "<L", b"SL": "<l", b"FL": "<f", b"FD": "<d"}
_PADDING: Final = b" \0"
_NO_INTEGER: Final = 1 << 63

_Tree = dict[int, "tuple[str, _Tree]"]


def _tree() -> _Tree:
    """The paths of all columns: tag → column that ends here, and what is below."""
    root: _Tree = {}
    for column in COLUMNS:
        level = root
        for tag in column.path:
            level.setdefault(tag, ("", {}))
            if tag == column.path[-1]:
                level[tag] = (column.name, level[tag][1])
            level = level[tag][1]
    return root


_WANTED: Final = _tree()
_TYPES: Final[dict[str, Type]] = {column.name: column.type for column in COLUMNS}


def cells(header: bytes) -> dict[str, Cell]:
    """The cells of one object by column; what it does not have, or has empty, is left out."""
    found: dict[str, dict[str, None]] = {}
    charset = b""
    for tag, vr, _, start, stop, _ in elements(header, 0, len(header), implicit=False):
        if tag == _CHARSET:
            charset = header[start:stop]
        elif tag in _WANTED:
            name, below = _WANTED[tag]
            for column, text in _texts(header, (vr, start, stop), name, below, charset):
                found.setdefault(column, {})[text] = None
    told = {name: cell("\\".join(texts), _TYPES[name]) for name, texts in found.items()}
    return {name: each for name, each in told.items() if each is not None}


def cell(text: str, kind: Type) -> Cell:
    """One value as its column has it; None if it is empty or none of its type."""
    if not text:
        return None
    try:
        match kind:
            case "text":
                return text
            case "date":
                return date(int(text[:4]), int(text[4:6]), int(text[6:])).isoformat() if len(text) == 8 else None
            case "integer":
                number = int(text)
                return number if abs(number) < _NO_INTEGER else None
            case "number":
                real = float(text)
                return real if math.isfinite(real) else None
    except ValueError:
        return None


def _texts(
    header: bytes, element: tuple[bytes, int, int], name: str, below: _Tree, charset: bytes
) -> Iterator[tuple[str, str]]:
    vr, start, stop = element
    if vr != b"SQ":
        if name and (text := _text(vr, header[start:stop], charset)):
            yield name, text
        return
    while start < stop:
        number, length, content = item_at(header, start, stop)
        if number == SEQUENCE_END:
            return
        start = content + length
        for tag, inner_vr, _, inner_start, inner_stop, _ in elements(header, content, start, implicit=False):
            if tag in below:
                yield from _texts(header, (inner_vr, inner_start, inner_stop), *below[tag], charset)


def _text(vr: bytes, value: bytes, charset: bytes) -> str:
    form = _NUMBERS.get(vr)
    if form is not None:
        size = struct.calcsize(form)
        return str(struct.unpack_from(form, value)[0]) if len(value) >= size else ""
    text = decode(value.strip(_PADDING), charset)
    return "" if text is None else "\\".join(part.strip(" \0") for part in text.split("\\")).strip("\\")
