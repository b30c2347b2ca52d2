"""A photon plan of two beams whose leaves follow the PTV (PS3.3 A.20)."""

from __future__ import annotations

from itertools import pairwise

from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import ImplicitVRLittleEndian, RTPlanStorage, RTStructureSetStorage

from pacs2trial_demo.generate.anatomy import Anatomy
from pacs2trial_demo.generate.ct import PLANNING_FRAME
from pacs2trial_demo.generate.header import PLANNING, StudyContext, new_object, reference
from pacs2trial_demo.generate.private import varian_rt
from pacs2trial_demo.generate.rtstruct import STRUCTURE_SERIES

PLAN_SERIES = 4
GANTRY_ANGLES = (20.0, 140.0)
FRACTIONS = 30
PRESCRIPTION = 60.0
"""Dose in Gy that the PTV is to get in all fractions."""
STATIC = 2
"""Control points of a static beam: its first and its last."""
LEAF_PAIRS = 60
LEAF_EDGES = (
    [-200.0 + 10 * n for n in range(10)] + [-100.0 + 5 * n for n in range(41)] + [110.0 + 10 * n for n in range(10)]
)


def plan(study: StudyContext, anatomy: Anatomy, control_points: int = STATIC) -> FileDataset:
    """A plan on the structure set; ``control_points`` for each beam, so that a bench can ask for 180."""
    ds = new_object(
        study,
        sop_class=RTPlanStorage,
        modality="RTPLAN",
        series=PLAN_SERIES,
        instance=1,
        description="RT plan",
        equipment=PLANNING,
        time="150000",
        transfer_syntax=ImplicitVRLittleEndian,
    )
    ds.FrameOfReferenceUID = study.uids.frame(PLANNING_FRAME)
    ds.PositionReferenceIndicator = ""
    ds.RTPlanLabel = "LUNG_2F"
    ds.RTPlanName = f"{study.identity.family} lung"
    ds.RTPlanDescription = f"Left lung, {study.identity.given}"
    ds.RTPlanDate = study.day
    ds.RTPlanTime = "150000"
    ds.RTPlanGeometry = "PATIENT"
    ds.PlanIntent = "CURATIVE"
    ds.DoseReferenceSequence = Sequence([_dose_reference(study)])
    ds.FractionGroupSequence = Sequence([_fraction_group(study)])
    ds.BeamSequence = Sequence([_beam(n, angle, anatomy, control_points) for n, angle in enumerate(GANTRY_ANGLES, 1)])
    setup = Dataset()
    setup.PatientPosition = "HFS"
    setup.PatientSetupNumber = "1"
    setup.SetupTechnique = "ISOCENTRIC"
    ds.PatientSetupSequence = Sequence([setup])
    ds.ReferencedStructureSetSequence = Sequence(
        [reference(RTStructureSetStorage, study.uids.instance(STRUCTURE_SERIES, 1))]
    )
    ds.ApprovalStatus = "APPROVED"
    ds.ReviewDate = study.day
    ds.ReviewTime = "170000"
    ds.ReviewerName = study.identity.physician
    varian_rt(ds, study.identity, ds.SOPInstanceUID)
    return ds


def _dose_reference(study: StudyContext) -> Dataset:
    item = Dataset()
    item.DoseReferenceNumber = "1"
    item.DoseReferenceUID = study.uids.other(8)
    item.DoseReferenceStructureType = "SITE"
    item.DoseReferenceDescription = "PTVp"
    item.DoseReferenceType = "TARGET"
    item.TargetPrescriptionDose = f"{PRESCRIPTION:g}"
    return item


def _fraction_group(study: StudyContext) -> Dataset:
    group = Dataset()
    group.FractionGroupNumber = "1"
    group.FractionGroupDescription = f"30 x 2 Gy {study.identity.family}"
    group.NumberOfFractionsPlanned = str(FRACTIONS)
    group.NumberOfBeams = str(len(GANTRY_ANGLES))
    group.NumberOfBrachyApplicationSetups = "0"
    beams = []
    for number in range(1, len(GANTRY_ANGLES) + 1):
        beam = Dataset()
        beam.ReferencedBeamNumber = str(number)
        beam.BeamDose = "1"
        beam.BeamMeterset = "112.5"
        beams.append(beam)
    group.ReferencedBeamSequence = Sequence(beams)
    return group


