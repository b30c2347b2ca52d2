"""Portal images: what the treatment beam sees of the chest (PS3.3 A.17)."""

from __future__ import annotations

import math

import numpy as np
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import RTImageStorage, RTPlanStorage

from pacs2trial_demo.generate.anatomy import Anatomy, Grid
from pacs2trial_demo.generate.ct import PLANNING_FRAME
from pacs2trial_demo.generate.header import LINAC, StudyContext, new_object, reference
from pacs2trial_demo.generate.rtplan import GANTRY_ANGLES, PLAN_SERIES

IMAGE_SERIES = 6
MATRIX = 192
SPACING = 2.0
"""Pixel size in mm in the plane of the detector at 1500 mm from the source."""
WATER = 0.0049
"""Attenuation of a 6 MV beam in water, for each mm."""


def portal_images(study: StudyContext, anatomy: Anatomy) -> list[FileDataset]:
    """One image for each beam of the plan."""
    return [_portal_image(study, anatomy, number, angle) for number, angle in enumerate(GANTRY_ANGLES, 1)]


def _portal_image(study: StudyContext, anatomy: Anatomy, number: int, angle: float) -> FileDataset:
    ds = new_object(
        study,
        sop_class=RTImageStorage,
        modality="RTIMAGE",
        series=IMAGE_SERIES,
        instance=number,
        description="Portal images",
        equipment=LINAC,
        time="090000",
    )
    ds.ImageType = ["ORIGINAL", "PRIMARY", "PORTAL"]
    ds.ConversionType = "DI"
    ds.AcquisitionDate = ds.ContentDate = study.day
    ds.AcquisitionTime = ds.ContentTime = "090000"
    ds.AcquisitionNumber = str(number)
    ds.PatientOrientation = ""
    ds.FrameOfReferenceUID = study.uids.frame(PLANNING_FRAME)
    ds.PositionReferenceIndicator = ""
    ds.RTImageLabel = f"Field{number}"
    ds.RTImageName = f"{study.identity.family} {number}"
    ds.RTImageDescription = f"Portal image of {study.identity.given}"
    ds.RTImagePlane = "NORMAL"
    ds.PatientPosition = "HFS"
    ds.XRayImageReceptorTranslation = ["0", "0", "-500"]
    ds.XRayImageReceptorAngle = "0"
    ds.RTImageOrientation = ["1", "0", "0", "0", "-1", "0"]
    ds.ImagePlanePixelSpacing = [f"{SPACING:g}"] * 2
    edge = (MATRIX - 1) * SPACING / 2
    ds.RTImagePosition = [f"{-edge:g}", f"{edge:g}"]
    ds.RadiationMachineName = "LINAC3"
    ds.RadiationMachineSAD = "1000"
    ds.RTImageSID = "1500"
    ds.PrimaryDosimeterUnit = "MU"
    ds.ReportedValuesOrigin = "ACTUAL"
    ds.GantryAngle = f"{angle:g}"
    ds.BeamLimitingDeviceAngle = "10"
    ds.PatientSupportAngle = "0"
    ds.IsocenterPosition = [f"{value:g}" for value in anatomy.tumour]
    exposure = Dataset()
    exposure.NumberOfBlocks = "0"
    ds.ExposureSequence = Sequence([exposure])
    ds.ReferencedRTPlanSequence = Sequence([reference(RTPlanStorage, study.uids.instance(PLAN_SERIES, 1))])
    ds.ReferencedBeamNumber = str(number)
    ds.ReferencedFractionGroupNumber = "1"
    ds.FractionNumber = "1"
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows = ds.Columns = MATRIX
    ds.BitsAllocated = 16
    ds.BitsStored = 12
    ds.HighBit = 11
    ds.PixelRepresentation = 0
    ds.WindowCenter = "2048"
    ds.WindowWidth = "4096"
    ds.PixelData = _projection(study, anatomy, angle, number).tobytes()
    ds["PixelData"].VR = "OW"
    return ds


def _projection(study: StudyContext, anatomy: Anatomy, angle: float, number: int) -> np.ndarray:
    """12-bit transmission along parallel rays; turning the gantry squeezes the chest sideways."""
    line = ((np.arange(MATRIX) - (MATRIX - 1) / 2) * SPACING / 1.5).astype(np.float32)
    u, v = line[np.newaxis, :], -line[:, np.newaxis]
    x = anatomy.tumour[0] + u * abs(math.cos(math.radians(angle)))
    z = anatomy.tumour[2] + v
    water: Grid = np.zeros((MATRIX, MATRIX), np.float32)
    surrounding = {"External": -1000.0, "Lung_L": 35.0, "Lung_R": 35.0, "GTVp": -790.0}
    for name, part in anatomy.parts.items():
        if not math.isnan(part.hu):
            density = (part.hu - surrounding.get(name, 35.0)) / 1000.0
            water = water + density * part.thickness(x, z)
    bright = np.exp(-WATER * water)
    speckle = np.random.default_rng([study.identity.number, study.when.toordinal(), IMAGE_SERIES, number])
    noisy = bright * 3600 + speckle.standard_normal(bright.shape, np.float32) * 12
    stored: np.ndarray = np.clip(noisy, 0, 4095).astype("<u2")
    return stored
