"""Compressed pixel data: blocks blanked in place where the codec allows, other frames encoded again without loss."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from pacs2trial.dicomfile.scan import refuse
from pacs2trial.dicomfile.syntaxes import ENCAPSULATED_UNCOMPRESSED, JPEG, JPEG_2000, JPEG_LS, RLE
from pacs2trial.pixels.areas import Planes
from pacs2trial.pixels.decoding import stored_values
from pacs2trial.pixels.image import UNDECODABLE, Image
from pacs2trial.redaction.blanking import blanked
from pacs2trial.redaction.header import Changes
from pacs2trial.redaction.jpeg_blocks import blanked_blocks
from pacs2trial.redaction.jpeg_scan import NotBlockwiseError
from pacs2trial.redaction.lossless import encoded
from pacs2trial.redaction.native import blanked_native

_JPEG_LOSSLESS: Final = "1.2.840.10008.1.2.4.70"
_JPEG_LOSSLESS_FAMILY: Final = frozenset(("1.2.840.10008.1.2.4.57", _JPEG_LOSSLESS))
_JPEG_LS_LOSSLESS: Final = "1.2.840.10008.1.2.4.80"
_JPEG_2000_LOSSLESS: Final = "1.2.840.10008.1.2.4.90"
_LOSSLESS: Final = frozenset((RLE, *_JPEG_LOSSLESS_FAMILY, _JPEG_LS_LOSSLESS, _JPEG_2000_LOSSLESS))
_METHODS: Final = {
    **dict.fromkeys(JPEG, b"ISO_10918_1"),
    **dict.fromkeys(JPEG_LS, b"ISO_14495_1"),
    **dict.fromkeys(JPEG_2000, b"ISO_15444_1"),
}
_FRINGE: Final = 18
"""Pixels around what is blanked that may change with it: blocks of shared chrominance, smoothing of decoders."""


def blanked_compressed(image: Image, planes: Planes) -> tuple[str, bytes, Changes]:
    """Transfer syntax and value of the pixel data element, and attributes that change, after blanking.

    Raises:
        UnsafeObjectError: ``undecodable-pixels``; also when what was encoded does not decode to what was meant.
    """
    if image.transfer_syntax == ENCAPSULATED_UNCOMPRESSED:
        return image.transfer_syntax, _encapsulated(_blanked_raw(image, planes)), {}
    if image.transfer_syntax in JPEG - _JPEG_LOSSLESS_FAMILY:
        frames = _blockwise(image, planes)
        if frames is not None:
            return image.transfer_syntax, _encapsulated(frames), _lossy_history(image)
    target = _target(image.transfer_syntax)
    frames, photometrics = [], set()
    for number in range(1, image.description.frames + 1):
        if number not in planes and target == image.transfer_syntax:
            frames.append(image.frame(number))
            continue
        frame, photometric = _again(image, number, planes.get(number), target)
        frames.append(frame)
        photometrics.add(photometric)
    changes: dict[int, tuple[bytes, bytes]] = {}
    if photometrics and photometrics != {image.description.photometric}:
        if len(photometrics) > 1 or (target == image.transfer_syntax and image.description.frames > 1):
            refuse(UNDECODABLE, "the frames would not have one photometric interpretation")
        changes[0x00280004] = (b"CS", photometrics.pop().encode("ascii"))
    if image.description.samples > 1 and target != image.transfer_syntax:
        changes[0x00280006] = (b"US", struct.pack("<H", 0))
    if image.transfer_syntax not in _LOSSLESS:
        changes.update(_lossy_history(image))
    return target, _encapsulated(frames), changes


def _target(syntax: str) -> str:
    """The lossless transfer syntax of the same family."""
    if syntax in _LOSSLESS:
        return syntax
    if syntax in JPEG:
        return _JPEG_LOSSLESS
    if syntax in JPEG_LS:
        return _JPEG_LS_LOSSLESS
    if syntax in JPEG_2000:
        return _JPEG_2000_LOSSLESS
    return refuse(UNDECODABLE, "pixels in this transfer syntax cannot be blanked")


def _again(image: Image, number: int, plane: NDArray[np.bool_] | None, syntax: str) -> tuple[bytes, str]:
    """A frame decoded, blanked, encoded and decoded once more for proof, and its photometric interpretation."""
    values, photometric = stored_values(image, number), _decoded_photometric(image)
    wanted = values if plane is None else blanked(values, plane, _seen_as(image, photometric))
    frame, named = encoded(wanted, image, syntax, photometric)
    made = _alone(image, frame, syntax, named)
    if not np.array_equal(stored_values(made, 1), wanted):
        refuse(UNDECODABLE, "a frame that was encoded again does not decode to what was meant")
    return frame, named


def _decoded_photometric(image: Image) -> str:
    """Of what the decoders give: JPEG 2000 undoes its own colour transform, subsampled chrominance is repeated."""
    named = image.description.photometric
    if named in ("YBR_RCT", "YBR_ICT"):
        return "RGB"
    return "YBR_FULL" if named == "YBR_FULL_422" else named


def _seen_as(image: Image, photometric: str) -> Image:
    attributes = Dataset()
    attributes.update(image.attributes)
    attributes.PhotometricInterpretation = photometric
    return replace(image, attributes=attributes, description=replace(image.description, photometric=photometric))


def _alone(image: Image, frame: bytes, syntax: str, photometric: str) -> Image:
    """One frame as an image of its own."""
    seen = _seen_as(image, photometric)
    if seen.description.samples > 1:
        seen.attributes.PlanarConfiguration = 0
    one = replace(seen.description, frames=1)
    return replace(seen, transfer_syntax=syntax, description=one, value=_encapsulated([frame]))


def _blockwise(image: Image, planes: Planes) -> list[bytes] | None:
    """Every frame with its blocks blanked; None where these streams do not allow it."""
    levels = {"MONOCHROME1": (1.0,), "MONOCHROME2": (0.0,), "RGB": (0.0, 0.0, 0.0)}.get(
        image.description.photometric, (0.0, 0.5, 0.5)
    )
    if image.description.photometric == "PALETTE COLOR":
        return None
    frames = []
    for number in range(1, image.description.frames + 1):
        frame = image.frame(number)
        plane = planes.get(number)
        if plane is not None:
            try:
                frame = blanked_blocks(frame.rstrip(b"\0"), plane, levels)
            except NotBlockwiseError:
                return None
            if not _only_there(image, number, frame, plane):
                return None
        frames.append(frame)
    return frames


def _only_there(image: Image, number: int, frame: bytes, plane: NDArray[np.bool_]) -> bool:
    """Whether the frame decodes to what it was outside of the plane and its fringe, and to one value in it."""
    before = stored_values(image, number)
    after = stored_values(_alone(image, frame, image.transfer_syntax, image.description.photometric), 1)
    inner = after[plane]
    if before.shape != after.shape or int(np.ptp(inner[..., 0] if inner.ndim == 2 else inner)) > 2:
        return False
    outside = cv2.dilate(plane.astype(np.uint8), np.ones((2 * _FRINGE + 1,) * 2, np.uint8)) == 0
    return bool((before[outside] == after[outside]).all())


def _blanked_raw(image: Image, planes: Planes) -> list[bytes]:
    one = replace(image.description, frames=1)
    frames = []
    for number in range(1, image.description.frames + 1):
        alone = replace(image, description=one, value=image.frame(number))
        plane = planes.get(number)
        frames.append(bytes(alone.value) if plane is None else blanked_native(alone, {1: plane}))
    return frames


def _lossy_history(image: Image) -> Changes:
    """What tells that pixels were compressed with loss once, whatever they are in now (PS3.3 C.7.6.1.1.5)."""
    changes = {0x00282110: (b"CS", b"01")}
    if "LossyImageCompressionRatio" not in image.attributes:
        ratio = image.description.length / max(len(image.value), 1)
        changes[0x00282112] = (b"DS", f"{ratio:.2f}".encode("ascii"))
    if "LossyImageCompressionMethod" not in image.attributes:
        changes[0x00282114] = (b"CS", _METHODS[image.transfer_syntax])
    return changes


def _encapsulated(frames: Sequence[bytes]) -> bytes:
    """One fragment a frame behind a Basic Offset Table, and the delimiter (PS3.5 A.4)."""
    padded = [frame + b"\0" * (len(frame) & 1) for frame in frames]
    offsets, position = [], 0
    for frame in padded:
        offsets.append(position)
        position += len(frame) + 8
    fits = position <= 0xFFFFFFFF
    table = struct.pack(f"<{len(offsets)}L", *offsets) if fits else b""
    items = (struct.pack("<HHL", 0xFFFE, 0xE000, len(item)) + item for item in (table, *padded))
    return b"".join(items) + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
