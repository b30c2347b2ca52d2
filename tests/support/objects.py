"""Small DICOM objects with planted identities, and pseudonyms without a vault, for the tests of every room.

Every planted value holds the marker ``ZZPHI`` (names, text) or a value of :data:`PLANTED`, so that a search of bytes
finds whatever was left.
"""

from __future__ import annotations

import base64
import hashlib
import io
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filewriter import dcmwrite
from pydicom.sequence import Sequence
from pydicom.uid import UID, ExplicitVRLittleEndian

from pacs2trial.dicomfile.scan import elements
from pacs2trial.dicomfile.vr import LONG
from pacs2trial.vault.pseudonyms import Original
from pacs2trial.vault.tables import Kind

MARKER = "ZZPHI"
PATIENT_ID = "ZZPHI-4711"
PATIENT_NAME = "ZZPHIson^Zoltan Mary-Jane^^Dr"
BIRTH_DATE = "19610407"
ACCESSION = "ACCZZPHI99"
PHYSICIAN = "ZZPHIdoc^Ursulina"
STUDY_UID = "1.2.826.0.1.3680043.10.999.1"
SERIES_UID = "1.2.826.0.1.3680043.10.999.1.1"
FRAME_UID = "1.2.826.0.1.3680043.10.999.5"
PLANTED = (MARKER, "Zoltan", "Mary-Jane", "Ursulina", BIRTH_DATE, "4711", STUDY_UID)
"""What must be in no output."""

CT_IMAGE = UID("1.2.840.10008.5.1.4.1.1.2")
RT_STRUCTURE_SET = UID("1.2.840.10008.5.1.4.1.1.481.3")


@dataclass
class TableOfPseudonyms:
    """A resolver that needs no vault: pseudonyms follow from the originals, and every call is remembered."""

    scope: str = "STAGING"
    calls: list[list[Original]] = field(default_factory=list)

    def resolve(self, originals: Iterable[Original]) -> dict[Original, str]:
        asked = list(originals)
        self.calls.append(asked)
        return {original: self.pseudonym(original) for original in asked}

    def pseudonym(self, original: Original) -> str:
        digest = hashlib.sha256(f"{self.scope}|{original.kind}|{original.value}".encode()).digest()
        if original.kind is Kind.UID:
            return f"2.25.{int.from_bytes(digest[:16], 'big')}"
        return base64.b32encode(digest[:8]).decode("ascii").rstrip("=")

    def uid(self, original: str) -> str:
        """What ``original`` becomes."""
        return self.pseudonym(Original(Kind.UID, original))


def base(sop_class: UID, sop_instance: str, *, modality: str) -> Dataset:
    """Patient, study, series and equipment with planted identities, without content."""
    ds = Dataset()
    ds.SpecificCharacterSet = "ISO_IR 100"
    ds.SOPClassUID = sop_class
    ds.SOPInstanceUID = sop_instance
    ds.StudyDate = ds.SeriesDate = ds.ContentDate = "20190312"
    ds.StudyTime = ds.ContentTime = "101500"
    ds.AccessionNumber = ACCESSION
    ds.Modality = modality
    ds.Manufacturer = "SIEMENS"
    ds.InstitutionName = "General Hospital"
    ds.ReferringPhysicianName = PHYSICIAN
    ds.StationName = "CT01"
    ds.StudyDescription = "CT Thorax"
    ds.SeriesDescription = "Thorax 1.0 B30f"
    ds.ManufacturerModelName = "SOMATOM Force"
    ds.PatientName = PATIENT_NAME
    ds.PatientID = PATIENT_ID
    ds.PatientBirthDate = BIRTH_DATE
    ds.PatientSex = "F"
    ds.PatientAge = "057Y"
    ds.StudyInstanceUID = STUDY_UID
    ds.SeriesInstanceUID = SERIES_UID
    ds.StudyID = "ZZPHI-S1"
    ds.SeriesNumber = 2
    ds.FrameOfReferenceUID = FRAME_UID
    return ds


def ct_slice(number: int = 1, *, rows: int = 4, columns: int = 4) -> Dataset:
    """A CT image with a reference, a private block and a little pixel data."""
    ds = base(CT_IMAGE, f"{SERIES_UID}.{number}", modality="CT")
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.BodyPartExamined = "CHEST"
    ds.InstanceNumber = number
    ds.ImagePositionPatient = [-250, -250, 1.5 * number]
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.SliceThickness = 1.5
    ds.KVP = 120
    ds.ReferencedImageSequence = Sequence([_reference(CT_IMAGE, f"{SERIES_UID}.900")])
    ds.add_new(0x00090010, "LO", "ACME 1.0")
    ds.add_new(0x00091001, "LO", "ZZPHI private")
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = rows, columns
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 16, 12, 11
    ds.PixelRepresentation = 0
    ds.PixelData = bytes(i * 7 % 251 for i in range(2 * rows * columns))
    return ds


