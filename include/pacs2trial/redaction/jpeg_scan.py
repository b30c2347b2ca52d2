"""A JPEG stream as far as blanking blocks asks for it: tables, components and scans (ISO/IEC 10918-1 annexes B, F)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

_SOI, _EOI, _SOS, _DQT, _DHT, _DRI = 0xD8, 0xD9, 0xDA, 0xDB, 0xC4, 0xDD
_SEQUENTIAL: Final = (0xC0, 0xC1)
_OTHER_FRAMES: Final = frozenset((*range(0xC2, 0xD0),)) - {0xC4, 0xC8, 0xCC}
_RESTART: Final = range(0xD0, 0xD8)


class NotBlockwiseError(Exception):
    """The stream is of a kind, or has tables, in which single blocks cannot be blanked; says nothing of its content."""


@dataclass
class Component:
    """One colour: how its blocks lie, its quantisation table and the value of its last block."""

    identifier: int
    across: int
    down: int
    table: int
    dc: int = 0
    ac: int = 0


@dataclass(frozen=True)
class Huffman:
    """Codes by symbol (value and bits), and symbols by the next 16 bits (bits of the code << 8 | symbol; 0: none)."""

    codes: dict[int, tuple[int, int]]
    symbols: list[int] = field(repr=False)


@dataclass
class Scan:
    """One scan: its components, and where its entropy-coded bytes stand."""

    components: list[Component]
    start: int
    stop: int
    huffman: dict[tuple[int, int], Huffman]
    restart: int


@dataclass
class Stream:
    """A JPEG stream taken apart."""

    rows: int
    columns: int
    precision: int
    components: list[Component]
    quantisation: dict[int, int]
    scans: list[Scan]


def parsed(data: bytes) -> Stream:
    """Follow the markers of a sequential stream.

    Raises:
        NotBlockwiseError: it is progressive, lossless, arithmetic or hierarchical, or cannot be followed.
    """
    stream = Stream(0, 0, 0, [], {}, [])
    huffman: dict[tuple[int, int], Huffman] = {}
    restart, position = 0, 2
    try:
        while data[position + 1] != _EOI:
            if data[position] != 0xFF:
                raise NotBlockwiseError
            marker = data[position + 1]
            if marker == 0xFF:
                position += 1
                continue
            stop = position + 2 + int.from_bytes(data[position + 2 : position + 4], "big")
            segment = data[position + 4 : stop]
            if marker in _SEQUENTIAL:
                _frame(stream, segment)
            elif marker in _OTHER_FRAMES:
                raise NotBlockwiseError
            elif marker == _DQT:
                _quantisation(stream, segment)
            elif marker == _DHT:
                huffman = {**huffman, **_huffman(segment)}
            elif marker == _DRI:
                restart = int.from_bytes(segment[:2], "big")
            elif marker == _SOS:
                scan = _scan(stream, segment, stop, _end_of_scan(data, stop), huffman, restart)
                stream.scans.append(scan)
                stop = scan.stop
            position = stop
    except (IndexError, KeyError, ValueError):
        raise NotBlockwiseError from None
    if not stream.rows or not stream.columns or not stream.scans:
        raise NotBlockwiseError
    return stream


def _frame(stream: Stream, segment: bytes) -> None:
    stream.precision = segment[0]
    stream.rows, stream.columns = int.from_bytes(segment[1:3], "big"), int.from_bytes(segment[3:5], "big")
    for place in range(6, 6 + 3 * segment[5], 3):
        number, factors, table = segment[place : place + 3]
        stream.components.append(Component(number, factors >> 4, factors & 15, table))


def _quantisation(stream: Stream, segment: bytes) -> None:
    """Of every table the step of the mean value of a block."""
    place = 0
    while place < len(segment):
        wide = segment[place] >> 4
        size = 2 if wide else 1
        stream.quantisation[segment[place] & 15] = int.from_bytes(segment[place + 1 : place + 1 + size], "big")
        place += 1 + 64 * size


def _huffman(segment: bytes) -> dict[tuple[int, int], Huffman]:
    found = {}
    place = 0
    while place < len(segment):
        kind = segment[place] >> 4, segment[place] & 15
        counts = segment[place + 1 : place + 17]
        values = segment[place + 17 : place + 17 + sum(counts)]
        found[kind] = _table(counts, values)
        place += 17 + len(values)
    return found


def _table(counts: bytes, values: bytes) -> Huffman:
    codes: dict[int, tuple[int, int]] = {}
    symbols = [0] * 65536
    code = place = 0
    for bits, count in enumerate(counts, 1):
        for value in values[place : place + count]:
            codes[value] = code, bits
            first = code << (16 - bits)
            symbols[first : first + (1 << (16 - bits))] = [bits << 8 | value] * (1 << (16 - bits))
            code += 1
        place += count
        code <<= 1
    if len(symbols) != 65536:
        raise NotBlockwiseError
    return Huffman(codes, symbols)


def _scan(
    stream: Stream, segment: bytes, start: int, stop: int, huffman: dict[tuple[int, int], Huffman], restart: int
) -> Scan:
    chosen = []
    for place in range(1, 1 + 2 * segment[0], 2):
        component = next(one for one in stream.components if one.identifier == segment[place])
        component.dc, component.ac = segment[place + 1] >> 4, segment[place + 1] & 15
        chosen.append(component)
    return Scan(chosen, start, stop, huffman, restart)


def _end_of_scan(data: bytes, position: int) -> int:
    while True:
        position = data.index(b"\xff", position)
        if data[position + 1] and data[position + 1] not in _RESTART:
            return position
        position += 2
