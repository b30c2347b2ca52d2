"""Every attribute by which objects of radiotherapy refer to each other, in every kind of object that has it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from pacs2trial.dicomfile.encoding import split_file
from support.objects import STUDY_UID, TableOfPseudonyms, base
from support.stages import file_of, reread, stage1, stage2

STORAGE = "1.2.840.10008.5.1.4.1.1."
MATRIX = [1, 0, 0, -12.5, 0, 1, 0, 3.25, 0, 0, 1, 0.125, 0, 0, 0, 1]
INSTANCE = ["ReferencedSOPClassUID", "ReferencedSOPInstanceUID"]


def below(*sequences: str, holds: list[str]) -> list[str]:
    return [".".join([*sequences, leaf]) for leaf in holds]


def references(*sequences: str) -> list[str]:
    return below(*sequences, holds=INSTANCE)


PLAN = [
    "FrameOfReferenceUID",
    *references("ReferencedStructureSetSequence"),
    *references("ReferencedRTPlanSequence"),
    *references("ReferencedDoseSequence"),
    "ReferencedRTPlanSequence.RTPlanRelationship",
    *below("DoseReferenceSequence", holds=["DoseReferenceNumber", "DoseReferenceUID", "ReferencedROINumber"]),
    *below("FractionGroupSequence", holds=["FractionGroupNumber", "NumberOfFractionsPlanned"]),
    *below("FractionGroupSequence", "ReferencedBeamSequence", holds=["ReferencedBeamNumber", "BeamMeterset"]),
    "FractionGroupSequence.ReferencedBeamSequence.ReferencedDoseReferenceUID",
    "FractionGroupSequence.ReferencedPatientSetupNumber",
    *below("PatientSetupSequence", holds=["PatientSetupNumber", "PatientSetupUID"]),
    *references("PatientSetupSequence", "ReferencedSetupImageSequence"),
]
"""What photon, ion and brachytherapy plans share."""

RECORD = [
    *references("ReferencedRTPlanSequence"),
    *references("ReferencedTreatmentRecordSequence"),
    *references("ReferencedStructureSetSequence"),
    "ReferencedFractionGroupNumber",
    *below("TreatmentMachineSequence", holds=["TreatmentMachineName"]),
]

KINDS = {
    "481.3 structure set": [
        "ReferencedFrameOfReferenceSequence.FrameOfReferenceUID",
        *references("ReferencedFrameOfReferenceSequence", "RTReferencedStudySequence"),
        "ReferencedFrameOfReferenceSequence.RTReferencedStudySequence.RTReferencedSeriesSequence.SeriesInstanceUID",
        *references(
            "ReferencedFrameOfReferenceSequence",
            "RTReferencedStudySequence",
            "RTReferencedSeriesSequence",
            "ContourImageSequence",
        ),
        "ReferencedFrameOfReferenceSequence.FrameOfReferenceRelationshipSequence.RelatedFrameOfReferenceUID",
        "ReferencedFrameOfReferenceSequence.FrameOfReferenceRelationshipSequence.FrameOfReferenceTransformationMatrix",
        *below("StructureSetROISequence", holds=["ROINumber", "ReferencedFrameOfReferenceUID"]),
        *references("ROIContourSequence", "ContourSequence", "ContourImageSequence"),
        "ROIContourSequence.ReferencedROINumber",
        "ROIContourSequence.ContourSequence.ContourData",
        *references("PredecessorStructureSetSequence"),
        *below("RTROIObservationsSequence", holds=["ObservationNumber", "ReferencedROINumber"]),
    ],
    "481.5 plan": [
        *PLAN,
        "BeamSequence.BeamNumber",
        *references("BeamSequence", "ReferencedReferenceImageSequence"),
        "BeamSequence.ReferencedReferenceImageSequence.ReferenceImageNumber",
        *references("BeamSequence", "ReferencedDoseSequence"),
        *below("BeamSequence", "ControlPointSequence", holds=["ControlPointIndex", "IsocenterPosition"]),
        "BeamSequence.ControlPointSequence.ReferencedDoseReferenceSequence.ReferencedDoseReferenceNumber",
    ],
    "481.8 ion plan": [
        *PLAN,
        "IonBeamSequence.BeamNumber",
        *references("IonBeamSequence", "ReferencedReferenceImageSequence"),
        *below("IonBeamSequence", "IonControlPointSequence", holds=["ControlPointIndex", "ScanSpotPositionMap"]),
        "TreatmentPositionGroupSequence.TreatmentPositionGroupUID",
    ],
    "481.5 brachytherapy plan": [
        *PLAN,
        *below("SourceSequence", holds=["SourceNumber", "ReferenceAirKermaRate"]),
        *below("ApplicationSetupSequence", holds=["ApplicationSetupNumber"]),
        *below("ApplicationSetupSequence", "ChannelSequence", holds=["ChannelNumber", "ReferencedSourceNumber"]),
        *references("ApplicationSetupSequence", "ReferencedReferenceImageSequence"),
        "FractionGroupSequence.ReferencedBrachyApplicationSetupSequence.ReferencedBrachyApplicationSetupNumber",
        *references("ReferencedTreatmentRecordSequence"),
    ],
    "481.2 dose": [
        "FrameOfReferenceUID",
        *references("ReferencedRTPlanSequence"),
        "ReferencedRTPlanSequence.ReferencedFractionGroupSequence.ReferencedFractionGroupNumber",
        "ReferencedRTPlanSequence.ReferencedFractionGroupSequence.ReferencedBeamSequence.ReferencedBeamNumber",
        *references("ReferencedStructureSetSequence"),
        "DVHSequence.DVHReferencedROISequence.ReferencedROINumber",
        "DVHSequence.DVHData",
    ],
    "481.1 image": [
        "FrameOfReferenceUID",
        *references("ReferencedRTPlanSequence"),
        "ReferencedBeamNumber",
        "ReferencedFractionGroupNumber",
        *references("ReferencedImageSequence"),
    ],
    "481.4 beams record": [*RECORD, "TreatmentSessionBeamSequence.ReferencedBeamNumber"],
    "481.9 ion beams record": [*RECORD, "TreatmentSessionIonBeamSequence.ReferencedBeamNumber"],
    "481.6 brachytherapy record": [
        *RECORD,
        "TreatmentSessionApplicationSetupSequence.ReferencedBrachyApplicationSetupNumber",
        *references("TreatmentSessionApplicationSetupSequence", "ReferencedMeasuredDoseReferenceSequence"),
    ],
    "481.7 treatment summary": [
        *RECORD,
        *below("FractionGroupSummarySequence", holds=["ReferencedFractionGroupNumber"]),
        *below("TreatmentSummaryCalculatedDoseReferenceSequence", holds=["ReferencedDoseReferenceNumber"]),
    ],
    "66.1 registration": [
        *below("RegistrationSequence", holds=["FrameOfReferenceUID"]),
        *references("RegistrationSequence", "ReferencedImageSequence"),
        "RegistrationSequence.MatrixRegistrationSequence.MatrixSequence.FrameOfReferenceTransformationMatrix",
        "ReferencedSeriesSequence.SeriesInstanceUID",
        *references("ReferencedSeriesSequence", "ReferencedInstanceSequence"),
        "StudiesContainingOtherReferencedInstancesSequence.StudyInstanceUID",
        *references(
            "StudiesContainingOtherReferencedInstancesSequence",
            "ReferencedSeriesSequence",
            "ReferencedInstanceSequence",
        ),
        *below("UsedFiducialsSequence", holds=["FiducialUID"]),
        *references("UsedFiducialsSequence"),
    ],
    "66.3 deformable registration": [
        "DeformableRegistrationSequence.SourceFrameOfReferenceUID",
        *references("DeformableRegistrationSequence", "ReferencedImageSequence"),
        "DeformableRegistrationSequence.PreDeformationMatrixRegistrationSequence.FrameOfReferenceTransformationMatrix",
        "DeformableRegistrationSequence.DeformableRegistrationGridSequence.VectorGridData",
    ],
    "66.2 spatial fiducials": [
        "FiducialSetSequence.FrameOfReferenceUID",
        *references("FiducialSetSequence", "ReferencedImageSequence"),
        "FiducialSetSequence.FiducialSequence.FiducialUID",
        "FiducialSetSequence.FiducialSequence.GraphicCoordinatesDataSequence.GraphicData",
        *references(
            "FiducialSetSequence", "FiducialSequence", "GraphicCoordinatesDataSequence", "ReferencedImageSequence"
        ),
    ],
    "66.4 segmentation": [
        "ReferencedSeriesSequence.SeriesInstanceUID",
        *references("ReferencedSeriesSequence", "ReferencedInstanceSequence"),
        *references("PerFrameFunctionalGroupsSequence", "DerivationImageSequence", "SourceImageSequence"),
        *references("SharedFunctionalGroupsSequence", "DerivationImageSequence", "SourceImageSequence"),
        "SegmentSequence.TrackingUID",
        "DimensionOrganizationSequence.DimensionOrganizationUID",
        "DimensionIndexSequence.DimensionOrganizationUID",
    ],
    "30 parametric map": [
        *references("SharedFunctionalGroupsSequence", "DerivationImageSequence", "SourceImageSequence"),
        "DimensionOrganizationSequence.DimensionOrganizationUID",
    ],
    "11.1 presentation state": [
        "ReferencedSeriesSequence.SeriesInstanceUID",
        *references("ReferencedSeriesSequence", "ReferencedImageSequence"),
        *references("DisplayedAreaSelectionSequence", "ReferencedImageSequence"),
    ],
    "481.10 physician intent": [
        "RTPhysicianIntentSequence.RTPhysicianIntentIndex",
        *references("RTPhysicianIntentSequence", "RTPhysicianIntentPredecessorSequence"),
        *references("RTPhysicianIntentSequence", "RTPhysicianIntentInputInstanceSequence"),
        *below("RTPrescriptionSequence", holds=["RTPrescriptionIndex", "ReferencedRTPhysicianIntentIndex"]),
        *references("RTPrescriptionSequence", "PlanningInputInformationSequence"),
        "RTPrescriptionSequence.RTAnatomicPrescriptionSequence.ConceptualVolumeIdentificationSequence.ConceptualVolumeUID",
        "RTPrescriptionSequence.RTAnatomicPrescriptionSequence.DosimetricObjectiveSequence.DosimetricObjectiveUID",
        "RTPrescriptionSequence.ReferencedDosimetricObjectivesSequence.ReferencedDosimetricObjectiveUID",
        *references("RTPrescriptionSequence", "RTAnatomicPrescriptionSequence", "PriorTreatmentReferenceSequence"),
        "IntendedRTTreatmentPhaseSequence.RTTreatmentPhaseUID",
        "RTTreatmentPhaseIntervalSequence.RTTreatmentPhaseUID",
        "ReferencedRTTreatmentPhaseSequence.RTTreatmentPhaseUID",
    ],
    "481.11 segment annotation": [
        *references(
            "SegmentReferenceSequence", "DirectSegmentReferenceSequence", "ReferencedDirectSegmentInstanceSequence"
        ),
        "SegmentReferenceSequence.SegmentReferenceIndex",
        "SegmentReferenceSequence.CombinationSegmentReferenceSequence.ReferencedSegmentReferenceIndex",
        "RTSegmentAnnotationSequence.ConceptualVolumeIdentificationSequence.ConceptualVolumeUID",
        *references(
            "RTSegmentAnnotationSequence",
            "EquivalentConceptualVolumesSequence",
            "OriginatingSOPInstanceReferenceSequence",
        ),
        "ConceptualVolumeSequence.ConceptualVolumeUID",
        "ConceptualVolumeSequence.ConceptualVolumeConstituentSequence.ConstituentConceptualVolumeUID",
        "ConceptualVolumeSequence.DerivationConceptualVolumeSequence.SourceConceptualVolumeSequence.SourceConceptualVolumeUID",
        "ConceptualVolumeSequence.ConceptualVolumeSegmentationReferenceSequence.ReferencedConceptualVolumeUID",
    ],
    "481.12 radiation set": [
        *references("ReferencedRTRadiationSequence"),
        *references("ReferencedRTPhysicianIntentSequence"),
        "TreatmentPositionGroupSequence.TreatmentPositionGroupUID",
        "RadiationDoseSequence.DoseValuesSequence.DoseReferenceUID",
        "RadiationDoseSequence.ReferencedConceptualVolumeUID",
        *references("ReferencedRTInstanceSequence"),
    ],
    "481.13 C-arm photon radiation": [
        "TreatmentPositionSequence.TreatmentPositionIndex",
        "EquipmentFrameOfReferenceUID",
        *below("CArmPhotonElectronControlPointSequence", holds=["RTControlPointIndex", "CumulativeMeterset"]),
        "TreatmentPositionSequence.ImageToEquipmentMappingMatrix",
        *references("ReferencedRTRadiationSetSequence"),
        "PatientTreatmentOrientationSequence.ReferencedFiducialsUID",
        "PatientSetupUID",
    ],
    "481.16 radiation record set": [
        "TreatmentSessionUID",
        *references("ReferencedRTRadiationRecordSequence"),
        *references("ReferencedRTRadiationSetSequence"),
        *references("OmittedRadiationSequence", "ReferencedRTRadiationSequence"),
        "RTPatientPositionSequence.ReferencedTreatmentPositionGroupUID",
        *references("AdditionalParameterRecordingInstanceSequence"),
    ],
    "481.17 treatment preparation": [
        "PatientTreatmentPreparationSequence.PatientSetupUID",
        *references("PatientTreatmentPreparationSequence", "ReferencedPatientSetupPhotoSequence"),
        *references("ReferencedRTTreatmentPreparationSequence"),
        "PatientTreatmentPreparationSequence.PatientTreatmentPreparationProcedureSequence.ReferencedPatientSetupProcedureIndex",
    ],
}


def holder(ds: Dataset, sequences: list[str]) -> Dataset:
    for keyword in sequences:
        if keyword not in ds:
            setattr(ds, keyword, Sequence([Dataset()]))
        ds = ds[keyword].value[0]
    return ds


def value_of(keyword: str, number: int) -> object:
    vr = dictionary_VR(tag_for_keyword(keyword))
    if keyword.endswith("Matrix"):
        return MATRIX
    if keyword == "ReferencedSOPClassUID":
        return UID(f"{STORAGE}481.{number % 9 + 1}")
    if vr == "UI":
        return UID(f"{STUDY_UID}.{number % 7}.{number % 5}")
    if vr in ("OF", "OB"):
        return bytes(range(8))
    return {"IS": number, "US": number, "UL": number, "DS": "12.5", "CS": "PRIOR"}.get(vr, [1.5, 2.5])


def made(kind: str, paths: list[str]) -> Dataset:
    ds = base(UID(STORAGE + kind.split()[0]), f"{STUDY_UID}.1000", modality="OT")
    for number, path in enumerate(paths, start=1):
        *sequences, keyword = path.split(".")
        if tag_for_keyword(keyword) is None or any(tag_for_keyword(sequence) is None for sequence in sequences):
            raise KeyError(path)
        if dictionary_VR(tag_for_keyword(keyword)) == "SH":
            continue
        try:
            setattr(holder(ds, sequences), keyword, value_of(keyword, number))
        except (TypeError, ValueError):
            setattr(holder(ds, sequences), keyword, 1.5)
    return ds


def edges(ds: Dataset, path: str = "") -> Iterator[tuple[str, str]]:
    """Where a UID that is mapped stands, and the UID: read by pydicom, not by the engine."""
    for element in ds:
        here = f"{path}/{element.keyword}"
        if element.VR == "SQ":
            for number, item in enumerate(element.value):
                yield from edges(item, f"{here}[{number}]")
        elif element.VR == "UI" and not str(element.value).startswith("1.2.840.10008."):
            yield here, str(element.value)


def others(ds: Dataset, path: str = "") -> Iterator[tuple[str, object]]:
    """Numbers, matrices and classes of what is referred to."""
    for element in ds:
        here = f"{path}/{element.keyword}"
        if element.VR == "SQ":
            for number, item in enumerate(element.value):
                yield from others(item, f"{here}[{number}]")
        elif path and (element.VR != "UI" or str(element.value).startswith("1.2.840.10008.")):
            yield here, element.value


@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_of_references_is_the_same_after_both_stages(kind: str) -> None:
    ds = made(kind, KINDS[kind])
    staging, trial = TableOfPseudonyms(), TableOfPseudonyms("LUNGART")
    first = stage1(ds, pseudonyms=staging)
    for options in ((), ("clean_descriptors", "retain_modified_dates", "retain_safe_private")):
        last = reread(stage2(split_file(file_of(first)), *options, pseudonyms=trial))
        before = {(path, trial.uid(staging.uid(uid))) for path, uid in edges(ds)}
        assert set(edges(last)) == before
        kept = dict(others(last))
        assert all(kept[path] == value for path, value in others(ds))
    assert len(before) > 3
