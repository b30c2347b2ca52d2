"""Generated studies are linked, valid, repeatable, and full of what must not leave."""

import subprocess
from datetime import date
from io import BytesIO

import numpy as np
import pydicom
import pytest
from pydicom.uid import ImplicitVRLittleEndian

from pacs2trial_demo.generate import (
    RT_PARTS,
    UID_ROOT,
    StudyContext,
    Uids,
    burned_in_lines,
    dataset_bytes,
    part10,
    study,
)
from pacs2trial_demo.generate.letters import BITMAPS
from pacs2trial_demo.generate.ultrasound import LINE_HEIGHT, TEXT_COLUMN, TEXT_ROW, TEXT_SCALE
from pacs2trial_demo.identities import IDENTITIES, LUCZYNSKA, OXENBARGER, YAMASHIROGI, planted_in, planted_values
from support.programs import need

WHEN = date(2024, 3, 13)
EVERYTHING = RT_PARTS | {"US", "MR"}


@pytest.fixture(scope="module")
def objects():
    """One study with every part, as read back from its files."""
    made = study(LUCZYNSKA, when=WHEN, parts=EVERYTHING, slices=6, matrix=128)
    return [pydicom.dcmread(BytesIO(part10(ds))) for ds in made]


def of(objects, modality, series=None):
    return [ds for ds in objects if ds.Modality == modality and series in {None, ds.SeriesNumber}]


def uids_in(ds, keyword):
    """Every value of ``keyword`` at any depth."""
    return {str(element.value) for element in ds.iterall() if element.keyword == keyword}


def test_every_part_is_there_in_its_number(objects):
    counts = {}
    for ds in objects:
        counts[ds.Modality] = counts.get(ds.Modality, 0) + 1
    assert counts == {"CT": 6 + 3, "RTSTRUCT": 1, "RTPLAN": 1, "RTDOSE": 1, "RTIMAGE": 2, "REG": 1, "US": 1, "MR": 8}


def test_every_rt_object_refers_to_what_it_was_made_from(objects):
    planning = {ds.SOPInstanceUID for ds in of(objects, "CT", 2)}
    treated = {ds.SOPInstanceUID for ds in of(objects, "CT", 7)}
    (structures,), (plan,), (dose,) = of(objects, "RTSTRUCT"), of(objects, "RTPLAN"), of(objects, "RTDOSE")
    (registration,) = of(objects, "REG")
    contoured = set().union(*(uids_in(roi, "ReferencedSOPInstanceUID") for roi in structures.ROIContourSequence))
    assert contoured == planning
    assert {
        image.ReferencedSOPInstanceUID
        for frame in structures.ReferencedFrameOfReferenceSequence
        for referenced in frame.RTReferencedStudySequence
        for series in referenced.RTReferencedSeriesSequence
        for image in series.ContourImageSequence
    } == planning
    assert plan.ReferencedStructureSetSequence[0].ReferencedSOPInstanceUID == structures.SOPInstanceUID
    assert dose.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID == plan.SOPInstanceUID
    assert {ds.ReferencedRTPlanSequence[0].ReferencedSOPInstanceUID for ds in of(objects, "RTIMAGE")} == {
        plan.SOPInstanceUID
    }
    assert {ds.ReferencedBeamNumber for ds in of(objects, "RTIMAGE")} == {b.BeamNumber for b in plan.BeamSequence}
    assert planning | treated <= uids_in(registration, "ReferencedSOPInstanceUID")


def test_the_structure_set_names_the_study_as_the_study_is_called(objects):
    (structures,) = of(objects, "RTSTRUCT")
    referenced = structures.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
    assert referenced.ReferencedSOPInstanceUID == structures.StudyInstanceUID
    assert referenced.RTReferencedSeriesSequence[0].SeriesInstanceUID == of(objects, "CT", 2)[0].SeriesInstanceUID


def test_the_registration_joins_the_two_frames_of_reference(objects):
    (registration,) = of(objects, "REG")
    frames = {item.FrameOfReferenceUID for item in registration.RegistrationSequence}
    assert frames == {of(objects, "CT", 2)[0].FrameOfReferenceUID, of(objects, "CT", 7)[0].FrameOfReferenceUID}
    assert len(frames) == 2


def test_no_reference_to_an_object_dangles_but_those_to_objects_never_sent(objects):
    uids = Uids(LUCZYNSKA.number, WHEN)
    held = {ds.SOPInstanceUID for ds in objects} | {uids.study}
    never_sent = {uids.other(2), uids.other(4, 1)} | {uids.other(5, number) for number in range(1, 7)}
    referred = set().union(*(uids_in(ds, "ReferencedSOPInstanceUID") for ds in objects))
    assert referred - held == never_sent


def test_every_uid_of_a_patient_can_be_recognised(objects):
    for ds in objects:
        own = {str(e.value) for e in ds.iterall() if e.VR == "UI" and not str(e.value).startswith("1.2.840.10008.")}
        assert all(uid.startswith(f"{UID_ROOT}{LUCZYNSKA.number}.") for uid in own)


def test_studies_of_other_patients_and_days_share_no_uid():
    def uids(identity, when):
        made = study(identity, when=when, slices=2, matrix=32)
        return {
            str(e.value)
            for ds in made
            for e in ds.iterall()
            if e.VR == "UI" and not str(e.value).startswith("1.2.840.10008.")
        }

    first, second = uids(LUCZYNSKA, WHEN), uids(OXENBARGER, WHEN)
    third = uids(LUCZYNSKA, date(2024, 3, 14))
    assert not first & second
    assert not first & third


def test_the_same_call_gives_the_same_bytes():
    once, again = (study(OXENBARGER, when=WHEN, parts=EVERYTHING, slices=3, matrix=64) for _ in range(2))
    assert [part10(ds) for ds in once] == [part10(ds) for ds in again]


def test_a_part_left_out_changes_nothing_in_the_others():
    whole = {ds.SOPInstanceUID: part10(ds) for ds in study(OXENBARGER, when=WHEN, slices=2, matrix=32)}
    (plan,) = study(OXENBARGER, when=WHEN, parts={"RTPLAN"}, slices=2, matrix=32)
    assert part10(plan) == whole[plan.SOPInstanceUID]


def test_an_unknown_part_is_named():
    with pytest.raises(ValueError, match="PET"):
        study(OXENBARGER, when=WHEN, parts={"CT", "PET"})


@pytest.mark.parametrize("identity", IDENTITIES, ids=lambda identity: str(identity.number))
def test_everything_planted_is_in_the_originals(identity):
    parts = ("CT", "RTSTRUCT", "RTPLAN", "US")
    data = b"\0".join(part10(ds) for ds in study(identity, when=WHEN, parts=parts, slices=2, matrix=32))
    other_spellings = {value for value in planted_values(identity) if value.isascii() or "/" in value or "-" in value}
    missing = set(planted_values(identity)) - set(planted_in(data, identity))
    assert missing <= other_spellings
    assert {identity.family, identity.given, identity.patient_id, identity.accession}.isdisjoint(missing)


def test_names_stand_in_sequences_private_blocks_and_roi_names(objects):
    ct, (structures,), (plan,) = of(objects, "CT", 2)[0], of(objects, "RTSTRUCT"), of(objects, "RTPLAN")
    family = LUCZYNSKA.family
    assert family in ct.RequestAttributesSequence[0].ScheduledProcedureStepDescription
    nested = ct.private_block(0x0029, "SIEMENS MEDCOM HEADER")[0x40].value[0]
    assert family in nested.private_block(0x0029, "SIEMENS MEDCOM HEADER2")[0x60].value
    assert any(family in roi.ROIName for roi in structures.StructureSetROISequence)
    assert family.encode() in plan.private_block(0x3253, "Varian Medical Systems VISION 3253")[0x00].value


def test_a_ct_header_is_as_rich_as_a_scanners(objects):
    assert len(list(of(objects, "CT", 2)[0].iterall())) > 150


def test_both_little_endian_syntaxes_occur(objects):
    assert len({ds.file_meta.TransferSyntaxUID for ds in objects}) == 2
    assert of(objects, "RTPLAN")[0].file_meta.TransferSyntaxUID == ImplicitVRLittleEndian


