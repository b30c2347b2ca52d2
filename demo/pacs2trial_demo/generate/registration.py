"""The registration of the cone-beam CT to the planning CT (PS3.3 A.39.1, Spatial Registration)."""

from __future__ import annotations

from dataclasses import dataclass

from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, SpatialRegistrationStorage

from pacs2trial_demo.generate.ct import (
    CONE_BEAM_FRAME,
    CONE_BEAM_SERIES,
    CONE_BEAM_SHIFT,
    PLANNING_FRAME,
    PLANNING_SERIES,
)
from pacs2trial_demo.generate.header import LINAC, StudyContext, code, new_object, reference

REGISTRATION_SERIES = 8


@dataclass(frozen=True)
class _Registered:
    """One of the two series: its UIDs, and what brings its coordinates to the planning CT's, in mm."""

    frame: str
    series: str
    instances: tuple[str, ...]
    shift: tuple[float, float, float]


def registration(study: StudyContext, planning_slices: int, cone_beam_slices: int) -> FileDataset:
    """How to get from the cone-beam CT's frame of reference to the planning CT's."""
    both = (
        _series(study, PLANNING_FRAME, PLANNING_SERIES, planning_slices, (0.0, 0.0, 0.0)),
        _series(study, CONE_BEAM_FRAME, CONE_BEAM_SERIES, cone_beam_slices, CONE_BEAM_SHIFT),
    )
    ds = new_object(
        study,
        sop_class=SpatialRegistrationStorage,
        modality="REG",
        series=REGISTRATION_SERIES,
        instance=1,
        description="CBCT match",
        equipment=LINAC,
        time="090500",
    )
    ds.ContentDate = study.day
    ds.ContentTime = "090500"
    ds.BodyPartExamined = "CHEST"
    ds.ContentLabel = "CBCT_MATCH"
    ds.ContentDescription = f"Couch match {study.identity.family}"
    ds.ContentCreatorName = study.identity.operators[0]
    ds.FrameOfReferenceUID = both[0].frame
    ds.PositionReferenceIndicator = ""
    ds.RegistrationSequence = Sequence([_registration_item(one) for one in both])
    ds.ReferencedSeriesSequence = Sequence([_series_item(one) for one in both])
    return ds


def _series(
    study: StudyContext, frame: int, series: int, slices: int, shift: tuple[float, float, float]
) -> _Registered:
    instances = tuple(study.uids.instance(series, number) for number in range(1, slices + 1))
    return _Registered(study.uids.frame(frame), study.uids.series(series), instances, shift)


def _references(one: _Registered) -> Sequence:
    return Sequence([reference(CTImageStorage, instance) for instance in one.instances])


def _registration_item(one: _Registered) -> Dataset:
    x, y, z = one.shift
    rows = ((1.0, 0.0, 0.0, x), (0.0, 1.0, 0.0, y), (0.0, 0.0, 1.0, z), (0.0, 0.0, 0.0, 1.0))
    matrix = Dataset()
    matrix.FrameOfReferenceTransformationMatrixType = "RIGID"
    matrix.FrameOfReferenceTransformationMatrix = [f"{value:g}" for row in rows for value in row]
    transformation = Dataset()
    transformation.FrameOfReferenceTransformationComment = ""
    transformation.RegistrationTypeCodeSequence = Sequence([code("125025", "DCM", "Visual Alignment")])
    transformation.MatrixSequence = Sequence([matrix])
    item = Dataset()
    item.FrameOfReferenceUID = one.frame
    item.ReferencedImageSequence = _references(one)
    item.MatrixRegistrationSequence = Sequence([transformation])
    return item


def _series_item(one: _Registered) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = one.series
    item.ReferencedInstanceSequence = _references(one)
    return item
