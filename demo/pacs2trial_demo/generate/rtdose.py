"""The plan's dose: highest in the PTV, with the two beams' tracks, and a dose volume histogram (PS3.3 A.18)."""

from __future__ import annotations

import math

import numpy as np
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import ImplicitVRLittleEndian, RTDoseStorage, RTPlanStorage, RTStructureSetStorage

from pacs2trial_demo.generate.anatomy import Anatomy, Grid
from pacs2trial_demo.generate.ct import PLANNING_FRAME, CtGeometry
from pacs2trial_demo.generate.header import PLANNING, StudyContext, new_object, reference
from pacs2trial_demo.generate.rtplan import GANTRY_ANGLES, PLAN_SERIES, PRESCRIPTION
from pacs2trial_demo.generate.rtstruct import STRUCTURE_SERIES

DOSE_SERIES = 5
SCALING = 1e-6
"""Gy of one stored unit."""


def dose(study: StudyContext, anatomy: Anatomy, ct: CtGeometry, spacing: float = 5.0) -> FileDataset:
    """The dose of the plan in Gy on the planes of the CT, with pixels of ``spacing`` mm over the body."""
    ds = new_object(
        study,
        sop_class=RTDoseStorage,
        modality="RTDOSE",
        series=DOSE_SERIES,
        instance=1,
        description="RT dose",
        equipment=PLANNING,
        time="151000",
        transfer_syntax=ImplicitVRLittleEndian,
    )
    grid, corner = _dose_grid(anatomy, ct.positions, spacing)
    stored = np.rint(grid / SCALING).astype("<u4")
    ds.ContentDate = study.day
    ds.ContentTime = "151000"
    ds.FrameOfReferenceUID = study.uids.frame(PLANNING_FRAME)
    ds.PositionReferenceIndicator = ""
    ds.ImagePositionPatient = [f"{corner[0]:g}", f"{corner[1]:g}", f"{ct.positions[0]:g}"]
    ds.ImageOrientationPatient = ["1", "0", "0", "0", "1", "0"]
    ds.SliceThickness = f"{ct.thickness:g}"
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.NumberOfFrames = str(len(stored))
    ds.FrameIncrementPointer = Tag("GridFrameOffsetVector")
    ds.Rows, ds.Columns = stored.shape[1:]
    ds.PixelSpacing = [f"{spacing:g}"] * 2
    ds.BitsAllocated = 32
    ds.BitsStored = 32
    ds.HighBit = 31
    ds.PixelRepresentation = 0
    ds.DoseUnits = "GY"
    ds.DoseType = "PHYSICAL"
    ds.DoseComment = f"Dose of {study.identity.family}"
    ds.DoseSummationType = "PLAN"
    ds.GridFrameOffsetVector = [f"{z - ct.positions[0]:g}" for z in ct.positions]
    ds.DoseGridScaling = f"{SCALING:g}"
    ds.TissueHeterogeneityCorrection = "IMAGE"
    ds.ReferencedRTPlanSequence = Sequence([reference(RTPlanStorage, study.uids.instance(PLAN_SERIES, 1))])
    ds.ReferencedStructureSetSequence = Sequence(
        [reference(RTStructureSetStorage, study.uids.instance(STRUCTURE_SERIES, 1))]
    )
    ds.DVHSequence = Sequence([_histogram(anatomy, ct, grid, corner, spacing)])
    ds.PixelData = stored.tobytes()
    ds["PixelData"].VR = "OW"
    return ds


def _dose_grid(anatomy: Anatomy, positions: list[float], spacing: float) -> tuple[Grid, tuple[float, float]]:
    """Dose in Gy as planes, rows, columns, and x, y of its first pixel."""
    body = anatomy.parts["External"]
    columns, rows = (2 * math.ceil(side / spacing) for side in (body.a, body.b))
    corner = (-columns / 2 * spacing + spacing / 2, -rows / 2 * spacing + spacing / 2)
    x = (corner[0] + spacing * np.arange(columns, dtype=np.float32))[np.newaxis, np.newaxis, :]
    y = (corner[1] + spacing * np.arange(rows, dtype=np.float32))[np.newaxis, :, np.newaxis]
    z = np.array(positions, np.float32)[:, np.newaxis, np.newaxis]
    target = anatomy.parts["PTVp"]
    dx, dy, dz = x - target.x, y - target.y, z - target.z
    distance = np.sqrt(dx**2 + dy**2 + dz**2)
    high = _fall_off(distance, target.a + 4.0) * (1.0 - (distance / 500.0) ** 2)
    track = np.zeros(distance.shape, np.float32)
    for angle in np.radians(GANTRY_ANGLES):
        along = dx * np.sin(angle) - dy * np.cos(angle)
        across = np.sqrt((dx * np.cos(angle) + dy * np.sin(angle)) ** 2 + dz**2)
        track += np.exp(along / 250.0) * _fall_off(across, target.a)
    shape = high + 0.2 * np.minimum(track, 1.5) * (1.0 - high)
    inside = ((x / body.a) ** 2 + (y / body.b) ** 2 < 1.0) & (z == z)
    dose_gy: Grid = np.where(inside, PRESCRIPTION * 1.03 * shape, 0.0).astype(np.float32)
    return dose_gy, corner


def _fall_off(distance: Grid, edge: float) -> Grid:
    """1 well within ``edge`` mm, 0 well without, with the penumbra of a linac between."""
    fall: Grid = 0.5 - 0.5 * np.tanh((distance - edge) / 6.0)
    return fall


def _histogram(anatomy: Anatomy, ct: CtGeometry, grid: Grid, corner: tuple[float, float], spacing: float) -> Dataset:
    """Cumulative histogram of the PTV in bins of 1 Gy; ROI numbers follow the order of the anatomy's parts."""
    x = (corner[0] + spacing * np.arange(grid.shape[2], dtype=np.float32))[np.newaxis, :]
    y = (corner[1] + spacing * np.arange(grid.shape[1], dtype=np.float32))[:, np.newaxis]
    target = anatomy.parts["PTVp"]
    values = np.concatenate([plane[target.mask(x, y, z)] for plane, z in zip(grid, ct.positions, strict=True)])
    voxel = spacing**2 * ct.thickness / 1000.0
    bins = [float((values >= low).sum()) * voxel for low in range(int(values.max()) + 1)]
    referenced = Dataset()
    referenced.DVHROIContributionType = "INCLUDED"
    referenced.ReferencedROINumber = str(list(anatomy.parts).index("PTVp") + 1)
    item = Dataset()
    item.DVHReferencedROISequence = Sequence([referenced])
    item.DVHType = "CUMULATIVE"
    item.DoseUnits = "GY"
    item.DoseType = "PHYSICAL"
    item.DVHDoseScaling = "1"
    item.DVHVolumeUnits = "CM3"
    item.DVHNumberOfBins = str(len(bins))
    item.DVHData = [text for volume in bins for text in ("1", f"{volume:.3f}")]
    item.DVHMinimumDose = f"{values.min():.3f}"
    item.DVHMaximumDose = f"{values.max():.3f}"
    item.DVHMeanDose = f"{values.mean():.3f}"
    return item