def test_contours_lie_on_the_anatomy_that_the_ct_shows(objects):
    (structures,) = of(objects, "RTSTRUCT")
    numbers = {roi.ROIName: roi.ROINumber for roi in structures.StructureSetROISequence}
    images = {ds.SOPInstanceUID: ds for ds in of(objects, "CT", 2)}
    expected = {"Lung_R": (-900, -650), "Bone_Spine": (300, 500), "GTVp": (0, 120)}
    for name, (low, high) in expected.items():
        (roi,) = [roi for roi in structures.ROIContourSequence if roi.ReferencedROINumber == numbers[name]]
        contour = roi.ContourSequence[len(roi.ContourSequence) // 2]
        image = images[contour.ContourImageSequence[0].ReferencedSOPInstanceUID]
        points = np.array(contour.ContourData, float).reshape(-1, 3)
        assert points[0, 2] == float(image.ImagePositionPatient[2])
        middle = points[:, :2].mean(axis=0)
        towards_rim = 0.6 * (points[:, :2] - middle) + middle
        column, row = np.rint((towards_rim - image.ImagePositionPatient[0]) / image.PixelSpacing[0]).astype(int).T
        hu = image.pixel_array[row, column].astype(float) * image.RescaleSlope + image.RescaleIntercept
        assert low < np.median(hu) < high, name


def test_the_dose_is_highest_in_the_ptv(objects):
    (dose,), (structures,), (plan,) = of(objects, "RTDOSE"), of(objects, "RTSTRUCT"), of(objects, "RTPLAN")
    gray = dose.pixel_array * float(dose.DoseGridScaling)
    plane, row, column = np.unravel_index(gray.argmax(), gray.shape)
    x, y, z = (float(value) for value in dose.ImagePositionPatient)
    spacing = float(dose.PixelSpacing[0])
    peak = np.array((x + column * spacing, y + row * spacing, z + dose.GridFrameOffsetVector[plane]))
    isocentre = np.array(plan.BeamSequence[0].ControlPointSequence[0].IsocenterPosition, float)
    assert np.linalg.norm(peak - isocentre) < 28
    assert 60 < gray.max() < 66
    ptv = {roi.ROIName: roi.ROINumber for roi in structures.StructureSetROISequence}["PTVp"]
    assert dose.DVHSequence[0].DVHReferencedROISequence[0].ReferencedROINumber == ptv


def test_the_plan_has_the_control_points_asked_for():
    (plan,) = study(OXENBARGER, when=WHEN, parts={"RTPLAN"}, control_points=180)
    assert [len(beam.ControlPointSequence) for beam in plan.BeamSequence] == [180, 180]


def test_the_name_can_be_read_in_the_ultrasounds_pixels():
    (image,) = study(YAMASHIROGI, when=WHEN, parts={"US"})
    bright = pydicom.dcmread(BytesIO(part10(image))).pixel_array[:, :, 0] > 230
    signs = {bitmap.tobytes(): sign for sign, bitmap in BITMAPS.items()}
    lines = burned_in_lines(StudyContext(YAMASHIROGI, WHEN))
    for number, line in enumerate(lines):
        top, left = TEXT_ROW + number * LINE_HEIGHT, TEXT_COLUMN
        dots = bright[top : top + 7 * TEXT_SCALE : TEXT_SCALE, left::TEXT_SCALE]
        read = "".join(signs[np.ascontiguousarray(dots[:, 6 * n : 6 * n + 5]).tobytes()] for n in range(len(line)))
        assert read == line
    assert "YAMASHIROGI" in lines[0]
    assert image.BurnedInAnnotation == "YES"


def test_the_data_set_alone_is_the_file_without_its_meta_information():
    (plan,) = study(OXENBARGER, when=WHEN, parts={"RTPLAN"})
    data, transfer_syntax = dataset_bytes(plan)
    assert part10(plan).endswith(data)
    read = pydicom.dcmread(BytesIO(data), force=True)
    assert (read.SOPInstanceUID, transfer_syntax) == (plan.SOPInstanceUID, ImplicitVRLittleEndian)


@pytest.mark.parametrize("identity", [LUCZYNSKA, OXENBARGER, YAMASHIROGI], ids=lambda identity: str(identity.number))
def test_dciodvfy_finds_no_error(identity, tmp_path):
    dciodvfy = need("dciodvfy")
    seen = set()
    for ds in study(identity, when=WHEN, parts=EVERYTHING, slices=4, matrix=32):
        if ds.SeriesInstanceUID in seen:
            continue
        seen.add(ds.SeriesInstanceUID)
        if ds.Modality == "RTDOSE":
            sixteen_bit(ds)
        path = tmp_path / f"{len(seen)}.dcm"
        path.write_bytes(part10(ds))
        done = subprocess.run([dciodvfy, "-new", path], capture_output=True, text=True, errors="replace", check=False)
        errors = [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]
        assert errors == [], ds.Modality
        assert done.returncode == 0, ds.Modality
    assert len(seen) == 9


def sixteen_bit(dose):
    """Debian's dciodvfy ends with a failed assertion on pixels of 32 bits, whatever else the dose says."""
    dose.PixelData = (dose.pixel_array >> 16).astype("<u2").tobytes()
    dose["PixelData"].VR = "OW"
    dose.BitsAllocated = dose.BitsStored = 16
    dose.HighBit = 15


def test_dcmtk_reads_every_object(objects, dcmtk, tmp_path):
    for number, ds in enumerate(objects):
        path = tmp_path / f"{number}.dcm"
        ds.save_as(path)
        assert ds.SOPInstanceUID in dcmtk.dcmdump(path)
