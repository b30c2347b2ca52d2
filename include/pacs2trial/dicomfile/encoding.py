"""DICOM objects as encoded bytes: split where the pixel data begin, and put together again.

What comes in implicit or explicit VR little endian is only cut; nothing is copied. Deflated and big endian objects
are first turned into explicit VR little endian. PS3.5 chapters 7 to 10 and annex A; PS3.10 chapter 7.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import Final

from typing_extensions import Buffer

from pacs2trial.dicomfile.bigendian import to_little_endian
from pacs2trial.dicomfile.runs import READ_AHEAD, KnownRuns, Part, all_elements, moved
from pacs2trial.dicomfile.scan import Bytes, Element, element_at, head_at, refuse
from pacs2trial.dicomfile.syntaxes import DEFLATED, EXPLICIT_BIG, EXPLICIT_LITTLE, IMPLICIT_LITTLE, NATIVE, READABLE
from pacs2trial.dicomfile.vr import KNOWN, UNDEFINED
from pacs2trial.errors import UnsafeObjectError

IMPLEMENTATION_CLASS_UID: Final = "2.25.230118665497150588963707938710552361279"
IMPLEMENTATION_VERSION: Final = "PACS2TRIAL"
"""Without a release number: a new release must not change bytes that it does not mean to change."""

PIXEL_TAGS: Final = frozenset((0x7FE00008, 0x7FE00009, 0x7FE00010))
"""Float Pixel Data, Double Float Pixel Data, Pixel Data."""

_MOST_AT_TOP: Final = 50_000
_HIGHEST: Final = 0xFFFFFFFF

_RUNS: Final = {False: KnownRuns(), True: KnownRuns()}
"""In explicit and in implicit VR."""

MAX_INFLATED: Final = 1 << 30
MAX_RATIO: Final = 100
_RATIO_FROM: Final = 64 << 20


@dataclass(frozen=True)
class EncodedObject:
    """An object split where the pixel data begin; slices of one buffer.

    Attributes:
        transfer_syntax: as the parts are encoded now: Implicit or Explicit VR Little Endian, or the one of the
            compressed pixel data.
        header: the elements before the pixel data.
        pixel: from the tag of the pixel data to the end of its value; empty if there is none. What follows the
            pixel data is left out.
        implicit: whether ``header`` and ``pixel`` are in implicit VR.
        parts: the elements of the outermost level, as stretches of ``header`` that follow one upon another. Where one
            ends depends on what was read before, so objects are compared without them.
        in_order_to: the tag up to which they ascend, as they have to (PS3.5 7.1).
    """

    transfer_syntax: str
    header: Bytes
    pixel: Bytes
    implicit: bool
    parts: tuple[Part, ...] = field(default=(), repr=False, compare=False)
    in_order_to: int = _HIGHEST

    def element(self, tag: int) -> Element | None:
        """Where an element of the outermost level stands in ``header``, of two the first; None if there is none."""
        for _, _, origin, elements_of_part, _ in self.parts:
            element = elements_of_part.get(tag)
            if element is not None:
                return moved(element, origin)
        return None

    def value(self, tag: int) -> bytes:
        """The value of an element of the outermost level as it is encoded; empty if there is none."""
        element = self.element(tag)
        return b"" if element is None else bytes(self.header[element[3] : element[4]])


def split_dataset(dataset: Buffer, transfer_syntax: str) -> EncodedObject:
    """Split the bytes of a data set as C-STORE brings them.

    Raises:
        UnsafeObjectError: the data set is truncated, malformed, too deep or too large, or its transfer syntax is
            none that can be read.
    """
    data: Bytes = memoryview(dataset).cast("B")
    syntax = transfer_syntax.rstrip("\0 ")
    if syntax not in READABLE:
        refuse("transfer-syntax", "the transfer syntax is private, unknown or keeps its pixels elsewhere")
    if syntax == DEFLATED:
        data, syntax = memoryview(_inflate(data)), EXPLICIT_LITTLE
    elif syntax == EXPLICIT_BIG:
        data, syntax = memoryview(to_little_endian(data)), EXPLICIT_LITTLE
    implicit = syntax == IMPLICIT_LITTLE
    if syntax in NATIVE and len(data) >= 8:
        implicit = bytes(data[4:6]) not in KNOWN
        syntax = IMPLICIT_LITTLE if implicit else EXPLICIT_LITTLE
    return _split(data, syntax, implicit=implicit)


def split_file(data: Buffer) -> EncodedObject:
    """Split a Part 10 file, or a data set that was saved without preamble or file meta information.

    Raises:
        UnsafeObjectError: ``not-dicom`` if it is neither; otherwise as :func:`split_dataset`.
    """
    view = memoryview(data).cast("B")
    if bytes(view[128:132]) == b"DICM":
        return _split_with_meta(view, 132)
    if bytes(view[:2]) == b"\x02\x00" and bytes(view[4:6]) in KNOWN:
        return _split_with_meta(view, 0)
    if bytes(view[:2]) == b"\x08\x00" and len(view) >= 8:
        return split_dataset(view, EXPLICIT_LITTLE)
    if bytes(view[:2]) != b"\x00\x08" or bytes(view[4:6]) not in KNOWN:
        refuse("not-dicom", "neither a DICOM file nor a data set")
    return split_dataset(view, EXPLICIT_BIG)


def file_bytes(sop_class: str, sop_instance: str, transfer_syntax: str, header: bytes) -> bytes:
    """Preamble, file meta information (PS3.10 7.1) and header of a file; the caller appends the pixel data.

    The preamble is empty, and nothing in the meta information says where the object comes from or which release
    wrote it.
    """
    meta = b"".join(
        (
            b"\x02\x00\x01\x00OB\x00\x00\x02\x00\x00\x00\x00\x01",
            _meta(0x0002, b"UI", sop_class),
            _meta(0x0003, b"UI", sop_instance),
            _meta(0x0010, b"UI", transfer_syntax),
            _meta(0x0012, b"UI", IMPLEMENTATION_CLASS_UID),
            _meta(0x0013, b"SH", IMPLEMENTATION_VERSION),
        )
    )
    group_length = struct.pack("<HH2sHL", 0x0002, 0x0000, b"UL", 4, len(meta))
    return b"".join((bytes(128), b"DICM", group_length, meta, header))


def _meta(number: int, vr: bytes, text: str) -> bytes:
    value = text.encode("ascii")
    if len(value) % 2:
        value += b"\0" if vr == b"UI" else b" "
    return struct.pack("<HH2sH", 0x0002, number, vr, len(value)) + value


def _split_with_meta(view: memoryview, start: int) -> EncodedObject:
    syntax, position = "", start
    while len(view) - position >= 8 and bytes(view[position : position + 2]) == b"\x02\x00":
        tag, _, value, length = head_at(view, position, len(view), implicit=False)
        position = value + length
        if position > len(view):
            refuse("truncated", "the file ends within its meta information")
        if tag == 0x00020010:
            syntax = bytes(view[value:position]).decode("ascii", "replace").rstrip("\0 ")
    if not syntax:
        refuse("transfer-syntax", "the file meta information names no transfer syntax")
    return split_dataset(view[position:], syntax)


def _split(data: Bytes, syntax: str, *, implicit: bool) -> EncodedObject:
    """Cut before the pixel data. A tail of zeros is padding: some writers fill up their blocks."""
    runs, buffer, size = _RUNS[implicit], bytes(data[:READ_AHEAD]), len(data)
    parts: list[Part] = []
    unknown: dict[int, Element] = {}
    position, last, in_order_to, count = 0, -1, _HIGHEST, 0
    pixel = data[:0]
    try:
        while position < size:
            run = runs.find(buffer, position, last) if in_order_to == _HIGHEST else None
            if run is not None:
                _close(parts, unknown, position)
                unknown = {}
                start, position = position, position + len(run.data)
                parts.append(Part(start, position, start, run.elements, run))
                last, count = run.last, count + len(run.elements)
                continue
            element = element_at(data, position, size, implicit=implicit)
            tag, _, start, value, stop, undefined = element
            if tag in PIXEL_TAGS:
                if undefined == (syntax in NATIVE) and stop > value:
                    refuse("pixel-encoding", "transfer syntax and pixel data contradict each other")
                if undefined:
                    _check_fragments(data, value, stop)
                pixel = data[start:stop]
                break
            if tag == 0:
                refuse("malformed", "an element has the tag (0000,0000)")
            if tag <= last and in_order_to == _HIGHEST:
                in_order_to = last
            count += 1
            if count > _MOST_AT_TOP:
                refuse("too-large", f"the object has more than {_MOST_AT_TOP} attributes outside of sequences")
            unknown.setdefault(tag, element)
            last, position = tag, stop
    except UnsafeObjectError:
        if any(data[position:]):
            raise
    _close(parts, unknown, position)
    if in_order_to == _HIGHEST:
        runs.learn(buffer, parts)
    else:
        parts = [Part(0, position, 0, all_elements(parts))]
    return EncodedObject(syntax, data[:position], pixel, implicit, tuple(parts), in_order_to)


def _close(parts: list[Part], unknown: dict[int, Element], stop: int) -> None:
    """Add the elements before ``stop`` that belong to no run."""
    if unknown:
        start = parts[-1].stop if parts else 0
        parts.append(Part(start, stop, 0, unknown))


def _check_fragments(data: Bytes, start: int, end: int) -> None:
    """Fragments have a defined length (PS3.5 A.4); an item without one cannot be pixel data."""
    position = start
    while position < end:
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        if length == UNDEFINED:
            refuse("pixel-encoding", "a fragment of the pixel data has no length")
        position += 8 + length


def _inflate(data: Bytes) -> bytes:
    """The deflated data set (PS3.5 A.5), within limits so that a small object cannot fill the memory."""
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    limit = min(MAX_INFLATED, max(_RATIO_FROM, MAX_RATIO * len(data)))
    try:
        inflated = inflater.decompress(data, limit + 1)
    except zlib.error:
        refuse("malformed", "the deflated data set cannot be inflated")
    if len(inflated) > limit:
        refuse("too-large", "the deflated data set is out of proportion")
    if not inflater.eof:
        refuse("truncated", "the deflated data set ends too early")
    return inflated
