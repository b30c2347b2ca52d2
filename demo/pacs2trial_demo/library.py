"""Real data under an invented name: an Eclipse plan with its missing CT slices made up, and an MR of pydicom's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from io import BytesIO

import numpy as np
import pydicom
from numpy.typing import NDArray
from pydicom.data import get_testdata_file
from pydicom.dataset import Dataset, FileDataset
from pydicom.uid import UID

from pacs2trial_demo.generate.header import StudyContext
from pacs2trial_demo.rasterize import Loop, fill

HOUNSFIELD = {"BODY": 20, "Breast": -90, "Lt Lung": -790, "Rt Lung": -780, "Heart": 45, "Nodes": 50, "Tumor Bed": 60}
"""CT numbers of the structures that show in a CT, painted in this order."""
_REDUCTION = 2
"""The one real slice is 512 by 512; the series has half of that, so that 98 slices stay small."""


def eclipse_study(study: StudyContext, files: Mapping[str, bytes]) -> list[FileDataset]:
    """The CT, structure set, plan and dose of dicompyler-core's example as objects of ``study``'s patient and day.

    UIDs stay as the planning system made them. The structure set refers to 98 CT slices and the package ships one;
    the others are made with the UIDs and positions that the contours name, and show the contoured anatomy.
    """
    first, structures, plan, dose = (
        pydicom.dcmread(BytesIO(files[name])) for name in ("ct.0.dcm", "rtss.dcm", "rtplan.dcm", "rtdose.dcm")
    )
    slices = _completed_ct(first, structures)
    objects = [*slices, structures, plan, dose]
    for ds in objects:
        give_identity(ds, study)
    return objects


def small_mr(study: StudyContext) -> FileDataset:
    """The MR_small of pydicom as an object of ``study``'s patient and day; its UIDs stay."""
    ds = pydicom.dcmread(str(get_testdata_file("MR_small.dcm", download=False)))
    give_identity(ds, study)
    return ds


def give_identity(ds: Dataset, study: StudyContext) -> None:
    """Write patient, study number, people and dates of ``study`` into a real object that had been anonymised."""
    who = study.identity
    ds.SpecificCharacterSet = who.character_set
    ds.PatientName = who.person_name
    ds.PatientID = who.patient_id
    ds.PatientBirthDate = f"{who.birth_date:%Y%m%d}"
    ds.PatientSex = who.sex
    ds.PatientAddress = who.address
    ds.AccessionNumber = who.accession_number(study.when)
    ds.StudyID = who.study_id(study.when)
    ds.StudyDescription = f"RT planning {who.family}"
    ds.ReferringPhysicianName = who.referring
    ds.OperatorsName = list(who.operators)
    ds.InstitutionName = "Klinikum am Rotbach"
    dates = ("StudyDate", "SeriesDate", "ContentDate", "InstanceCreationDate", "StructureSetDate", "RTPlanDate")
    for keyword in (*dates, "AcquisitionDate"):
        if keyword in ds or keyword == "StudyDate":
            setattr(ds, keyword, study.day)


def _completed_ct(first: FileDataset, structures: Dataset) -> list[FileDataset]:
    """All slices that ``structures`` refers to, from the head down as the real one was numbered."""
    contours = _contours_by_image(structures)
    shared = [roi.ROIName for roi in structures.StructureSetROISequence]
    thickness = float(first.SliceThickness)
    top = float(first.ImagePositionPatient[2])
    depth = {uid: round((top - _plane(loops)) / thickness) for uid, loops in contours.items()}
    slices = []
    for uid, below in sorted(depth.items(), key=lambda item: item[1]):
        ds = _reduced_header(first)
        z = top - below * thickness
        ds.SOPInstanceUID = ds.file_meta.MediaStorageSOPInstanceUID = UID(uid)
        ds.InstanceNumber = str(below + 1)
        ds.ImagePositionPatient = [*ds.ImagePositionPatient[:2], f"{z:.4f}"]
        ds.SliceLocation = f"{float(first.SliceLocation) - below * thickness:.4f}"
        if uid == first.SOPInstanceUID:
            pixels = _reduced(first.pixel_array)
        else:
            pixels = _painted(ds, contours[uid], shared, below)
        ds.PixelData = pixels.astype("<i2").tobytes()
        ds["PixelData"].VR = "OW"
        slices.append(ds)
    return slices


def _contours_by_image(structures: Dataset) -> dict[str, dict[str, list[NDArray[np.float64]]]]:
    """For each CT slice and ROI name, the contours as rows of x, y, z in mm."""
    names = {roi.ROINumber: str(roi.ROIName) for roi in structures.StructureSetROISequence}
    found: dict[str, dict[str, list[NDArray[np.float64]]]] = defaultdict(lambda: defaultdict(list))
    for roi in structures.ROIContourSequence:
        for contour in roi.get("ContourSequence", []):
            image = str(contour.ContourImageSequence[0].ReferencedSOPInstanceUID)
            found[image][names[roi.ReferencedROINumber]].append(_points(contour))
    return found


def _points(contour: Dataset) -> NDArray[np.float64]:
    """Contour Data from the bytes as they were read, which is ten times faster than through its DS values."""
    raw = contour.get_item("ContourData")
    assert raw is not None and isinstance(raw.value, bytes), "the contour has just been read"
    return np.array(raw.value.rstrip(b" \0").split(b"\\"), np.float64).reshape(-1, 3)


def _plane(loops: Mapping[str, list[NDArray[np.float64]]]) -> float:
    return float(next(iter(loops.values()))[0][0, 2])


def _reduced_header(first: FileDataset) -> FileDataset:
    """The real slice's header for a matrix of half the size over the same field of view."""
    without_pixels = BytesIO()
    pixels = first["PixelData"]
    del first.PixelData
    first.save_as(without_pixels)
    first["PixelData"] = pixels
    without_pixels.seek(0)
    ds = pydicom.dcmread(without_pixels)
    spacing = [float(value) for value in first.PixelSpacing]
    ds.Rows, ds.Columns = first.Rows // _REDUCTION, first.Columns // _REDUCTION
    ds.PixelSpacing = [f"{value * _REDUCTION:.6f}" for value in spacing]
    offset = (_REDUCTION - 1) / 2
    x, y, z = (float(value) for value in first.ImagePositionPatient)
    ds.ImagePositionPatient = [f"{x + offset * spacing[1]:.4f}", f"{y + offset * spacing[0]:.4f}", f"{z:.4f}"]
    return ds


def _reduced(pixels: NDArray[np.int16]) -> NDArray[np.int16]:
    rows, columns = (side // _REDUCTION for side in pixels.shape)
    blocks = pixels.reshape(rows, _REDUCTION, columns, _REDUCTION).mean(axis=(1, 3))
    reduced: NDArray[np.int16] = np.rint(blocks).astype(np.int16)
    return reduced


def _painted(
    ds: Dataset, contours: Mapping[str, list[NDArray[np.float64]]], names: list[str], seed: int
) -> NDArray[np.int16]:
    """CT numbers of one slice: each structure in its turn, the right lung mirrored from the left, noise on top."""
    left, top = (float(value) for value in ds.ImagePositionPatient[:2])
    down, across = (float(value) for value in ds.PixelSpacing)
    hu = np.full((ds.Rows, ds.Columns), -1000.0)
    body = np.zeros(hu.shape, bool)
    for name, number in HOUNSFIELD.items():
        source = "Lt Lung" if name == "Rt Lung" else name
        if source not in names or source not in contours:
            continue
        loops: list[Loop] = [(points[:, :2] - (left, top)) / (across, down) for points in contours[source]]
        area = fill(loops, ds.Rows, ds.Columns)
        if name == "BODY":
            body = area
        if name == "Rt Lung":
            columns = np.flatnonzero(body.any(axis=0))
            area = np.roll(area[:, ::-1], columns[0] + columns[-1] - ds.Columns + 1, axis=1)
        hu[area & body] = number
    noise = np.random.default_rng([20090508, seed]).normal(0.0, 14.0, hu.shape)
    painted: NDArray[np.int16] = np.clip(np.rint(hu + noise), -1000, 3071).astype(np.int16)
    return painted
