"""Structured reports, made item by item, for the tests of the rooms that meet them (PS3.3 C.17, PS3.16)."""

from __future__ import annotations

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from support.objects import CT_IMAGE, MARKER, PATIENT_ID, SERIES_UID, STUDY_UID, base

STORAGE = "1.2.840.10008.5.1.4.1.1."
COMPREHENSIVE = UID(STORAGE + "88.33")
DOSE_REPORT = UID(STORAGE + "88.67")
KEY_OBJECTS = UID(STORAGE + "88.59")
EVENT_UID = f"{STUDY_UID}.77"

Concept = tuple[str, str, str]
"""Code, scheme, meaning."""


def code(concept: Concept) -> Dataset:
    ds = Dataset()
    ds.CodeValue, ds.CodingSchemeDesignator, ds.CodeMeaning = concept
    return ds


def item(value_type: str, concept: Concept | None, value: object = None, *children: Dataset, by: str = "CONTAINS"):
    """A content item; ``by`` is its relationship to the item above."""
    ds = Dataset()
    ds.RelationshipType, ds.ValueType = by, value_type
    if concept:
        ds.ConceptNameCodeSequence = Sequence([code(concept)])
    _set_value(ds, value_type, value)
    if children:
        ds.ContentSequence = Sequence(children)
    return ds


def by_reference(*place: int, by: str = "INFERRED FROM") -> Dataset:
    """An item that refers to another by its place in the tree; the root is 1."""
    ds = Dataset()
    ds.RelationshipType = by
    ds.ReferencedContentItemIdentifier = list(place)
    return ds


def _set_value(ds: Dataset, value_type: str, value: object) -> None:
    if value_type == "CONTAINER":
        ds.ContinuityOfContent = "SEPARATE"
    elif value_type == "CODE":
        ds.ConceptCodeSequence = Sequence([code(value)])
    elif value_type == "NUM":
        number, unit = value
        measured = Dataset()
        measured.NumericValue = number
        measured.MeasurementUnitsCodeSequence = Sequence([code((unit, "UCUM", unit))])
        ds.MeasuredValueSequence = Sequence([measured])
    elif value_type in ("IMAGE", "COMPOSITE", "WAVEFORM"):
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = CT_IMAGE, UID(value)
        ds.ReferencedSOPSequence = Sequence([reference])
    elif value_type == "SCOORD":
        ds.GraphicType, ds.GraphicData = "POINT", value
    else:
        keywords = {"TEXT": "TextValue", "PNAME": "PersonName", "DATE": "Date", "DATETIME": "DateTime"}
        setattr(ds, {**keywords, "TIME": "Time", "UIDREF": "UID"}[value_type], value)


def report(*content: Dataset, sop_class: UID = COMPREHENSIVE, modality: str = "SR", verified: bool = False) -> Dataset:
    """A report with this content, valid as such, of the planted patient."""
    ds = base(sop_class, f"{STUDY_UID}.50.1", modality=modality)
    del ds.FrameOfReferenceUID
    ds.SeriesInstanceUID = f"{STUDY_UID}.50"
    ds.InstanceNumber = 1
    ds.ValueType, ds.ContinuityOfContent = "CONTAINER", "SEPARATE"
    ds.ConceptNameCodeSequence = Sequence([code(("126000", "DCM", "Imaging Measurement Report"))])
    ds.ContentSequence = Sequence(content)
    ds.ReferencedPerformedProcedureStepSequence = Sequence()
    if modality != "KO":
        ds.PerformedProcedureCodeSequence = Sequence()
        ds.CompletionFlag, ds.VerificationFlag = "COMPLETE", "VERIFIED" if verified else "UNVERIFIED"
    if verified:
        observer = Dataset()
        observer.VerifyingObserverName = f"{MARKER}^Verifier"
        observer.VerifyingObserverIdentificationCodeSequence = Sequence()
        observer.VerifyingOrganization = f"{MARKER} Hospital"
        observer.VerificationDateTime = "20190312101500"
        ds.VerifyingObserverSequence = Sequence([observer])
    return ds