def structure_set(roi_names: Iterable[str] = ("GTVp", "Lung_L"), *, of: Iterable[int] = (1, 2)) -> Dataset:
    """An RT Structure Set that refers to the CT slices ``of``."""
    ds = base(RT_STRUCTURE_SET, f"{STUDY_UID}.2.1", modality="RTSTRUCT")
    ds.SeriesInstanceUID = f"{STUDY_UID}.2"
    ds.StructureSetLabel = "Plan1"
    ds.StructureSetDate = "20190313"
    contour_images = [_reference(CT_IMAGE, f"{SERIES_UID}.{number}") for number in of]
    series = Dataset()
    series.SeriesInstanceUID = SERIES_UID
    series.ContourImageSequence = Sequence(contour_images)
    study = _reference(UID("1.2.840.10008.3.1.2.3.1"), STUDY_UID)
    study.RTReferencedSeriesSequence = Sequence([series])
    frame = Dataset()
    frame.FrameOfReferenceUID = FRAME_UID
    frame.RTReferencedStudySequence = Sequence([study])
    ds.ReferencedFrameOfReferenceSequence = Sequence([frame])
    rois, contours = [], []
    for number, name in enumerate(roi_names, start=1):
        roi = Dataset()
        roi.ROINumber = number
        roi.ReferencedFrameOfReferenceUID = FRAME_UID
        roi.ROIName = name
        roi.ROIGenerationAlgorithm = "MANUAL"
        rois.append(roi)
        contour = Dataset()
        contour.ContourImageSequence = Sequence([_reference(CT_IMAGE, f"{SERIES_UID}.1")])
        contour.ContourGeometricType = "CLOSED_PLANAR"
        contour.NumberOfContourPoints = 3
        contour.ContourData = [0, 0, 1.5, 10.25, 0, 1.5, 10, 10, 1.5]
        outline = Dataset()
        outline.ContourSequence = Sequence([contour])
        outline.ReferencedROINumber = number
        contours.append(outline)
    ds.StructureSetROISequence = Sequence(rois)
    ds.ROIContourSequence = Sequence(contours)
    return ds


def _reference(sop_class: UID, sop_instance: str) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = sop_class
    item.ReferencedSOPInstanceUID = sop_instance
    return item


def encoded(ds: Dataset, *, implicit: bool = False, little: bool = True) -> bytes:
    """The data set as C-STORE would send it."""
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, implicit_vr=implicit, little_endian=little, overwrite=True)
    return buffer.getvalue()


def part10(ds: Dataset, transfer_syntax: UID = ExplicitVRLittleEndian) -> bytes:
    """The object as a file."""
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = transfer_syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    buffer = io.BytesIO()
    dcmwrite(buffer, ds, enforce_file_format=True)
    return buffer.getvalue()


def raw_element(tag: int, vr: str, value: bytes) -> bytes:
    """An element in explicit VR little endian, its value taken as it is: wrong VRs and odd lengths can be made."""
    head = struct.pack("<HH2s", tag >> 16, tag & 0xFFFF, vr.encode())
    if vr.encode() in LONG:
        return head + struct.pack("<HL", 0, len(value)) + value
    return head + struct.pack("<H", len(value)) + value


def with_raw(data: bytes, extra: Mapping[int, bytes]) -> bytes:
    """An encoded data set (explicit VR) with further encoded elements at their places."""
    found = {tag: data[start:end] for tag, _, start, _, end, _ in elements(data, 0, len(data), implicit=False)}
    return b"".join(element for _, element in sorted((found | extra).items()))


def raw_items(*items: bytes) -> bytes:
    """The value of a sequence of defined length."""
    return b"".join(b"\xfe\xff\x00\xe0" + struct.pack("<L", len(item)) + item for item in items)


def undefined_lengths(ds: Dataset) -> Dataset:
    """The data set with all its sequences and items written until their delimiters (PS3.5 7.5.2)."""
    for element in ds:
        if element.VR == "SQ":
            element.is_undefined_length = True
            for item in element.value:
                item.is_undefined_length_sequence_item = True
                undefined_lengths(item)
    return ds
