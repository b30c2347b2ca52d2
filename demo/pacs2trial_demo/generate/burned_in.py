"""Images with writing burned in, for tests and for the bench: typefaces, sizes, contrasts, places, single frames."""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, UltrasoundMultiFrameImageStorage

from pacs2trial_demo.generate.letters import draw

Typeface = Literal["dots", "strokes", "outlines"]
Grey = NDArray[np.uint8]

_EDGE = 2
_THICK_FROM = 16


def written(text: str, height: int, typeface: Typeface = "outlines") -> Grey:
    """``text`` from 0 to 255, about ``height`` pixels high: dots of a screen, strokes or a smooth face."""
    if typeface == "dots":
        return draw(text, max(height // 7, 1)).astype(np.uint8) * np.uint8(255)
    if typeface == "strokes":
        scale, thickness = height / 22, max(height // _THICK_FROM, 1)
        (width, tall), below = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, scale, thickness)
        made = np.zeros((tall + below + 2 * _EDGE, width + 2 * _EDGE), np.uint8)
        place = _EDGE, tall + _EDGE
        cv2.putText(made, text, place, cv2.FONT_HERSHEY_SIMPLEX, scale, 255, thickness, cv2.LINE_AA)
        return made
    face = ImageFont.load_default(height)
    _, _, right, bottom = face.getbbox(text)
    picture = Image.new("L", (int(right) + 2 * _EDGE, int(bottom) + 2 * _EDGE))
    ImageDraw.Draw(picture).text((_EDGE, _EDGE), text, font=face, fill=255)
    return np.array(picture, np.uint8)


def burn(image: Grey, writing: Grey, left: int, top: int, level: int = 255) -> None:
    """Write into an image, in place, in a grey level."""
    rows, columns = writing.shape
    part = image[top : top + rows, left : left + columns]
    share = writing.astype(np.float32) / 255
    part[:] = (part * (1 - share) + level * share).astype(np.uint8)


def cine(frames: int, rows: int = 768, columns: int = 1024) -> NDArray[np.uint8]:
    """A fan of moving speckle with output values above it and a heart rate below that changes every 25 frames."""
    y, x = np.mgrid[0:rows, 0:columns].astype(np.float32)
    depth, angle = np.hypot(x - columns / 2, y - 40), np.arctan2(x - columns / 2, y - 40)
    fan = (depth > 70) & (depth < rows * 0.9) & (np.abs(angle) < 0.62)
    noise = np.random.default_rng(frames)
    tissue = cv2.GaussianBlur(noise.rayleigh(68, (rows + 2 * frames, columns + frames)).astype(np.float32), (0, 0), 1.6)
    film = np.zeros((frames, rows, columns), np.uint8)
    for number in range(frames):
        flicker = cv2.resize(noise.rayleigh(18, (rows // 2, columns // 2)).astype(np.float32), (columns, rows))
        moved = tissue[number : number + rows, number // 2 : number // 2 + columns]
        film[number] = np.where(fan, np.clip(0.8 * moved + flicker, 0, 255), 0)
        burn(film[number], written("TIS 0.5  MI 1.2", 18), 20, 20, 220)
        burn(film[number], written(f"{60 + number // 25} bpm", 18), 20, rows - 60, 220)
    return film


def image_object(pixels: NDArray[np.generic], **attributes: object) -> FileDataset:
    """An object of which nothing but the image matters.

    Args:
        pixels: frames, rows, columns and, in colour, samples.
        attributes: that differ from grey of as many bits as the pixels have.
    """
    ds = FileDataset("", {}, preamble=bytes(128))
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = UltrasoundMultiFrameImageStorage
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = UID("1.2.826.0.1.3680043.10.999.77")
    ds.ImageType = ["ORIGINAL", "PRIMARY"]
    ds.Modality = "US"
    ds.NumberOfFrames, ds.Rows, ds.Columns = pixels.shape[:3]
    ds.SamplesPerPixel = pixels.shape[3] if pixels.ndim == 4 else 1
    if pixels.ndim == 4:
        ds.PlanarConfiguration = 0
    ds.PhotometricInterpretation = "RGB" if pixels.ndim == 4 else "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = pixels.dtype.itemsize * 8
    ds.HighBit = ds.BitsStored - 1
    ds.PixelRepresentation = 1 if pixels.dtype.kind == "i" else 0
    ds.PixelData = pixels.tobytes() + b"\0" * (pixels.nbytes % 2)
    ds["PixelData"].VR = "OB" if pixels.dtype.itemsize == 1 else "OW"
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds
