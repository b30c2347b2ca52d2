"""The levels of the Query/Retrieve information models, and which attribute belongs to which (PS3.4 C.3, C.6)."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from pydicom.datadict import keyword_for_tag
from pydicom.tag import BaseTag


class Level(IntEnum):
    """A level by its depth; ``Level["IMAGE"]`` is the one of composite instances."""

    PATIENT = 0
    STUDY = 1
    SERIES = 2
    IMAGE = 3


UNIQUE_KEYS: Final = {
    Level.PATIENT: "PatientID",
    Level.STUDY: "StudyInstanceUID",
    Level.SERIES: "SeriesInstanceUID",
    Level.IMAGE: "SOPInstanceUID",
}

COUNTED: Final = {
    Level.PATIENT: (
        "NumberOfPatientRelatedStudies",
        "NumberOfPatientRelatedSeries",
        "NumberOfPatientRelatedInstances",
    ),
    Level.STUDY: (
        "ModalitiesInStudy",
        "SOPClassesInStudy",
        "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
    ),
    Level.SERIES: ("NumberOfSeriesRelatedInstances",),
}
"""Attributes that no object holds: they are counted over all objects of the entity."""

_OF_STUDIES: Final = frozenset(
    (
        "AccessionNumber",
        "AdditionalPatientHistory",
        "AdmittingDiagnosesDescription",
        "ClinicalTrialTimePointDescription",
        "ClinicalTrialTimePointID",
        "LongitudinalTemporalInformationModified",
        "NameOfPhysiciansReadingStudy",
        "Occupation",
        "PatientAge",
        "PatientSize",
        "PatientWeight",
        "ProcedureCodeSequence",
        "ReferringPhysicianName",
        "StudyDate",
        "StudyDescription",
        "StudyID",
        "StudyInstanceUID",
        "StudyTime",
        "TimezoneOffsetFromUTC",
    )
)
_OF_SERIES: Final = frozenset(
    (
        "BodyPartExamined",
        "ClinicalTrialSeriesDescription",
        "ClinicalTrialSeriesID",
        "FrameOfReferenceUID",
        "InstitutionName",
        "InstitutionalDepartmentName",
        "Laterality",
        "Manufacturer",
        "ManufacturerModelName",
        "Modality",
        "OperatorsName",
        "PatientPosition",
        "PerformedProcedureStepDescription",
        "PerformedProcedureStepID",
        "PerformedProcedureStepStartDate",
        "PerformedProcedureStepStartTime",
        "PerformingPhysicianName",
        "PositionReferenceIndicator",
        "ProtocolName",
        "RequestAttributesSequence",
        "SeriesDate",
        "SeriesDescription",
        "SeriesInstanceUID",
        "SeriesNumber",
        "SeriesTime",
        "SoftwareVersions",
        "StationName",
    )
)
_OF_TRIALS: Final = 0x0012
_OF_PATIENTS: Final = 0x0010


def level_of(tag: BaseTag) -> Level:
    """The highest level at which an entity has one value of an attribute; IMAGE for whatever is not known better."""
    keyword = keyword_for_tag(tag)
    for level, keywords in COUNTED.items():
        if keyword in keywords:
            return level
    if keyword in _OF_STUDIES:
        return Level.STUDY
    if keyword in _OF_SERIES:
        return Level.SERIES
    return Level.PATIENT if tag.group in (_OF_PATIENTS, _OF_TRIALS) else Level.IMAGE
