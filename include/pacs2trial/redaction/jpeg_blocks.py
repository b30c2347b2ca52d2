"""Blocks of a sequential JPEG stream blanked without decoding the rest: every other coefficient stays as it is.

A blanked block keeps its place and becomes one even value; the difference that the next block of its colour is coded
as is coded anew (ISO/IEC 10918-1 F.1, F.2).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from pacs2trial.redaction.jpeg_scan import Component, Huffman, NotBlockwiseError, Scan, Stream, parsed

_BLOCK: Final = 8
_END_OF_BLOCK: Final = 0x00
_RESTART: Final = re.compile(rb"\xff[\xd0-\xd7]")
_Bits = NDArray[np.uint8]


def blanked_blocks(data: bytes, plane: NDArray[np.bool_], levels: Sequence[float]) -> bytes:
    """A stream with every block in which a pixel of the plane lies made even.

    Args:
        data: one frame, a sequential JPEG stream (baseline, or extended with Huffman codes).
        plane: which pixels, by rows and columns.
        levels: of each component, what it becomes, from 0 to 1 of its range.

    Raises:
        NotBlockwiseError: it is another kind of stream, or its tables have no codes for what would be written.
    """
    stream = parsed(data)
    if len(levels) != len(stream.components):
        raise NotBlockwiseError
    values = {}
    for component, level in zip(stream.components, levels, strict=True):
        span = 1 << stream.precision
        step = stream.quantisation.get(component.table, 0)
        if not step:
            raise NotBlockwiseError
        values[component.identifier] = round((level * (span - 1) - span / 2) * _BLOCK / step)
    parts: list[bytes] = []
    position = 0
    for scan in stream.scans:
        parts += [data[position : scan.start], _blanked_scan(stream, scan, data, plane, values)]
        position = scan.stop
    return b"".join([*parts, data[position:]])


def _blanked_scan(stream: Stream, scan: Scan, data: bytes, plane: NDArray[np.bool_], values: dict[int, int]) -> bytes:
    coded = data[scan.start : scan.stop]
    marks = [match.span() for match in _RESTART.finditer(coded)]
    blocks = list(_blocks(stream, scan, plane))
    each = len(blocks) if not scan.restart else scan.restart * _blocks_a_unit(scan)
    parts: list[bytes] = []
    position = 0
    for number, first in enumerate(range(0, len(blocks), each)):
        stop, following = marks[number] if number < len(marks) else (len(coded), len(coded))
        interval = blocks[first : first + each]
        if any(blank for _, blank in interval):
            parts.append(_Interval(scan, coded[position:stop], values).blanked(interval))
        else:
            parts.append(coded[position:stop])
        parts.append(coded[stop:following])
        position = following
    return b"".join(parts)


def _blocks_a_unit(scan: Scan) -> int:
    if len(scan.components) == 1:
        return 1
    return sum(one.across * one.down for one in scan.components)


def _blocks(stream: Stream, scan: Scan, plane: NDArray[np.bool_]) -> Iterator[tuple[Component, bool]]:
    """The blocks of a scan in their order, and whether a pixel of the plane lies in them (A.2)."""
    widest = max(one.across for one in stream.components)
    tallest = max(one.down for one in stream.components)
    if len(scan.components) == 1:
        only = scan.components[0]
        wide, tall = widest // only.across * _BLOCK, tallest // only.down * _BLOCK
        for y in range(-(-stream.rows // tall)):
            for x in range(-(-stream.columns // wide)):
                yield only, _touches(plane, x * wide, y * tall, wide, tall)
        return
    for unit_y in range(-(-stream.rows // (tallest * _BLOCK))):
        for unit_x in range(-(-stream.columns // (widest * _BLOCK))):
            for one in scan.components:
                wide, tall = widest // one.across * _BLOCK, tallest // one.down * _BLOCK
                for y in range(one.down):
                    for x in range(one.across):
                        left, top = (unit_x * one.across + x) * wide, (unit_y * one.down + y) * tall
                        yield one, _touches(plane, left, top, wide, tall)


def _touches(plane: NDArray[np.bool_], left: int, top: int, width: int, height: int) -> bool:
    return bool(plane[top : top + height, left : left + width].any())


@dataclass
class _Interval:
    """What stands between two restarts: there the values of the blocks begin from zero again."""

    scan: Scan
    coded: bytes
    values: dict[int, int]
    read: dict[int, int] = field(default_factory=dict)
    written: dict[int, int] = field(default_factory=dict)

    def blanked(self, blocks: Sequence[tuple[Component, bool]]) -> bytes:
        """The entropy-coded bytes with blocks made even."""
        plain = self.coded.replace(b"\xff\x00", b"\xff")
        bits = np.unpackbits(np.frombuffer(plain, np.uint8))
        padded = plain + bytes(8)
        made: list[_Bits] = []
        copied = position = 0
        for component, blank in blocks:
            name, start = component.identifier, position
            dc, ac = self.scan.huffman[0, component.dc], self.scan.huffman[1, component.ac]
            before = self.read.get(name, 0)
            value, behind_dc = _difference(padded, position, dc)
            self.read[name] = before + value
            position = _behind_block(padded, behind_dc, ac)
            if position > len(bits):
                raise NotBlockwiseError
            target = self.values[name] if blank else self.read[name]
            difference = target - self.written.get(name, 0)
            self.written[name] = target
            if blank:
                made += [bits[copied:start], _code(dc, difference), _symbol(ac, _END_OF_BLOCK)]
                copied = position
            elif difference != value:
                made += [bits[copied:start], _code(dc, difference)]
                copied = behind_dc
        made.append(bits[copied:position])
        joined = np.concatenate(made)
        filled = np.concatenate([joined, np.ones(-len(joined) % 8, np.uint8)])
        return np.packbits(filled).tobytes().replace(b"\xff", b"\xff\x00")


def _next_16(data: bytes, position: int) -> int:
    byte = position >> 3
    return ((data[byte] << 16 | data[byte + 1] << 8 | data[byte + 2]) >> (8 - (position & 7))) & 0xFFFF


def _difference(data: bytes, position: int, table: Huffman) -> tuple[int, int]:
    """The coded difference of mean values, and the bit behind it (F.2.2.1)."""
    try:
        entry = table.symbols[_next_16(data, position)]
        position += entry >> 8
        size = entry & 0xFF
        if not entry or size > 16:
            raise NotBlockwiseError
        if not size:
            return 0, position
        value = _next_16(data, position) >> (16 - size)
    except IndexError:
        raise NotBlockwiseError from None
    return value if value >> (size - 1) else value - (1 << size) + 1, position + size


def _behind_block(data: bytes, position: int, table: Huffman) -> int:
    """The bit behind the other coefficients of a block (F.2.2.2)."""
    symbols, number = table.symbols, 1
    try:
        while number < 64:
            byte = position >> 3
            entry = symbols[
                ((data[byte] << 16 | data[byte + 1] << 8 | data[byte + 2]) >> (8 - (position & 7))) & 0xFFFF
            ]
            size = entry & 15
            position += (entry >> 8) + size
            if size:
                number += (entry >> 4 & 15) + 1
            elif entry & 0xFF == 0xF0:
                number += 16
            elif entry:
                return position
            else:
                raise NotBlockwiseError
    except IndexError:
        raise NotBlockwiseError from None
    return position


def _code(table: Huffman, difference: int) -> _Bits:
    size = abs(difference).bit_length()
    extra = difference if difference >= 0 else difference + (1 << size) - 1
    return np.concatenate([_symbol(table, size), _bits(extra, size)])


def _symbol(table: Huffman, symbol: int) -> _Bits:
    if symbol not in table.codes:
        raise NotBlockwiseError
    return _bits(*table.codes[symbol])


def _bits(value: int, size: int) -> _Bits:
    return np.array([value >> place & 1 for place in range(size - 1, -1, -1)], np.uint8)
