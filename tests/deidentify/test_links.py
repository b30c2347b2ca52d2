"""What refers to what stays so, in every kind of object of radiotherapy; numbers that link are not changed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from pacs2trial.dicomfile.encoding import split_file
from support.objects import (
    CT_IMAGE,
    FRAME_UID,
    RT_STRUCTURE_SET,
    SERIES_UID,
    STUDY_UID,
    TableOfPseudonyms,
    base,
    ct_slice,
    structure_set,
)
from support.stages import file_of, reread, stage1, stage2

STORAGE = "1.2.840.10008.5.1.4.1.1."
PLAN, ION_PLAN, DOSE = UID(STORAGE + "481.5"), UID(STORAGE + "481.8"), UID(STORAGE + "481.2")
RECORD, IMAGE = UID(STORAGE + "481.4"), UID(STORAGE + "481.1")
REGISTRATION, DEFORMABLE, SEGMENTATION = UID(STORAGE + "66.1"), UID(STORAGE + "66.3"), UID(STORAGE + "66.4")
OTHER_FRAME = FRAME_UID + ".2"
NEVER_SENT = "1.2.826.0.1.3680043.10.999.404"
MATRIX = [1, 0, 0, -12.5, 0, 1, 0, 3.25, 0, 0, 1, 0, 0, 0, 0, 1]
IEC_FRAME = "1.2.840.10008.1.4.3.1"


def item(**values: object) -> Dataset:
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, Sequence(value) if isinstance(value, list) and isinstance(value[0], Dataset) else value)
    return made


def reference(sop_class: UID, instance: str, **more: object) -> Dataset:
    return item(ReferencedSOPClassUID=sop_class, ReferencedSOPInstanceUID=instance, **more)


def plan(sop_class: UID = PLAN, modality: str = "RTPLAN") -> Dataset:
    ds = base(sop_class, f"{STUDY_UID}.3.1", modality=modality)
    ds.RTPlanLabel = "Plan1"
    ds.ReferencedStructureSetSequence = Sequence([reference(RT_STRUCTURE_SET, f"{STUDY_UID}.2.1")])
    ds.ReferencedRTPlanSequence = Sequence([reference(PLAN, NEVER_SENT, RTPlanRelationship="PRIOR")])
    ds.ReferencedDoseSequence = Sequence([reference(DOSE, f"{STUDY_UID}.4.1")])
    ds.DoseReferenceSequence = Sequence([item(DoseReferenceNumber=7, DoseReferenceUID=f"{STUDY_UID}.70")])
    ds.FractionGroupSequence = Sequence(
        [
            item(
                FractionGroupNumber=3,
                NumberOfFractionsPlanned=25,
                ReferencedBeamSequence=[item(ReferencedBeamNumber=11, BeamMeterset=123.5)],
                ReferencedPatientSetupNumber=2,
            )
        ]
    )
    tag = "IonBeamSequence" if sop_class == ION_PLAN else "BeamSequence"
    reference_image = reference(IMAGE, f"{STUDY_UID}.5.1", ReferenceImageNumber=4)
    setattr(ds, tag, Sequence([item(BeamNumber=11, BeamName="AP", ReferencedReferenceImageSequence=[reference_image])]))
    ds.PatientSetupSequence = Sequence([item(PatientSetupNumber=2, PatientPosition="HFS")])
    return ds


def dose() -> Dataset:
    ds = base(DOSE, f"{STUDY_UID}.4.1", modality="RTDOSE")
    beam = item(ReferencedBeamNumber=11)
    group = item(ReferencedFractionGroupNumber=3, ReferencedBeamSequence=[beam])
    ds.ReferencedRTPlanSequence = Sequence(
        [reference(PLAN, f"{STUDY_UID}.3.1", ReferencedFractionGroupSequence=[group])]
    )
    ds.ReferencedStructureSetSequence = Sequence([reference(RT_STRUCTURE_SET, f"{STUDY_UID}.2.1")])
    ds.DVHSequence = Sequence(
        [item(DVHReferencedROISequence=[item(ReferencedROINumber=9, DVHROIContributionType="INCLUDED")])]
    )
    ds.DoseUnits, ds.DoseGridScaling = "GY", "0.00125"
    return ds


def record() -> Dataset:
    ds = base(RECORD, f"{STUDY_UID}.6.1", modality="RTRECORD")
    ds.ReferencedRTPlanSequence = Sequence([reference(PLAN, f"{STUDY_UID}.3.1")])
    ds.ReferencedFractionGroupNumber = 3
    ds.TreatmentDate, ds.TreatmentTime = "20190402", "083000"
    session = item(ReferencedBeamNumber=11, CurrentFractionNumber=5, TreatmentControlPointDate="20190402")
    ds.TreatmentSessionBeamSequence = Sequence([session])
    return ds


def registration() -> Dataset:
    ds = base(REGISTRATION, f"{STUDY_UID}.7.1", modality="REG")
    matrix = item(FrameOfReferenceTransformationMatrix=MATRIX, FrameOfReferenceTransformationMatrixType="RIGID")
    ds.RegistrationSequence = Sequence(
        [
            item(
                FrameOfReferenceUID=OTHER_FRAME,
                ReferencedImageSequence=[reference(CT_IMAGE, NEVER_SENT)],
                MatrixRegistrationSequence=[item(MatrixSequence=[matrix])],
            )
        ]
    )
    ds.ReferencedSeriesSequence = Sequence(
        [item(SeriesInstanceUID=SERIES_UID, ReferencedInstanceSequence=[reference(CT_IMAGE, f"{SERIES_UID}.1")])]
    )
    other = item(SeriesInstanceUID=NEVER_SENT + ".1", ReferencedInstanceSequence=[reference(CT_IMAGE, NEVER_SENT)])
    ds.StudiesContainingOtherReferencedInstancesSequence = Sequence(
        [item(StudyInstanceUID=STUDY_UID + ".99", ReferencedSeriesSequence=[other])]
    )
    return ds


def deformable() -> Dataset:
    ds = base(DEFORMABLE, f"{STUDY_UID}.7.2", modality="REG")
    grid = item(GridDimensions=[1, 1, 1], GridResolution=[2.0, 2.0, 2.0], VectorGridData=bytes(range(12)))
    ds.DeformableRegistrationSequence = Sequence(
        [
            item(
                SourceFrameOfReferenceUID=OTHER_FRAME,
                DeformableRegistrationGridSequence=[grid],
                PreDeformationMatrixRegistrationSequence=[
                    item(FrameOfReferenceTransformationMatrix=MATRIX, FrameOfReferenceTransformationMatrixType="RIGID")
                ],
            )
        ]
    )
    return ds


def segmentation() -> Dataset:
    ds = base(SEGMENTATION, f"{STUDY_UID}.8.1", modality="SEG")
    ds.FrameOfReferenceUID = IEC_FRAME
    ds.DimensionOrganizationSequence = Sequence([item(DimensionOrganizationUID=f"{STUDY_UID}.80")])
    ds.DimensionIndexSequence = Sequence(
        [item(DimensionOrganizationUID=f"{STUDY_UID}.80", DimensionIndexPointer=0x0062000B)]
    )
    ds.SegmentSequence = Sequence(
        [item(SegmentNumber=1, SegmentLabel="Lung", TrackingID="T1", TrackingUID=f"{STUDY_UID}.81")]
    )
    frames = []
    for number in range(1, 4):
        source = reference(CT_IMAGE, f"{SERIES_UID}.{number}", ReferencedFrameNumber=number)
        frames.append(
            item(
                DerivationImageSequence=[item(SourceImageSequence=[source])],
                FrameContentSequence=[
                    item(DimensionIndexValues=[1, number], FrameAcquisitionDateTime="20190312101500.25")
                ],
                SegmentIdentificationSequence=[item(ReferencedSegmentNumber=1)],
            )
        )
    ds.PerFrameFunctionalGroupsSequence = Sequence(frames)
    return ds


def key_objects() -> Dataset:
    ds = base(UID(STORAGE + "88.59"), f"{STUDY_UID}.9.1", modality="KO")
    images = [reference(CT_IMAGE, f"{SERIES_UID}.{number}") for number in (1, 2)]
    series = item(SeriesInstanceUID=SERIES_UID, ReferencedSOPSequence=images)
    ds.CurrentRequestedProcedureEvidenceSequence = Sequence(
        [item(StudyInstanceUID=STUDY_UID, ReferencedSeriesSequence=[series])]
    )
    return ds


def ion_plan() -> Dataset:
    return plan(ION_PLAN)


KINDS = [ct_slice, structure_set, plan, ion_plan, dose, record, registration, deformable, segmentation, key_objects]
LINKING = {"IS", "US", "UL", "FD", "FL", "DS", "AT", "OF", "CS"}
DATES = {"DA", "DT", "TM"}


def leaves(ds: Dataset, path: str = "") -> Iterator[tuple[str, str, object]]:
    """Every value with its place, as pydicom reads it."""
    for element in ds:
        if element.tag.is_private or element.keyword == "PixelData":
            continue
        here = f"{path}/{element.keyword}"
        if element.VR == "SQ":
            for number, inner in enumerate(element.value):
                yield from leaves(inner, f"{here}[{number}]")
        else:
            yield here, element.VR, element.value


@pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)
def test_links_and_numbers_of_every_kind_of_object(make: object) -> None:
    assert callable(make)
    staging, trial = TableOfPseudonyms(), TableOfPseudonyms("LUNGART")
    made = stage1(make(), pseudonyms=staging)
    staged = reread(made)
    collected = reread(stage2(split_file(file_of(made)), "clean_descriptors", "retain_full_dates", pseudonyms=trial))
    before = list(leaves(make()))
    for after, maps in ((staged, (staging,)), (collected, (staging, trial))):
        found = {place: value for place, _, value in leaves(after)}
        for place, vr, value in before:
            if vr == "UI":
                expected = str(value)
                for table in maps:
                    expected = expected if expected.startswith("1.2.840.10008.") else table.uid(expected)
                assert found[place] == expected, place
            elif vr in LINKING and not place.endswith(("PatientSex", "PatientAge", "PatientSize", "PatientWeight")):
                assert found[place] == value, place


def test_links_across_objects_point_to_each_other_and_out_of_the_set() -> None:
    """Edges and dangling edges of the whole set are those of the originals."""
    table = TableOfPseudonyms()

    def edges(objects: list[Dataset]) -> set[tuple[str, str]]:
        return {
            (str(ds.SOPInstanceUID), str(value))
            for ds in objects
            for place, vr, value in leaves(ds)
            if vr == "UI" and place.rsplit("/", 1)[-1] not in ("SOPInstanceUID", "SOPClassUID", "ReferencedSOPClassUID")
        }

    originals = [make() for make in KINDS]
    outputs = [reread(stage1(make(), pseudonyms=table)) for make in KINDS]
    mapped = {
        (table.uid(one), other if other.startswith("1.2.840.10008.") else table.uid(other))
        for one, other in edges(originals)
    }
    assert edges(outputs) == mapped
    instances = {str(ds.SOPInstanceUID) for ds in outputs}
    assert table.uid(NEVER_SENT) not in instances
    assert table.uid(NEVER_SENT) in {other for _, other in edges(outputs)}


def test_the_study_that_a_structure_set_refers_to_is_the_new_study() -> None:
    found = reread(stage1(structure_set()))
    frame = found.ReferencedFrameOfReferenceSequence[0]
    assert frame.RTReferencedStudySequence[0].ReferencedSOPInstanceUID == found.StudyInstanceUID


def test_a_uid_that_serves_as_study_series_and_frame_stays_one_uid() -> None:
    ds = ct_slice()
    ds.SeriesInstanceUID = ds.FrameOfReferenceUID = STUDY_UID
    found = reread(stage1(ds))
    assert found.StudyInstanceUID == found.SeriesInstanceUID == found.FrameOfReferenceUID


def test_dates_of_frames_and_records_move_with_all_others() -> None:
    made = [reread(stage2(make(), "retain_modified_dates", shift=-37)) for make in (segmentation, record)]
    frames, treatment = made
    first = frames.PerFrameFunctionalGroupsSequence[0].FrameContentSequence[0]
    assert first.FrameAcquisitionDateTime == "20190203101500.25"
    assert frames.StudyDate == treatment.StudyDate == "20190203"
    assert treatment.TreatmentDate == "20190224"
    assert treatment.TreatmentTime == "083000"
    assert treatment.TreatmentSessionBeamSequence[0].TreatmentControlPointDate == "20190224"