def dose_report() -> Dataset:
    """An X-ray radiation dose report of a CT (PS3.16 TID 10011), with who, when and what planted in it."""
    ds = report(
        item(
            "CODE",
            ("121058", "DCM", "Procedure reported"),
            ("77477000", "SCT", "Computed Tomography X-Ray"),
            by="HAS CONCEPT MOD",
        ),
        item("CODE", ("121005", "DCM", "Observer Type"), ("121006", "DCM", "Person"), by="HAS OBS CONTEXT"),
        item("PNAME", ("121008", "DCM", "Person Observer Name"), f"{MARKER}^Observer", by="HAS OBS CONTEXT"),
        item("UIDREF", ("121012", "DCM", "Device Observer UID"), f"{STUDY_UID}.60", by="HAS OBS CONTEXT"),
        item("TEXT", ("121013", "DCM", "Device Observer Name"), f"{MARKER} scanner room", by="HAS OBS CONTEXT"),
        item("TEXT", ("121030", "DCM", "Subject ID"), PATIENT_ID, by="HAS OBS CONTEXT"),
        item("DATE", ("121031", "DCM", "Subject Birth Date"), "19610407", by="HAS OBS CONTEXT"),
        item("DATETIME", ("113809", "DCM", "Start of X-Ray Irradiation"), "20190312101500.5", by="HAS OBS CONTEXT"),
        item("DATETIME", ("113810", "DCM", "End of X-Ray Irradiation"), "20190312101700", by="HAS OBS CONTEXT"),
        item("UIDREF", ("110180", "DCM", "Study Instance UID"), STUDY_UID, by="HAS OBS CONTEXT"),
        item("NUM", ("113813", "DCM", "CT Dose Length Product Total"), ("512.5", "mGy.cm")),
        item(
            "CONTAINER",
            ("113819", "DCM", "CT Acquisition"),
            None,
            item("TEXT", ("125203", "DCM", "Acquisition Protocol"), f"Thorax {MARKER} routine"),
            item("CODE", ("123014", "DCM", "Target Region"), ("51185008", "SCT", "Chest")),
            item("UIDREF", ("113769", "DCM", "Irradiation Event UID"), EVENT_UID),
            item("NUM", ("113830", "DCM", "Mean CTDIvol"), ("12.75", "mGy")),
            item("TEXT", ("113605", "DCM", "Irradiation Event Label"), MARKER),
        ),
        item("TEXT", ("121106", "DCM", "Comment"), f"Called Dr {MARKER} about it"),
        sop_class=DOSE_REPORT,
    )
    ds.ConceptNameCodeSequence = Sequence([code(("113701", "DCM", "X-Ray Radiation Dose Report"))])
    return ds


def key_objects() -> Dataset:
    """A key object selection of two images, with a title, a description and the name of who chose."""
    ds = report(
        item("PNAME", ("121008", "DCM", "Person Observer Name"), f"{MARKER}^Chooser", by="HAS OBS CONTEXT"),
        item("TEXT", ("113012", "DCM", "Key Object Description"), f"tumour of {MARKER}"),
        *(item("IMAGE", None, f"{SERIES_UID}.{number}") for number in (1, 2)),
        sop_class=KEY_OBJECTS,
        modality="KO",
    )
    ds.ConceptNameCodeSequence = Sequence([code(("113000", "DCM", "Of Interest"))])
    references = Sequence()
    for number in (1, 2):
        reference = Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = CT_IMAGE, UID(f"{SERIES_UID}.{number}")
        references.append(reference)
    series = Dataset()
    series.SeriesInstanceUID, series.ReferencedSOPSequence = SERIES_UID, references
    study = Dataset()
    study.StudyInstanceUID, study.ReferencedSeriesSequence = STUDY_UID, Sequence([series])
    ds.CurrentRequestedProcedureEvidenceSequence = Sequence([study])
    return ds
