"""A small head MR series (PS3.3 A.4)."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydicom.dataset import FileDataset
from pydicom.uid import MRImageStorage

from pacs2trial_demo.generate.anatomy import slice_positions
from pacs2trial_demo.generate.header import MR_SCANNER, StudyContext, new_object

MR_SERIES = 20
MR_FRAME = 3


def mr_series(
    study: StudyContext, slices: int = 8, matrix: int = 128, series: int = MR_SERIES
) -> Iterator[FileDataset]:
    """``slices`` T1-weighted images of a head of 170 by 210 mm."""
    spacing = 256 / matrix
    corner = -128 + spacing / 2
    line = (corner + spacing * np.arange(matrix)).astype(np.float32)
    x, y = line[np.newaxis, :], line[:, np.newaxis]
    for number, z in enumerate(slice_positions(slices, 4.0), 1):
        ds = new_object(
            study,
            sop_class=MRImageStorage,
            modality="MR",
            series=series,
            instance=number,
            description="t1_mprage_tra",
            equipment=MR_SCANNER,
            time="113000",
        )
        ds.ImageType = ["ORIGINAL", "PRIMARY", "OTHER"]
        ds.AcquisitionDate = ds.ContentDate = study.day
        ds.AcquisitionTime = ds.ContentTime = "113020"
        ds.AcquisitionNumber = "1"
        ds.FrameOfReferenceUID = study.uids.frame(MR_FRAME)
        ds.PositionReferenceIndicator = ""
        ds.PatientPosition = "HFS"
        ds.BodyPartExamined = "BRAIN"
        ds.ScanningSequence = ["GR", "IR"]
        ds.SequenceVariant = ["SP", "MP"]
        ds.ScanOptions = ""
        ds.MRAcquisitionType = "3D"
        ds.SequenceName = "*tfl3d1"
        ds.AngioFlag = "N"
        ds.SliceThickness = "4"
        ds.RepetitionTime = "2200"
        ds.EchoTime = "2.67"
        ds.InversionTime = "900"
        ds.EchoTrainLength = "1"
        ds.NumberOfAverages = "1"
        ds.ImagingFrequency = "63.6"
        ds.ImagedNucleus = "1H"
        ds.MagneticFieldStrength = "1.5"
        ds.PixelBandwidth = "200"
        ds.FlipAngle = "8"
        ds.ImagePositionPatient = [f"{corner:g}", f"{corner:g}", f"{z:g}"]
        ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
        ds.ImageComments = f"Head of {study.identity.family}"
        head = (x / 85) ** 2 + (y / 105) ** 2 < 1
        skin = (x / 79) ** 2 + (y / 99) ** 2 > 1
        brain = np.where(skin, 900.0, 380.0 + 70.0 * np.sin(x / 9 + z / 30) * np.cos(y / 11))
        noise = np.random.default_rng([study.identity.number, study.when.toordinal(), series, number])
        signal = np.where(head, brain, 0.0) + noise.standard_normal((matrix, matrix), np.float32) * 12
        ds.SamplesPerPixel = 1
        ds.PhotometricInterpretation = "MONOCHROME2"
        ds.Rows = ds.Columns = matrix
        ds.PixelSpacing = [f"{spacing:g}"] * 2
        ds.BitsAllocated = 16
        ds.BitsStored = 12
        ds.HighBit = 11
        ds.PixelRepresentation = 0
        ds.WindowCenter = "400"
        ds.WindowWidth = "900"
        ds.PixelData = np.abs(signal).clip(0, 4095).astype("<u2").tobytes()
        ds["PixelData"].VR = "OW"
        yield ds
