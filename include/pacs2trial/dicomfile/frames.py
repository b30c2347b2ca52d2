"""The value of the pixel data, frame by frame: nothing hides between, within or behind the frames.

Native pixel data must be as long as the image description says. Of compressed frames, comments, application segments
and bytes behind the end are overwritten by zeros, so that lengths, offsets and every byte of the image stay. What
cannot be followed is refused. PS3.5 section 8 and annexes A.4, G; PS3.3 C.7.6.3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from typing_extensions import Buffer

from pacs2trial.dicomfile import codestreams
from pacs2trial.dicomfile.codestreams import Range
from pacs2trial.dicomfile.scan import Bytes, item_at, refuse
from pacs2trial.dicomfile.syntaxes import ENCAPSULATED_UNCOMPRESSED, JPEG, JPEG_2000, JPEG_LS, JPEG_XL, RLE, VIDEO
from pacs2trial.dicomfile.vr import SEQUENCE_END

_SAMPLES_OF: Final = {"YBR_FULL_422": (2, 3), "YBR_PARTIAL_422": (2, 3), "YBR_PARTIAL_420": (1, 2)}
"""Chrominance of several pixels is stored once: the part of the samples that is there."""


@dataclass(frozen=True)
class ImageDescription:
    """What the header says of the pixel data.

    Attributes:
        rows, columns, samples, bits: per frame, pixel and sample; ``bits`` is Bits Allocated (0028,0100).
        frames: 1 where Number of Frames (0028,0008) is absent.
        photometric: Photometric Interpretation (0028,0004).
    """

    rows: int
    columns: int
    samples: int
    bits: int
    frames: int
    photometric: str = ""

    @property
    def length(self) -> int:
        """Bytes of all frames uncompressed, padding not counted."""
        part, whole = _SAMPLES_OF.get(self.photometric, (1, 1))
        bits = self.rows * self.columns * self.samples * self.bits * self.frames * part // whole
        return (bits + 7) // 8


def check_native(value: Bytes, image: ImageDescription) -> None:
    """Compare the length of native pixel data with the description; zeros behind the last frame are padding.

    Raises:
        UnsafeObjectError: ``pixel-length``.
    """
    if not len(value):
        return
    length = image.length
    if not length or len(value) < length:
        refuse("pixel-length", "the pixel data are shorter than rows, columns and frames say")
    if bytes(value[length + (length & 1) :]).strip(b"\0"):
        refuse("pixel-length", "the pixel data are longer than rows, columns and frames say")


def cleaned_fragments(value: Bytes, syntax: str, image: ImageDescription) -> list[Buffer]:
    """Encapsulated pixel data, delimiter included, with zeros where text could stand.

    Returns:
        Slices of ``value`` and the zeros between them; of ``value`` whole if there is nothing to overwrite.

    Raises:
        UnsafeObjectError: ``pixel-encoding`` where fragments, frames and transfer syntax do not fit together.
    """
    if syntax in VIDEO:
        return [value]
    (table_start, table_end), *fragments = _fragments(value)
    hidden: list[Range] = []
    if not _is_offset_table(value[table_start:table_end], image.frames):
        hidden.append((table_start, table_end))
    frames = _frames(value, fragments, syntax, image.frames)
    for frame in frames:
        hidden += _hidden_in_frame(value, frame, syntax, image)
    return _overwritten(value, hidden)


def encoded_frames(value: Bytes, syntax: str, image: ImageDescription) -> list[list[Range]]:
    """Where the fragments of every frame stand in encapsulated pixel data, delimiter included.

    Raises:
        UnsafeObjectError: ``pixel-encoding`` where fragments, frames and transfer syntax do not fit together.
    """
    _, *fragments = _fragments(value)
    return _frames(value, fragments, syntax, image.frames)


def _fragments(value: Bytes) -> Iterator[Range]:
    position = 0
    while True:
        number, length, start = item_at(value, position, len(value))
        if number == SEQUENCE_END:
            if position == 0:
                refuse("pixel-encoding", "encapsulated pixel data lack the item of the offset table")
            if length or start != len(value):
                refuse("pixel-encoding", "the end of the pixel data is malformed")
            return
        position = start + length
        yield start, position


def _is_offset_table(table: Bytes, frames: int) -> bool:
    """Whether the Basic Offset Table is empty or ascends from zero, one offset a frame (PS3.5 A.4)."""
    if not len(table):
        return True
    offsets = [int.from_bytes(table[place : place + 4], "little") for place in range(0, len(table), 4)]
    return len(table) == 4 * frames and offsets[0] == 0 and offsets == sorted(set(offsets))


def _frames(value: Bytes, fragments: list[Range], syntax: str, frames: int) -> list[list[Range]]:
    begins = codestreams.begins_jpeg_2000 if syntax in JPEG_2000 else codestreams.begins_jpeg
    grouped: list[list[Range]] = []
    if syntax in JPEG | JPEG_LS | JPEG_2000:
        for start, stop in fragments:
            if begins(value[start:stop]):
                grouped.append([])
            elif not grouped:
                refuse("pixel-encoding", "the first fragment does not begin as a frame of its transfer syntax does")
            grouped[-1].append((start, stop))
    else:
        grouped = [[fragment] for fragment in fragments]
    if len(grouped) != frames:
        refuse("pixel-encoding", "the pixel data do not hold as many frames as the header says")
    return grouped


def _hidden_in_frame(value: Bytes, fragments: list[Range], syntax: str, image: ImageDescription) -> list[Range]:
    stream: Bytes = value[fragments[0][0] : fragments[0][1]]
    if len(fragments) > 1:
        stream = b"".join(value[start:stop] for start, stop in fragments)
    if syntax in JPEG_2000:
        hidden = codestreams.hidden_in_jpeg_2000(stream)
    elif syntax in JPEG or syntax in JPEG_LS:
        hidden = codestreams.hidden_in_jpeg(stream, lossless_ls=syntax in JPEG_LS)
    elif (
        (syntax in JPEG_XL and codestreams.is_jpeg_xl_codestream(stream))
        or (syntax == RLE and codestreams.is_rle_frame(stream))
        or (syntax == ENCAPSULATED_UNCOMPRESSED and len(stream) - image.length // image.frames in (0, 1))
    ):
        hidden = []
    else:
        refuse("pixel-encoding", "a fragment of the pixel data is no frame of its transfer syntax")
    return list(_placed(hidden, fragments))


def _placed(ranges: list[Range], fragments: list[Range]) -> Iterator[Range]:
    """Ranges of the joined fragments as ranges of the value."""
    for first, last in ranges:
        offset = 0
        for start, stop in fragments:
            begin, end = max(first - offset, 0), min(last - offset, stop - start)
            if begin < end:
                yield start + begin, start + end
            offset += stop - start


def _overwritten(value: Bytes, hidden: list[Range]) -> list[Buffer]:
    parts: list[Buffer] = []
    position = 0
    for start, stop in hidden:
        if value[start] != 0 or bytes(value[start:stop]).strip(b"\0"):
            parts += [value[position:start], bytes(stop - start)]
            position = stop
    return [*parts, value[position:]]
