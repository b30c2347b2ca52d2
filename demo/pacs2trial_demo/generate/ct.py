"""CT series of the generated thorax: the planning CT, and a cone-beam CT with a frame of reference of its own."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage

from pacs2trial_demo.generate.anatomy import Anatomy, Grid, slice_positions
from pacs2trial_demo.generate.header import LINAC, SCANNER, Equipment, StudyContext, code, new_object, reference
from pacs2trial_demo.generate.private import siemens_ct


@dataclass(frozen=True)
class CtGeometry:
    """Slices and matrix of a CT: ``field_of_view`` and ``thickness`` in mm, the matrix is square."""

    slices: int = 40
    matrix: int = 256
    thickness: float = 5.0
    field_of_view: float = 500.0

    @property
    def spacing(self) -> float:
        return self.field_of_view / self.matrix

    @property
    def corner(self) -> float:
        """Where the middle of the first pixel lies in x and in y."""
        return -self.field_of_view / 2 + self.spacing / 2

    @property
    def positions(self) -> list[float]:
        return slice_positions(self.slices, self.thickness)

    def axes(self) -> tuple[Grid, Grid]:
        """The middles of all pixels: x as a row, y as a column."""
        line = (self.corner + self.spacing * np.arange(self.matrix)).astype(np.float32)
        return line[np.newaxis, :], line[:, np.newaxis]


PLANNING_SERIES = 2
CONE_BEAM_SERIES = 7
PLANNING_FRAME = 1
CONE_BEAM_FRAME = 2
CONE_BEAM_SHIFT = (4.0, -3.0, 2.5)
"""Where the couch stood wrong: planning coordinates = cone-beam coordinates + this, in mm."""


def planning_ct(study: StudyContext, anatomy: Anatomy, geometry: CtGeometry) -> Iterator[FileDataset]:
    """The planning CT, slice by slice from feet to head."""
    for number, z in enumerate(geometry.positions, 1):
        ds = _slice(study, geometry, number, z, PLANNING_SERIES, PLANNING_FRAME, SCANNER, "Thorax 5.0 B30f")
        _acquisition(ds, study, number)
        siemens_ct(ds, study.identity, study.uids.other(6))
        _pixels(ds, study, anatomy, geometry, number, z, (0.0, 0.0, 0.0), noise=22.0)
        yield ds


def cone_beam_ct(study: StudyContext, anatomy: Anatomy, geometry: CtGeometry) -> Iterator[FileDataset]:
    """The patient on the treatment couch, a little out of place."""
    for number, z in enumerate(geometry.positions, 1):
        ds = _slice(study, geometry, number, z, CONE_BEAM_SERIES, CONE_BEAM_FRAME, LINAC, "CBCT fraction 1")
        ds.ScanOptions = "CONE_BEAM"
        ds.KVP = "125"
        ds.AcquisitionNumber = "1"
        _pixels(ds, study, anatomy, geometry, number, z, CONE_BEAM_SHIFT, noise=60.0)
        yield ds


def _slice(
    study: StudyContext,
    geometry: CtGeometry,
    number: int,
    z: float,
    series: int,
    frame: int,
    equipment: Equipment,
    description: str,
) -> FileDataset:
    ds = new_object(
        study,
        sop_class=CTImageStorage,
        modality="CT",
        series=series,
        instance=number,
        description=description,
        equipment=equipment,
    )
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.AcquisitionDate = ds.ContentDate = study.day
    ds.AcquisitionTime = ds.ContentTime = "101620.789000"
    ds.FrameOfReferenceUID = study.uids.frame(frame)
    ds.PositionReferenceIndicator = ""
    ds.PatientPosition = "HFS"
    ds.BodyPartExamined = "CHEST"
    ds.SliceThickness = f"{geometry.thickness:g}"
    ds.SpacingBetweenSlices = f"{geometry.thickness:g}"
    ds.ImagePositionPatient = [f"{geometry.corner:g}", f"{geometry.corner:g}", f"{z:g}"]
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.SliceLocation = f"{z:g}"
    ds.ImageComments = f"Pat. {study.identity.family}, 2nd scan"
    return ds


def _acquisition(ds: Dataset, study: StudyContext, number: int) -> None:
    """The CT Image module (PS3.3 C.8.2.1) as a scanner fills it in."""
    ds.AcquisitionNumber = "5"
    ds.AcquisitionDateTime = f"{study.day}101620.789000"
    ds.ScanOptions = "HELICAL MODE"
    ds.ProtocolName = "RT_Thorax_4D"
    ds.KVP = "120"
    ds.DataCollectionDiameter = "500"
    ds.ReconstructionDiameter = "500"
    ds.DistanceSourceToDetector = "1085.6"
    ds.DistanceSourceToPatient = "595"
    ds.GantryDetectorTilt = "0"
    ds.TableHeight = "151"
    ds.RotationDirection = "CW"
    ds.ExposureTime = "500"
    ds.XRayTubeCurrent = "220"
    ds.Exposure = "110"
    ds.ExposureModulationType = "XYZ_EC"
    ds.FilterType = "FLAT"
    ds.GeneratorPower = "26"
    ds.FocalSpots = "1.2"
    ds.DateOfLastCalibration = [study.day]
    ds.TimeOfLastCalibration = ["073012.000000"]
    ds.ConvolutionKernel = "B30f"
    ds.RevolutionTime = 0.5
    ds.SingleCollimationWidth = 1.2
    ds.TotalCollimationWidth = 28.8
    ds.TableSpeed = 2.88
    ds.TableFeedPerRotation = 2.88
    ds.SpiralPitchFactor = 0.1
    ds.CTDIvol = 24.3
    ds.CTDIPhantomTypeCodeSequence = Sequence([code("113691", "DCM", "IEC Body Dosimetry Phantom")])
    ds.ContrastBolusAgent = "Omnipaque"
    ds.ContrastBolusVolume = "90"
    ds.ContrastBolusIngredient = "IODINE"
    ds.IrradiationEventUID = study.uids.other(3)
    ds.SynchronizationFrameOfReferenceUID = study.uids.other(7)
    ds.SynchronizationTrigger = "NO TRIGGER"
    ds.AcquisitionTimeSynchronized = "N"
    ds.PatientOrientation = ["L", "P"]
    ds.AnatomicRegionSequence = Sequence([code("51185008", "SCT", "Chest")])
    localizer = reference(CTImageStorage, study.uids.other(4, 1))
    localizer.PurposeOfReferenceCodeSequence = Sequence([code("121311", "DCM", "Localizer")])
    ds.ReferencedImageSequence = Sequence([localizer])
    source = reference(CTImageStorage, study.uids.other(5, number))
    source.PurposeOfReferenceCodeSequence = Sequence(
        [code("121322", "DCM", "Source image for image processing operation")]
    )
    ds.SourceImageSequence = Sequence([source])


def _pixels(
    ds: Dataset,
    study: StudyContext,
    anatomy: Anatomy,
    geometry: CtGeometry,
    number: int,
    z: float,
    shift: tuple[float, float, float],
    noise: float,
) -> None:
    """12-bit stored values of the anatomy moved by minus ``shift``, with noise of ``noise`` HU that repeats."""
    x, y = geometry.axes()
    hu = anatomy.plane(x + shift[0], y + shift[1], z + shift[2])
    seed = (study.identity.number, study.when.toordinal(), ds.SeriesNumber, number)
    speckle = np.random.default_rng([int(part) for part in seed]).standard_normal(hu.shape, np.float32)
    stored = np.clip(hu + noise * speckle + 1024, 0, 4095).astype("<u2")
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows = ds.Columns = geometry.matrix
    ds.PixelSpacing = [f"{geometry.spacing:g}"] * 2
    ds.BitsAllocated = 16
    ds.BitsStored = 12
    ds.HighBit = 11
    ds.PixelRepresentation = 0
    ds.SmallestImagePixelValue = int(stored.min())
    ds.LargestImagePixelValue = int(stored.max())
    ds.BurnedInAnnotation = "NO"
    ds.WindowCenter = ["40", "-600"]
    ds.WindowWidth = ["400", "1200"]
    ds.WindowCenterWidthExplanation = ["MEDIASTINUM", "LUNG"]
    ds.RescaleIntercept = "-1024"
    ds.RescaleSlope = "1"
    ds.RescaleType = "HU"
    ds.LossyImageCompression = "00"
    ds.PixelData = stored.tobytes()
    ds["PixelData"].VR = "OW"
