"""The columns of a package's inventory: what a data manager of a trial filters on.

Columns of which the name is a keyword of PS3.6 hold that attribute as it stands in the object; those in small letters
are explained in docs/packages.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Type = Literal["text", "integer", "number", "date"]
Cell = str | int | float | None
"""Dates are text of the form ``2024-01-31``."""


@dataclass(frozen=True, slots=True)
class Column:
    """``path`` leads to the attribute through sequences; it is empty for what is no attribute.

    Attributes:
        name: keyword of the attribute, or a word of our own.
        type: of its values; what is none of this type is left out.
        path: tags; of several items all different values count, joined by a backslash.
        of_series: whether a row for a series can have it: the value on which all its objects agree.
    """

    name: str
    type: Type
    path: tuple[int, ...] = ()
    of_series: bool = True


COLUMNS: Final = (
    Column("level", "text"),
    Column("PatientID", "text", (0x00100020,)),
    Column("StudyInstanceUID", "text", (0x0020000D,)),
    Column("SeriesInstanceUID", "text", (0x0020000E,)),
    Column("SOPInstanceUID", "text", (0x00080018,), of_series=False),
    Column("Modality", "text", (0x00080060,)),
    Column("SOPClassUID", "text", (0x00080016,)),
    Column("sop_class", "text"),
    Column("TransferSyntaxUID", "text"),
    Column("member", "text", of_series=False),
    Column("size", "integer"),
    Column("sha256", "text", of_series=False),
    Column("instances", "integer"),
    Column("ClinicalTrialTimePointID", "text", (0x00120050,)),
    Column("StudyDate", "date", (0x00080020,)),
    Column("SeriesDate", "date", (0x00080021,)),
    Column("AcquisitionDate", "date", (0x00080022,)),
    Column("StudyDescription", "text", (0x00081030,)),
    Column("SeriesDescription", "text", (0x0008103E,)),
    Column("ProtocolName", "text", (0x00181030,)),
    Column("BodyPartExamined", "text", (0x00180015,)),
    Column("ImageType", "text", (0x00080008,)),
    Column("PatientSex", "text", (0x00100040,)),
    Column("PatientAge", "text", (0x00101010,)),
    Column("PatientPosition", "text", (0x00185100,)),
    Column("Manufacturer", "text", (0x00080070,)),
    Column("ManufacturerModelName", "text", (0x00081090,)),
    Column("SeriesNumber", "integer", (0x00200011,)),
    Column("AcquisitionNumber", "integer", (0x00200012,)),
    Column("InstanceNumber", "integer", (0x00200013,)),
    Column("FrameOfReferenceUID", "text", (0x00200052,)),
    Column("NumberOfFrames", "integer", (0x00280008,)),
    Column("Rows", "integer", (0x00280010,)),
    Column("Columns", "integer", (0x00280011,)),
    Column("PixelSpacing", "text", (0x00280030,)),
    Column("SliceThickness", "number", (0x00180050,)),
    Column("SliceLocation", "number", (0x00201041,)),
    Column("KVP", "number", (0x00180060,)),
    Column("ConvolutionKernel", "text", (0x00181210,)),
    Column("ContrastBolusAgent", "text", (0x00180010,)),
    Column("MagneticFieldStrength", "number", (0x00180087,)),
    Column("SequenceName", "text", (0x00180024,)),
    Column("EchoTime", "number", (0x00180081,)),
    Column("RepetitionTime", "number", (0x00180080,)),
    Column("StructureSetLabel", "text", (0x30060002,)),
    Column("RTPlanLabel", "text", (0x300A0002,)),
    Column("ApprovalStatus", "text", (0x300E0002,)),
    Column("DoseUnits", "text", (0x30040002,)),
    Column("DoseType", "text", (0x30040004,)),
    Column("DoseSummationType", "text", (0x3004000A,)),
    Column("roi_names", "text", (0x30060020, 0x30060026)),
    Column("refers_to_series", "text", (0x30060010, 0x30060012, 0x30060014, 0x0020000E)),
    Column("refers_to_structure_set", "text", (0x300C0060, 0x00081155)),
    Column("refers_to_plan", "text", (0x300C0002, 0x00081155)),
)
"""In their order; a column that is added, taken away or changed changes every package that is made anew."""
