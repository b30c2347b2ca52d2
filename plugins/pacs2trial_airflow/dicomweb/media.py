"""In which form an object or a frame leaves, of those that the client accepts (PS3.18 8.7.3)."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from typing import Final

from pydicom.uid import UID, ExplicitVRLittleEndian

from pacs2trial.dicomfile.syntaxes import JPEG, JPEG_2000, JPEG_LS, JPEG_XL, RLE, VIDEO
from pacs2trial.holdings.objects import PIECE, ShownObject
from pacs2trial.preview.rendering import NotAPictureError
from pacs2trial_airflow.dicomweb.accept import ANY, MediaRange
from pacs2trial_airflow.dicomweb.resources import NotAcceptableError

DICOM: Final = "application/dicom"
OCTETS: Final = "application/octet-stream"
AS_IT_IS: Final = "*"

_MPEG2: Final = ("1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.101")
_MULTICOMPONENT: Final = ("1.2.840.10008.1.2.4.92", "1.2.840.10008.1.2.4.93")
_HIGH_THROUGHPUT: Final = tuple(f"1.2.840.10008.1.2.4.{number}" for number in (201, 202, 203))


def kind_of(syntax: str) -> str:
    """The media type of a frame in a transfer syntax (PS3.18 tables 8.7.3-2 to -5)."""
    for syntaxes, kind in (
        ((RLE,), "image/dicom-rle"),
        (_MULTICOMPONENT, "image/jpx"),
        (_HIGH_THROUGHPUT, "image/jphc"),
        (JPEG_2000, "image/jp2"),
        (JPEG_LS, "image/jls"),
        (JPEG_XL, "image/jxl"),
        (JPEG, "image/jpeg"),
        (_MPEG2, "video/mpeg2"),
        (VIDEO, "video/mp4"),
    ):
        if syntax in syntaxes or any(syntax.startswith(each + ".") for each in syntaxes if each in _MPEG2):
            return kind
    return OCTETS


def frame_form(ranges: Sequence[MediaRange], stored: str) -> tuple[str, str]:
    """Media type and transfer syntax in which the frames of an object leave.

    Raises:
        NotAcceptableError: the client accepts neither what is kept nor uncompressed frames.
    """
    own = kind_of(stored)
    for each in ranges:
        if not each.multipart and each.kind != ANY:
            continue
        as_kept = each.transfer_syntax in (AS_IT_IS, stored) or (not each.transfer_syntax and each.kind != OCTETS)
        if as_kept and each.admits(own):
            return own, stored
        if as_kept and each.admits(OCTETS):
            return OCTETS, stored
        if each.admits(OCTETS) and each.transfer_syntax in ("", ExplicitVRLittleEndian):
            return OCTETS, str(ExplicitVRLittleEndian)
    raise NotAcceptableError(f"frames can be had as multipart/related of {own} or {OCTETS}")


def object_syntax(ranges: Sequence[MediaRange], stored: str) -> str:
    """The transfer syntax in which an object leaves: what a client asks for, else explicit VR little endian.

    Raises:
        NotAcceptableError: the client accepts no DICOM objects, or only in another syntax.
    """
    explicit = str(ExplicitVRLittleEndian)
    for each in ranges:
        if each.admits(DICOM):
            if each.transfer_syntax in (AS_IT_IS, stored) or each.kind == ANY:
                return stored
            if each.transfer_syntax in ("", explicit):
                return explicit
    raise NotAcceptableError(f"objects can be had as multipart/related of {DICOM}, in {stored} or {explicit}")


def asks_for_one(ranges: Sequence[MediaRange]) -> bool:
    """Whether the client prefers one object alone to a multipart of it."""
    first = next((each for each in ranges if each.admits(DICOM)), None)
    return first is not None and not first.multipart and first.kind == DICOM


def as_file(shown: ShownObject, syntax: str) -> Iterator[bytes]:
    """The Part 10 file of an object, byte for byte, or uncompressed where ``syntax`` is not its own.

    Raises:
        NotAPictureError: it cannot be decompressed here.
    """
    if syntax == shown.transfer_syntax:
        return shown.file()
    dataset = shown.dataset()
    try:
        dataset.decompress(generate_instance_uid=False)
    except Exception as error:  # noqa: BLE001 - decoders fail in many ways, and what they say may quote the object
        name = UID(shown.transfer_syntax).name
        raise NotAPictureError(f"{name} cannot be decompressed: {type(error).__name__}") from None
    file = io.BytesIO()
    dataset.save_as(file, enforce_file_format=True)
    content = file.getbuffer()
    return (bytes(content[start : start + PIECE]) for start in range(0, len(content), PIECE))