def _beam(number: int, angle: float, anatomy: Anatomy, control_points: int) -> Dataset:
    beam = Dataset()
    beam.Manufacturer = "Varian Medical Systems"
    beam.InstitutionName = "Klinikum am Rotbach"
    beam.TreatmentMachineName = "LINAC3"
    beam.DeviceSerialNumber = "H192884"
    beam.PrimaryDosimeterUnit = "MU"
    beam.SourceAxisDistance = "1000"
    jaws, leaves = Dataset(), Dataset()
    jaws.RTBeamLimitingDeviceType = "ASYMY"
    jaws.NumberOfLeafJawPairs = "1"
    leaves.RTBeamLimitingDeviceType = "MLCX"
    leaves.NumberOfLeafJawPairs = str(LEAF_PAIRS)
    leaves.LeafPositionBoundaries = [f"{edge:g}" for edge in LEAF_EDGES]
    beam.BeamLimitingDeviceSequence = Sequence([jaws, leaves])
    beam.BeamNumber = str(number)
    beam.BeamName = f"Field{number}"
    beam.BeamDescription = f"Gantry {angle:g}"
    beam.BeamType = "STATIC" if control_points == STATIC else "DYNAMIC"
    beam.RadiationType = "PHOTON"
    beam.TreatmentDeliveryType = "TREATMENT"
    beam.NumberOfWedges = beam.NumberOfCompensators = beam.NumberOfBoli = beam.NumberOfBlocks = "0"
    beam.FinalCumulativeMetersetWeight = "1"
    beam.NumberOfControlPoints = str(control_points)
    beam.ControlPointSequence = Sequence(
        [_control_point(index, control_points, angle, anatomy) for index in range(control_points)]
    )
    beam.ReferencedPatientSetupNumber = "1"
    return beam


def _control_point(index: int, control_points: int, angle: float, anatomy: Anatomy) -> Dataset:
    """The first point says everything; of the later ones of a static beam only the meterset differs."""
    point = Dataset()
    point.ControlPointIndex = str(index)
    if index == 0:
        point.NominalBeamEnergy = "6"
        point.DoseRateSet = "600"
    if index == 0 or control_points > STATIC:
        jaws, leaves = Dataset(), Dataset()
        jaws.RTBeamLimitingDeviceType = "ASYMY"
        jaws.LeafJawPositions = ["-35", "35"]
        leaves.RTBeamLimitingDeviceType = "MLCX"
        leaves.LeafJawPositions = _aperture(anatomy, index)
        point.BeamLimitingDevicePositionSequence = Sequence([jaws, leaves])
        point.GantryAngle = f"{(angle + 2 * index) % 360:g}"
    if index == 0:
        point.GantryRotationDirection = "NONE" if control_points == STATIC else "CW"
        point.BeamLimitingDeviceAngle = "10"
        point.BeamLimitingDeviceRotationDirection = "NONE"
        point.PatientSupportAngle = "0"
        point.PatientSupportRotationDirection = "NONE"
        point.TableTopEccentricAngle = "0"
        point.TableTopEccentricRotationDirection = "NONE"
        point.TableTopVerticalPosition = ""
        point.TableTopLongitudinalPosition = ""
        point.TableTopLateralPosition = ""
        point.IsocenterPosition = [f"{value:g}" for value in anatomy.tumour]
        point.SourceToSurfaceDistance = "910"
    point.CumulativeMetersetWeight = f"{index / (control_points - 1):.6f}"
    return point


def _aperture(anatomy: Anatomy, index: int) -> list[str]:
    """Leaf positions in mm, first one bank, then the other: the PTV's circle and 5 mm; it breathes with ``index``."""
    radius = anatomy.parts["PTVp"].a + 5.0 + 0.5 * (index % 4)
    half = []
    for low, high in pairwise(LEAF_EDGES):
        inside = radius**2 - ((low + high) / 2) ** 2
        half.append(inside**0.5 if inside > 0 else 0.0)
    return [f"{-value:.2f}" for value in half] + [f"{value:.2f}" for value in half]
