"""Where compressed frames can carry text: comments, application segments, boxes, bytes behind the end.

Only the markers are read; the image is not decoded.
"""

from __future__ import annotations

import re
from typing import Final, NoReturn

from pacs2trial.dicomfile.scan import Bytes, refuse

Range = tuple[int, int]
"""First byte, and the byte after the last."""

_START: Final = b"\xff\xd8"
_START_2000: Final = b"\xff\x4f\xff\x51"
_START_XL: Final = b"\xff\x0a"
_BOX_FILE: Final = b"\x00\x00\x00\x0cjP  "

_END: Final = 0xD9
_SCAN: Final = 0xDA
_COMMENT: Final = 0xFE
_APPLICATION: Final = range(0xE0, 0xF0)
_WITHOUT_LENGTH: Final = frozenset((0x01, *range(0xD0, 0xD8)))
_SEGMENTS: Final = frozenset((*range(0xC0, 0xD0), *range(0xDA, 0xE0), 0xF7, 0xF8)) - {0xC8}
_NEXT_MARKER: Final = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")
_NEXT_MARKER_LS: Final = re.compile(rb"\xff[\x80-\xcf\xd8-\xfe]")

_TILE: Final = 0x90
_DATA: Final = 0x93
_COMMENT_2000: Final = 0x64
_SEGMENTS_2000: Final = frozenset(
    (0x50, 0x51, 0x52, 0x53, 0x55, 0x57, 0x58, 0x59, 0x5C, 0x5D, 0x5E, 0x5F, 0x60, 0x61, 0x63, *range(0x70, 0x7A))
)
_IMAGE_BOXES: Final = frozenset((b"jP  ", b"ftyp", b"jp2h", b"rreq"))
_CODESTREAM_BOX: Final = b"jp2c"
_ENCODER: Final = re.compile(
    rb"(Kakadu-|Creator: JasPer Version |Created by (GDCM/)?OpenJPEG version |LEAD Technologies Inc\. )"
    rb"[vV]?\d{1,3}(\.\d{1,3}){0,3}\0?"
)
"""How encoders sign; such a comment names nobody, and the frame stays byte for byte."""


def begins_jpeg(fragment: Bytes) -> bool:
    """Whether ``fragment`` begins as a JPEG or JPEG-LS frame does; nothing within such a frame looks like it."""
    return bytes(fragment[:2]) == _START


def begins_jpeg_2000(fragment: Bytes) -> bool:
    return bytes(fragment[:8]).startswith((_START_2000, _BOX_FILE))


def hidden_in_jpeg(stream: Bytes, *, lossless_ls: bool) -> list[Range]:
    """The content of comments and application segments and what follows the end of a JPEG or JPEG-LS frame
    (ISO/IEC 10918-1 annex B, 14495-1 annex C).

    Application segments that decoders need stay: JFIF without a thumbnail, Adobe's and JPEG-LS's colour transform.

    Raises:
        UnsafeObjectError: ``pixel-encoding`` where the markers cannot be followed to the end of the image.
    """
    if bytes(stream[:2]) != _START:
        _doubt()
    following = _NEXT_MARKER_LS if lossless_ls else _NEXT_MARKER
    hidden: list[Range] = []
    position = 2
    while True:
        marker, position = _marker(stream, position)
        if marker == _END:
            return [*hidden, *_behind(stream, position)]
        if marker in _WITHOUT_LENGTH:
            continue
        start, stop = _segment(stream, position)
        if marker == _COMMENT:
            hidden += _comment(stream, start, stop)
        elif marker in _APPLICATION:
            hidden += [] if _is_needed(marker, bytes(stream[start:stop])) else [(start, stop)]
        elif marker not in _SEGMENTS:
            _doubt()
        position = stop
        if marker == _SCAN:
            found = following.search(stream, stop)
            position = found.start() if found else len(stream)


def hidden_in_jpeg_2000(stream: Bytes) -> list[Range]:
    """The same for a JPEG 2000 codestream (ISO/IEC 15444-1 annex A), also within a file of boxes (annex I)."""
    if bytes(stream[:8]) != _BOX_FILE:
        return _hidden_in_codestream(stream, 0, len(stream))
    hidden: list[Range] = []
    position, codestreams = 0, 0
    while position < len(stream):
        if _is_padding(stream[position:]):
            break
        kind, start, stop = _box(stream, position)
        if kind == _CODESTREAM_BOX:
            codestreams += 1
            hidden += _hidden_in_codestream(stream, start, stop)
        elif kind not in _IMAGE_BOXES:
            hidden.append((start, stop))
        position = stop
    if codestreams != 1:
        _doubt()
    return hidden


