"""Reading DICOM objects a second time: pydicom alone, none of what made the package."""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import pydicom
from pydicom.charset import convert_encodings, decode_bytes
from pydicom.datadict import dictionary_VR, keyword_for_tag
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.tag import BaseTag

from pacs2trial.errors import UnsafeObjectError

PIXEL_TAGS = (0x7FE00008, 0x7FE00009, 0x7FE00010)
"""Float, Double Float and (integer) Pixel Data, PS3.3 C.7.6.3 and C.7.6.24."""

STANDARD_UIDS = "1.2.840.10008."
TEXT = frozenset(("AE", "AS", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UR", "UT"))
_DELIMITERS = {0x0A, 0x0C, 0x0D, ord("\\"), ord("^"), ord("=")}
_PREAMBLE = 128
_BINARY = {"US": "<H", "SS": "<h", "UL": "<L", "SL": "<l", "FL": "<f", "FD": "<d"}
_NUMBER = re.compile(r"\[\d+\]")


@dataclass(frozen=True, slots=True)
class Element:
    """One attribute that is no sequence: where it stands, and its value as in the file."""

    path: str
    vr: str
    value: bytes
    encodings: tuple[str, ...] = ("iso8859",)

    def text(self) -> str:
        """The value in the object's character set, padding taken off."""
        if self.vr in TEXT:
            return decode_bytes(self.value, list(self.encodings), _DELIMITERS).strip(" \0")
        return self.value.decode("latin-1").strip(" \0")

    def plain(self) -> str:
        """The text, or the first number of a value that is numbers in binary."""
        form = _BINARY.get(self.vr)
        if form is None:
            return self.text()
        return str(struct.unpack_from(form, self.value)[0]) if len(self.value) >= struct.calcsize(form) else ""

    def values(self) -> list[str]:
        """The single values of a multi-valued text, number or UID."""
        return [value.strip(" \0") for value in self.text().split("\\")]


class DicomObject:
    """One parsed DICOM file; elements are given as they stand, at every depth, pixel payload apart.

    Raises:
        UnsafeObjectError: pydicom cannot read it.
    """

    def __init__(self, source: bytes | Path, *, pixels: bool = True) -> None:
        self._content = b"" if isinstance(source, Path) else source
        try:
            if isinstance(source, Path):
                with source.open("rb") as file:
                    self._dataset: FileDataset = pydicom.dcmread(file, stop_before_pixels=not pixels)
            else:
                self._dataset = pydicom.dcmread(BytesIO(source), stop_before_pixels=not pixels)
            self.elements = tuple(self._read())
        except Exception as error:  # noqa: BLE001  pydicom raises what the damage happens to break
            where = f"{source.name}: " if isinstance(source, Path) else ""
            raise UnsafeObjectError("unreadable", f"{where}pydicom cannot read it ({type(error).__name__})") from None

    def _read(self) -> Iterator[Element]:
        preamble = self._dataset.preamble or b""
        if preamble.strip(b"\0"):
            yield Element("preamble", "OB", preamble[:_PREAMBLE])
        yield from _walk(self._dataset.file_meta, "", ("iso8859",))
        yield from _walk(self._dataset, "", ("iso8859",), skip=PIXEL_TAGS)

    def header_bytes(self) -> bytes:
        """The whole file as it is, pixel payload apart: also what belongs to no element."""
        rest: list[bytes] = []
        done = 0
        for tag in PIXEL_TAGS:
            raw = self._dataset.get_item(tag) if tag in self._dataset else None
            if isinstance(raw, RawDataElement) and raw.value:
                rest.append(self._content[done : raw.value_tell])
                done = raw.value_tell + len(raw.value)
        return b"".join([*rest, self._content[done:]])

    def uids(self) -> Iterator[tuple[str, str]]:
        """Path and value of every UID of the data set that the standard does not define."""
        for element in self.elements:
            if element.vr == "UI":
                for value in element.values():
                    if value and not value.startswith(STANDARD_UIDS):
                        yield element.path, value

    def first(self, keyword: str) -> str:
        """The value of a top-level attribute as text, empty when absent."""
        return next((element.plain() for element in self.elements if element.path == keyword), "")

    def through(self, keywords: Iterable[str]) -> list[str]:
        """The different values of an attribute within sequences, in their order; ``keywords`` lead to it."""
        path = ".".join(keywords)
        found = (element.plain() for element in self.elements if _NUMBER.sub("", element.path) == path)
        return list(dict.fromkeys(each for each in found if each))

    def pixel_digest(self) -> str:
        """SHA-256 over the tags and value bytes of the pixel data elements; of nothing if there are none."""
        digest = hashlib.sha256()
        for tag in PIXEL_TAGS:
            if tag in self._dataset:
                digest.update(tag.to_bytes(4, "big"))
                digest.update(_value(self._dataset, BaseTag(tag)))
        return digest.hexdigest()


def _walk(dataset: Dataset, prefix: str, encodings: tuple[str, ...], skip: tuple[int, ...] = ()) -> Iterator[Element]:
    encodings = _encodings(dataset, encodings)
    for tag in sorted(dataset.keys()):
        if tag in skip:
            continue
        path = prefix + (keyword_for_tag(tag) or f"({tag.group:04X},{tag.element:04X})")
        vr = _vr(dataset, tag)
        if vr == "SQ":
            items = dataset[tag].value
            assert isinstance(items, Sequence)
            for number, item in enumerate(items, 1):
                yield from _walk(item, f"{path}[{number}].", encodings)
        else:
            yield Element(path, vr, _value(dataset, tag), encodings)


def _vr(dataset: Dataset, tag: BaseTag) -> str:
    raw = dataset.get_item(tag)
    assert raw is not None
    if raw.VR is None:
        try:
            return dictionary_VR(tag)[:2]
        except KeyError:
            return "UN"
    return str(raw.VR)


def _value(dataset: Dataset, tag: BaseTag) -> bytes:
    raw = dataset.get_item(tag)
    value = raw.value if raw is not None else None
    if isinstance(raw, RawDataElement) or isinstance(value, bytes):
        return value or b""
    values = value if isinstance(value, list | tuple | pydicom.multival.MultiValue) else [value]
    return "\\".join("" if each is None else str(each) for each in values).encode("latin-1", "replace")


def _encodings(dataset: Dataset, inherited: tuple[str, ...]) -> tuple[str, ...]:
    if 0x00080005 not in dataset:
        return inherited
    terms = _value(dataset, BaseTag(0x00080005)).decode("ascii", "replace").split("\\")
    return tuple(convert_encodings([term.strip(" \0") for term in terms]))
