"""C-FIND on the index: which entities match, and what is answered about each (PS3.4 C.4.1, C.6)."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom.datadict import dictionary_VR
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from pacs2trial.holdings.matching import matches, texts
from pacs2trial_demo.pacs.index import LEVELS, UNIQUE_KEYS, Index, Instance, distinct, entities

_STUDY_KEYS = frozenset(
    [
        "StudyInstanceUID",
        "StudyDate",
        "StudyTime",
        "AccessionNumber",
        "StudyID",
        "StudyDescription",
        "ReferringPhysicianName",
        "ModalitiesInStudy",
        "SOPClassesInStudy",
        "NumberOfStudyRelatedSeries",
        "NumberOfStudyRelatedInstances",
        "NumberOfPatientRelatedStudies",
        "NumberOfPatientRelatedSeries",
        "NumberOfPatientRelatedInstances",
        "NameOfPhysiciansReadingStudy",
        "AdmittingDiagnosesDescription",
        "ProcedureCodeSequence",
    ]
)
_SERIES_KEYS = frozenset(
    [
        "SeriesInstanceUID",
        "Modality",
        "SeriesNumber",
        "SeriesDescription",
        "SeriesDate",
        "SeriesTime",
        "NumberOfSeriesRelatedInstances",
        "BodyPartExamined",
        "ProtocolName",
        "OperatorsName",
        "PerformingPhysicianName",
        "Manufacturer",
        "ManufacturerModelName",
        "StationName",
        "InstitutionName",
        "InstitutionalDepartmentName",
        "PerformedProcedureStepStartDate",
        "PerformedProcedureStepStartTime",
        "PerformedProcedureStepID",
        "RequestAttributesSequence",
        "FrameOfReferenceUID",
    ]
)
_NOT_MATCHED = frozenset({"QueryRetrieveLevel", "SpecificCharacterSet", "RetrieveAETitle", "InstanceAvailability"})


class IdentifierError(Exception):
    """The identifier does not fit the information model: status 0xA900."""


def level_of(identifier: Dataset, *, patient_root: bool, retrieve: bool = False) -> str:
    """The Query/Retrieve Level, once the identifier is seen to fit it.

    Raises:
        IdentifierError: no such level in the model, or a unique key above it is missing; for ``retrieve`` its own too.
    """
    level = next(iter(texts(identifier, "QueryRetrieveLevel")), "")
    known = LEVELS if patient_root else LEVELS[1:]
    if level not in known:
        raise IdentifierError(f"Query/Retrieve Level is not one of {', '.join(known)}")
    for needed in known[: known.index(level) + retrieve]:
        if not texts(identifier, UNIQUE_KEYS[needed]):
            raise IdentifierError(f"{level} level without the unique key {UNIQUE_KEYS[needed]}")
    return level


def find(index: Index, identifier: Dataset, level: str, aet: str, surplus: int = 0) -> Iterator[Dataset]:
    """One answer for each entity of ``level`` that meets all keys.

    ``surplus`` is added to every number of related instances: a PACS whose counts are wrong.
    """
    keys = [key for key in identifier if key.keyword not in _NOT_MATCHED and _belongs(key, level)]
    for members in entities(level, index.select(level, identifier)):
        entity = _describe(level, members, index, surplus)
        if all(matches(key, entity) for key in keys):
            yield _answer(identifier, keys, entity, level, aet)


def _belongs(key: DataElement, level: str) -> bool:
    """Whether ``key`` is an attribute of ``level`` or of one above; others are optional keys that nobody supports."""
    if level == "IMAGE":
        return True
    if key.tag.group == 0x0010:
        return True
    return level != "PATIENT" and (key.keyword in _STUDY_KEYS or (level == "SERIES" and key.keyword in _SERIES_KEYS))


def _describe(level: str, members: list[Instance], index: Index, surplus: int) -> Dataset:
    """The attributes of one entity: its first instance's header, and what is counted over all of them (C.3.4)."""
    entity = Dataset()
    entity.update(members[0].header)
    if level in {"PATIENT", "STUDY"}:
        patient = index.below("PATIENT", members[0].uid("PATIENT"))
        entity.NumberOfPatientRelatedStudies = distinct("STUDY", patient)
        entity.NumberOfPatientRelatedSeries = distinct("SERIES", patient)
        entity.NumberOfPatientRelatedInstances = len(patient) + surplus
    if level == "STUDY":
        entity.ModalitiesInStudy = sorted({str(one.header.Modality) for one in members})
        entity.SOPClassesInStudy = sorted({one.sop_class for one in members})
        entity.NumberOfStudyRelatedSeries = distinct("SERIES", members)
        entity.NumberOfStudyRelatedInstances = len(members) + surplus
    if level == "SERIES":
        entity.NumberOfSeriesRelatedInstances = len(members) + surplus
    return entity


def _answer(identifier: Dataset, keys: list[DataElement], entity: Dataset, level: str, aet: str) -> Dataset:
    """The keys that were asked for with their values, empty where the entity has none."""
    answer = Dataset()
    if "SpecificCharacterSet" in entity:
        answer.SpecificCharacterSet = entity.SpecificCharacterSet
    for key in keys:
        if key.tag in entity:
            answer[key.tag] = entity[key.tag]
        elif key.keyword:
            answer.add_new(key.tag, dictionary_VR(key.tag), None)
    for one in LEVELS[: LEVELS.index(level) + 1]:
        if UNIQUE_KEYS[one] in identifier or one == level:
            answer[UNIQUE_KEYS[one]] = entity[UNIQUE_KEYS[one]]
    answer.QueryRetrieveLevel = level
    answer.RetrieveAETitle = aet
    answer.InstanceAvailability = "ONLINE"
    return answer