def is_jpeg_xl_codestream(stream: Bytes) -> bool:
    """Whether it is a bare codestream, which has no room for text; boxes may hold EXIF and the rest of a JPEG file."""
    return bytes(stream[:2]) == _START_XL


def is_rle_frame(stream: Bytes) -> bool:
    """Whether the header is that of an RLE frame (PS3.5 G.5) and its unused places are empty."""
    if len(stream) < 64:
        return False
    numbers = [int.from_bytes(stream[place : place + 4], "little") for place in range(0, 64, 4)]
    count, offsets, unused = numbers[0], numbers[1 : numbers[0] + 1], numbers[numbers[0] + 1 :]
    return (
        1 <= count <= 15
        and offsets[0] == 64
        and offsets == sorted(set(offsets))
        and offsets[-1] < len(stream)
        and not any(unused)
    )


def _hidden_in_codestream(stream: Bytes, start: int, end: int) -> list[Range]:
    """Marker by marker through the headers; the data of a tile-part are stepped over by its length."""
    if bytes(stream[start : start + 4]) != _START_2000:
        _doubt()
    hidden: list[Range] = []
    position = start + 2
    tile_end = tiles = 0
    while position < end and not (tiles and not tile_end and _is_padding(stream[position:end])):
        place = position
        marker, position = _marker(stream, position, end)
        if marker == _END and tiles and not tile_end:
            return [*hidden, *_behind(stream, position, end)]
        if marker == _DATA:
            if tile_end < position:
                _doubt()
            position, tile_end = tile_end, 0
            continue
        first, stop = _segment(stream, position, end)
        if marker == _TILE and not tile_end:
            tile_end = _end_of_tile_part(stream, place, first, stop, end)
            tiles += 1
        elif marker == _COMMENT_2000:
            hidden += _comment(stream, min(first + 2, stop), stop)
        elif marker not in _SEGMENTS_2000:
            _doubt()
        position = stop
    if not tiles or tile_end:
        _doubt()
    return hidden


def _end_of_tile_part(stream: Bytes, place: int, first: int, stop: int, end: int) -> int:
    """Psot counts from the marker; 0 says that the tile-part reaches to the end of the codestream."""
    if stop - first != 8:
        _doubt()
    length = int.from_bytes(stream[first + 2 : first + 6], "big")
    if length == 0:
        last = bytes(stream[stop:end]).rfind(b"\xff\xd9")
        return end if last < 0 else stop + last
    if not 14 <= length <= end - place:
        _doubt()
    return place + length


def _marker(stream: Bytes, position: int, end: int | None = None) -> tuple[int, int]:
    """The second byte of the marker at ``position``, and where it ends; bytes FF before it fill up."""
    end = len(stream) if end is None else end
    if position >= end or stream[position] != 0xFF:
        _doubt()
    while position < end and stream[position] == 0xFF:
        position += 1
    if position >= end:
        _doubt()
    return stream[position], position + 1


def _segment(stream: Bytes, position: int, end: int | None = None) -> Range:
    """The content of the segment whose length stands at ``position``."""
    length = int.from_bytes(stream[position : position + 2], "big")
    stop = position + length
    if length < 2 or stop > (len(stream) if end is None else end):
        _doubt()
    return position + 2, stop


def _box(stream: Bytes, position: int) -> tuple[bytes, int, int]:
    length = int.from_bytes(stream[position : position + 4], "big")
    kind, start = bytes(stream[position + 4 : position + 8]), position + 8
    if length == 1:
        length, start = int.from_bytes(stream[start : start + 8], "big"), start + 8
    elif length == 0:
        length = len(stream) - position
    if not start - position <= length <= len(stream) - position:
        _doubt()
    return kind, start, position + length


def _comment(stream: Bytes, start: int, stop: int) -> list[Range]:
    return [] if _ENCODER.fullmatch(stream, start, stop) else [(start, stop)]


def _is_needed(marker: int, content: bytes) -> bool:
    return (
        (marker == 0xE0 and content[:5] == b"JFIF\0" and len(content) == 14 and content[12:] == b"\0\0")
        or (marker == 0xE8 and content[:4] == b"mrfx" and len(content) == 5)
        or (marker == 0xEE and content[:5] == b"Adobe" and len(content) == 12)
    )


def _behind(stream: Bytes, position: int, end: int | None = None) -> list[Range]:
    """What follows the end of the image, unless it is padding."""
    end = len(stream) if end is None else end
    return [] if _is_padding(stream[position:end]) or bytes(stream[position:end]) == b"\xff" else [(position, end)]


def _is_padding(rest: Bytes) -> bool:
    return not len(rest) or (rest[0] == 0 and not bytes(rest).strip(b"\0"))


def _doubt() -> NoReturn:
    refuse("pixel-encoding", "the markers of a compressed frame cannot be followed to the end of the image")
