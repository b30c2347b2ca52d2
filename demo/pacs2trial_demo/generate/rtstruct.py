"""The structure set: contours of the anatomy on the planning CT (PS3.3 A.19)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.tag import Tag
from pydicom.uid import CTImageStorage, ImplicitVRLittleEndian, RTStructureSetStorage

from pacs2trial_demo.generate.anatomy import Anatomy, Ellipsoid
from pacs2trial_demo.generate.ct import PLANNING_FRAME, PLANNING_SERIES, CtGeometry
from pacs2trial_demo.generate.header import PLANNING, STUDY_CLASS, StudyContext, new_object, reference
from pacs2trial_demo.identities import plain

STRUCTURE_SERIES = 3
COLOURS = {"External": (0, 255, 0), "GTVp": (255, 0, 0), "CTVp": (255, 128, 0), "PTVp": (0, 0, 255)}
INTERPRETED = {"External": "EXTERNAL", "GTVp": "GTV", "CTVp": "CTV", "PTVp": "PTV"}
OUTLINE_POINTS = {"External": 120, "Lung_L": 90, "Lung_R": 90}


def roi_names(study: StudyContext, anatomy: Anatomy) -> list[str]:
    """The names in order of ROI number: TG-263's, and a last one that somebody called after the patient."""
    return [*anatomy.parts, f"Boost {study.identity.family}"]


def structure_set(study: StudyContext, anatomy: Anatomy, ct: CtGeometry, density: int = 1) -> FileDataset:
    """A structure set that refers to every slice of the planning CT, its contours of ``density`` times the points."""
    ds = new_object(
        study,
        sop_class=RTStructureSetStorage,
        modality="RTSTRUCT",
        series=STRUCTURE_SERIES,
        instance=1,
        description="RT structures",
        equipment=PLANNING,
        time="140000",
        transfer_syntax=ImplicitVRLittleEndian,
    )
    ds.StructureSetLabel = "THORAX"
    ds.StructureSetName = f"{study.identity.family} thorax"
    ds.StructureSetDescription = f"Contours of {study.identity.given}"
    ds.StructureSetDate = study.day
    ds.StructureSetTime = "140000"
    frame = study.uids.frame(PLANNING_FRAME)
    ds.FrameOfReferenceUID = frame
    ds.PositionReferenceIndicator = ""
    ds.ReferencedFrameOfReferenceSequence = Sequence([_frame(study, frame, ct)])
    parts = [*anatomy.parts.values(), anatomy.parts["GTVp"]]
    rois, contours, observations = [], [], []
    for number, (name, part) in enumerate(zip(roi_names(study, anatomy), parts, strict=True), 1):
        rois.append(_roi(number, name, frame))
        contours.append(_contours(study, number, name, part, ct, density))
        observations.append(_observation(number, name, study))
    ds.StructureSetROISequence = Sequence(rois)
    ds.ROIContourSequence = Sequence(contours)
    ds.RTROIObservationsSequence = Sequence(observations)
    ds.ApprovalStatus = "APPROVED"
    ds.ReviewDate = study.day
    ds.ReviewTime = "160000"
    ds.ReviewerName = study.identity.physician
    return ds


def _frame(study: StudyContext, frame: str, ct: CtGeometry) -> Dataset:
    series = Dataset()
    series.SeriesInstanceUID = study.uids.series(PLANNING_SERIES)
    series.ContourImageSequence = Sequence([_image(study, number) for number in range(1, ct.slices + 1)])
    whole = reference(STUDY_CLASS, study.uids.study)
    whole.RTReferencedSeriesSequence = Sequence([series])
    item = Dataset()
    item.FrameOfReferenceUID = frame
    item.RTReferencedStudySequence = Sequence([whole])
    return item


def _image(study: StudyContext, number: int) -> Dataset:
    return reference(CTImageStorage, study.uids.instance(PLANNING_SERIES, number))


def _roi(number: int, name: str, frame: str) -> Dataset:
    item = Dataset()
    item.ROINumber = str(number)
    item.ReferencedFrameOfReferenceUID = frame
    item.ROIName = name
    item.ROIGenerationAlgorithm = "MANUAL"
    return item


def _contours(study: StudyContext, number: int, name: str, part: Ellipsoid, ct: CtGeometry, density: int) -> Dataset:
    item = Dataset()
    item.ROIDisplayColor = list(COLOURS.get(name, (200, 40 + 15 * number, 90)))
    item.ReferencedROINumber = str(number)
    slices: list[Dataset] = []
    for image, z in enumerate(ct.positions, 1):
        outline = part.outline(z, density * OUTLINE_POINTS.get(name, 48))
        if outline is None:
            continue
        contour = Dataset()
        contour.ContourImageSequence = Sequence([_image(study, image)])
        contour.ContourGeometricType = "CLOSED_PLANAR"
        contour.NumberOfContourPoints = str(len(outline))
        contour.ContourNumber = str(len(slices) + 1)
        contour["ContourData"] = _contour_data(outline, z)
        slices.append(contour)
    if slices:
        item.ContourSequence = Sequence(slices)
    return item


def _contour_data(outline: NDArray[np.float64], z: float) -> RawDataElement:
    """Contour Data as it stands in a file: a hundred thousand numbers are not worth an object each."""
    text = "\\".join(f"{x:.2f}\\{y:.2f}\\{z:.2f}" for x, y in outline)
    value = (text + " " * (len(text) % 2)).encode("ascii")
    return RawDataElement(Tag("ContourData"), "DS", len(value), value, 0, is_implicit_VR=False, is_little_endian=True)


def _observation(number: int, name: str, study: StudyContext) -> Dataset:
    item = Dataset()
    item.ObservationNumber = str(number)
    item.ReferencedROINumber = str(number)
    item.ROIObservationLabel = plain(name)[:16]
    item.RTROIInterpretedType = INTERPRETED.get(name, "ORGAN")
    item.ROIInterpreter = study.identity.physician
    return item
