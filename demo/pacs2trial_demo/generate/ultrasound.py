"""An ultrasound image with name, patient ID and birth date burned into its pixels (PS3.3 A.6)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import UltrasoundImageStorage

from pacs2trial_demo.generate.header import ULTRASOUND, StudyContext, new_object
from pacs2trial_demo.generate.letters import draw
from pacs2trial_demo.identities import plain

ULTRASOUND_SERIES = 9
ROWS, COLUMNS = 480, 640
TEXT_ROW, TEXT_COLUMN, TEXT_SCALE, LINE_HEIGHT = 12, 16, 2, 22
"""Where the first line of text begins, how large its dots are and how far the lines lie apart, in pixels."""


def burned_in_lines(study: StudyContext) -> list[str]:
    """What can be read in the image."""
    who = study.identity
    return [
        f"NAME: {plain(who.family)}, {plain(who.given)}".upper(),
        f"ID: {who.patient_id}",
        f"DOB: {who.birth_date:%d.%m.%Y}",
    ]


def ultrasound(study: StudyContext) -> FileDataset:
    """A single colour frame as a scanner's screen shows it."""
    ds = new_object(
        study,
        sop_class=UltrasoundImageStorage,
        modality="US",
        series=ULTRASOUND_SERIES,
        instance=1,
        description="Abdomen",
        equipment=ULTRASOUND,
        time="124500",
    )
    ds.ImageType = ["ORIGINAL", "PRIMARY", "ABDOMINAL", "0001"]
    ds.AcquisitionDate = ds.ContentDate = study.day
    ds.AcquisitionTime = ds.ContentTime = "124510"
    ds.PatientOrientation = ""
    ds.BodyPartExamined = "ABDOMEN"
    ds.TransducerData = "C1-5"
    ds.BurnedInAnnotation = "YES"
    region = Dataset()
    region.RegionSpatialFormat = 1
    region.RegionDataType = 1
    region.RegionFlags = 0
    region.RegionLocationMinX0, region.RegionLocationMinY0 = 80, 90
    region.RegionLocationMaxX1, region.RegionLocationMaxY1 = 560, 460
    region.PhysicalUnitsXDirection = region.PhysicalUnitsYDirection = 3
    region.PhysicalDeltaX = region.PhysicalDeltaY = 0.04
    ds.SequenceOfUltrasoundRegions = Sequence([region])
    ds.SamplesPerPixel = 3
    ds.PhotometricInterpretation = "RGB"
    ds.PlanarConfiguration = 0
    ds.Rows, ds.Columns = ROWS, COLUMNS
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit = 7
    ds.PixelRepresentation = 0
    ds.LossyImageCompression = "00"
    ds.PixelData = _screen(study).tobytes()
    ds["PixelData"].VR = "OB"
    return ds


def _screen(study: StudyContext) -> NDArray[np.uint8]:
    """A fan of speckle with two dark vessels on black, a little colour flow, and the text at the top left."""
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    depth = np.hypot(x - 320, y - 40)
    fan = (depth > 70) & (depth < 410) & (np.abs(np.arctan2(x - 320, y - 40)) < 0.62)
    noise = np.random.default_rng([study.identity.number, study.when.toordinal(), ULTRASOUND_SERIES])
    tissue = noise.rayleigh(52.0, (ROWS, COLUMNS)) * np.exp(-depth / 600)
    vessel = ((x - 300) / 46) ** 2 + ((y - 240) / 22) ** 2 < 1
    shadow = ((x - 375) / 20) ** 2 + ((y - 330) / 28) ** 2 < 1
    grey = np.where(fan, np.where(vessel | shadow, tissue * 0.08, tissue), 0.0).clip(0, 255)
    screen: NDArray[np.uint8] = np.repeat(grey[:, :, np.newaxis], 3, axis=2).astype(np.uint8)
    flow = ((x - 305) / 26) ** 2 + ((y - 240) / 11) ** 2 < 1
    screen[flow] = (200, 40, 30)
    for number, line in enumerate(burned_in_lines(study)):
        bitmap = draw(line, TEXT_SCALE)
        top = TEXT_ROW + number * LINE_HEIGHT
        area = screen[top : top + bitmap.shape[0], TEXT_COLUMN : TEXT_COLUMN + bitmap.shape[1]]
        area[bitmap] = 235
    return screen
