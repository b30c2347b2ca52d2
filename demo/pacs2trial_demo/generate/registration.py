"""The registration of the cone-beam CT to the planning CT (PS3.3 A.39.1, Spatial Registration)."""

from __future__ import annotations

from collections.abc import Sequence as SequenceOf

from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import CTImageStorage, SpatialRegistrationStorage

from pacs2trial_demo.generate.ct import CONE_BEAM_SHIFT
from pacs2trial_demo.generate.header import LINAC, StudyContext, code, new_object, reference

REGISTRATION_SERIES = 8


def registration(study: StudyContext, planning: SequenceOf[Dataset], moved: SequenceOf[Dataset]) -> FileDataset:
    """How to get from the frame of reference of ``moved`` to that of ``planning``."""
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
    ds.FrameOfReferenceUID = planning[0].FrameOfReferenceUID
    ds.PositionReferenceIndicator = ""
    ds.RegistrationSequence = Sequence(
        [_registered(planning, (0.0, 0.0, 0.0)), _registered(moved, CONE_BEAM_SHIFT)],
    )
    ds.ReferencedSeriesSequence = Sequence([_series(planning), _series(moved)])
    return ds


def _references(images: SequenceOf[Dataset]) -> Sequence:
    return Sequence([reference(CTImageStorage, image.SOPInstanceUID) for image in images])


def _registered(images: SequenceOf[Dataset], shift: tuple[float, float, float]) -> Dataset:
    rows = [[1.0, 0.0, 0.0, shift[0]], [0.0, 1.0, 0.0, shift[1]], [0.0, 0.0, 1.0, shift[2]], [0.0, 0.0, 0.0, 1.0]]
    matrix = Dataset()
    matrix.FrameOfReferenceTransformationMatrixType = "RIGID"
    matrix.FrameOfReferenceTransformationMatrix = [f"{value:g}" for row in rows for value in row]
    registered = Dataset()
    registered.FrameOfReferenceTransformationComment = ""
    registered.RegistrationTypeCodeSequence = Sequence([code("125025", "DCM", "Visual Alignment")])
    registered.MatrixSequence = Sequence([matrix])
    item = Dataset()
    item.FrameOfReferenceUID = images[0].FrameOfReferenceUID
    item.ReferencedImageSequence = _references(images)
    item.MatrixRegistrationSequence = Sequence([registered])
    return item


def _series(images: SequenceOf[Dataset]) -> Dataset:
    item = Dataset()
    item.SeriesInstanceUID = images[0].SeriesInstanceUID
    item.ReferencedInstanceSequence = _references(images)
    return item
