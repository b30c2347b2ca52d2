"""One flat map by value: links stay links, whatever attribute, depth or form a UID has."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.errors import UnsafeObjectError
from pacs2trial.vault.tables import Kind
from support.objects import (
    FRAME_UID,
    SERIES_UID,
    STUDY_UID,
    TableOfPseudonyms,
    ct_slice,
    encoded,
    raw_element,
    structure_set,
    with_raw,
)
from support.stages import both_stages, file_of, reread, stage1, stage2


def uids_of(ds: Dataset) -> set[str]:
    found: set[str] = set()
    for element in ds.iterall():
        if element.VR == "UI" and element.value:
            found.update([element.value] if isinstance(element.value, str) else element.value)
    return {str(uid) for uid in found}


def test_links_between_objects_stay() -> None:
    table = TableOfPseudonyms()
    ct = reread(stage1(ct_slice(1), pseudonyms=table))
    rs = reread(stage1(structure_set(), pseudonyms=table))
    frame = rs.ReferencedFrameOfReferenceSequence[0]
    study = frame.RTReferencedStudySequence[0]
    images = study.RTReferencedSeriesSequence[0].ContourImageSequence
    assert study.ReferencedSOPInstanceUID == ct.StudyInstanceUID == rs.StudyInstanceUID
    assert study.RTReferencedSeriesSequence[0].SeriesInstanceUID == ct.SeriesInstanceUID
    assert frame.FrameOfReferenceUID == ct.FrameOfReferenceUID
    assert rs.StructureSetROISequence[0].ReferencedFrameOfReferenceUID == ct.FrameOfReferenceUID
    assert images[0].ReferencedSOPInstanceUID == ct.SOPInstanceUID
    assert (
        rs.ROIContourSequence[0].ContourSequence[0].ContourImageSequence[0].ReferencedSOPInstanceUID
        == ct.SOPInstanceUID
    )


def test_the_set_of_uids_is_the_mapped_set() -> None:
    table = TableOfPseudonyms()
    before, after = structure_set(), reread(stage1(structure_set(), pseudonyms=table))
    expected = {uid if uid.startswith("1.2.840.10008.") else table.uid(uid) for uid in uids_of(before)}
    assert uids_of(after) == expected


def test_two_trials_have_no_uid_in_common() -> None:
    staged = split_file(file_of(stage1(structure_set())))
    one = reread(stage2(staged, pseudonyms=TableOfPseudonyms("A")))
    two = reread(stage2(staged, pseudonyms=TableOfPseudonyms("B")))
    common = uids_of(one) & uids_of(two)
    assert {uid for uid in common if not uid.startswith("1.2.840.10008.")} == set()


def test_all_originals_are_asked_for_at_once() -> None:
    table = TableOfPseudonyms()
    stage1(structure_set(), pseudonyms=table)
    assert len(table.calls) == 1
    asked = table.calls[0]
    assert len(asked) == len(set(asked))
    assert {o.value for o in asked if o.kind is Kind.UID} >= {STUDY_UID, SERIES_UID, FRAME_UID, f"{SERIES_UID}.1"}
    assert {(o.kind, o.value) for o in asked if o.kind is not Kind.UID} == {
        (Kind.ACCESSION, "ACCZZPHI99"),
        (Kind.STUDY_ID, "ZZPHI-S1"),
    }


def test_well_known_and_structural_uids_stay() -> None:
    ds = ct_slice()
    ds.FrameOfReferenceUID = "1.2.840.10008.1.4.3.1"
    ds.RelatedGeneralSOPClassUID = ["1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.4"]
    ds.CodingSchemeIdentificationSequence = Sequence([Dataset()])
    ds.CodingSchemeIdentificationSequence[0].CodingSchemeUID = "2.16.840.1.113883.6.96"
    found = reread(stage1(ds))
    assert found.FrameOfReferenceUID == ds.FrameOfReferenceUID
    assert found.RelatedGeneralSOPClassUID == ds.RelatedGeneralSOPClassUID
    assert found.CodingSchemeIdentificationSequence[0].CodingSchemeUID == "2.16.840.1.113883.6.96"
    assert found.SOPClassUID == ds.SOPClassUID


def test_an_instance_uid_in_a_structural_attribute_does_not_stay() -> None:
    ds = ct_slice()
    ds.CodingSchemeIdentificationSequence = Sequence([Dataset()])
    ds.CodingSchemeIdentificationSequence[0].CodingSchemeUID = STUDY_UID
    assert STUDY_UID.encode() not in file_of(stage1(ds))


def test_each_of_several_values_is_mapped() -> None:
    table = TableOfPseudonyms()
    ds = ct_slice()
    ds.IrradiationEventUID = ["1.2.3.4.5.6.7", "1.2.840.10008.1.4.3.1", SERIES_UID]
    found = reread(stage1(ds, pseudonyms=table))
    assert list(found.IrradiationEventUID) == [
        table.uid("1.2.3.4.5.6.7"),
        "1.2.840.10008.1.4.3.1",
        table.uid(SERIES_UID),
    ]


@pytest.mark.parametrize("odd", ["1.02.003", "1.2.ZZPHI.4", "9" * 90, "not a uid", "1.2.840.10008.ZZPHI"])
def test_invalid_uids_are_mapped_by_their_exact_value(odd: str) -> None:
    table = TableOfPseudonyms()
    value = odd.encode() + b" " * (len(odd) % 2)
    data = with_raw(encoded(ct_slice()), {0x00200052: raw_element(0x00200052, "UI", value)})
    made = stage1(data, pseudonyms=table)
    assert reread(made).FrameOfReferenceUID == table.uid(odd)
    assert odd.encode() not in made.header


def test_an_equal_uid_stays_equal_across_attributes_and_hiding_places() -> None:
    data = with_raw(encoded(ct_slice()), {0x00200052: raw_element(0x00200052, "UN", STUDY_UID.encode() + b"  ")})
    found = reread(stage1(data))
    assert found.FrameOfReferenceUID == found.StudyInstanceUID


@pytest.mark.parametrize("where", ["SeriesDescription", "StudyDescription", "ProtocolName", "ImageComments"])
def test_uids_in_text_do_not_stay(where: str) -> None:
    ds = ct_slice()
    setattr(ds, where, f"copy of {SERIES_UID}.7")
    for made in (stage1(ds), stage2(ds, "clean_descriptors"), both_stages(ds, "clean_descriptors")):
        assert SERIES_UID.encode() not in file_of(made)


@pytest.mark.parametrize("keyword", ["SOPInstanceUID", "StudyInstanceUID", "SeriesInstanceUID", "SOPClassUID"])
def test_without_its_place_an_object_is_refused(keyword: str) -> None:
    ds = ct_slice()
    delattr(ds, keyword)
    with pytest.raises(UnsafeObjectError, match="no-uid"):
        stage1(ds)
    setattr(ds, keyword, "")
    with pytest.raises(UnsafeObjectError, match="no-uid"):
        stage1(ds)
    setattr(ds, keyword, ["1.2.3", "1.2.4"])
    with pytest.raises(UnsafeObjectError, match="no-uid"):
        stage1(encoded(ds))


def test_what_is_told_is_what_was_written() -> None:
    made = stage1(ct_slice())
    found = reread(made)
    assert (made.sop_class, made.sop_instance) == (found.SOPClassUID, found.SOPInstanceUID)
    assert (made.study, made.series) == (found.StudyInstanceUID, found.SeriesInstanceUID)
    assert (made.modality, f"{made.study_date:%Y%m%d}") == (found.Modality, found.StudyDate)
    assert found.file_meta.MediaStorageSOPInstanceUID == found.SOPInstanceUID


def test_study_and_accession_get_codes_of_their_own() -> None:
    table = TableOfPseudonyms()
    staged = reread(stage1(ct_slice(), pseudonyms=table))
    codes = {staged.StudyID, staged.AccessionNumber}
    assert len(codes) == 2
    assert not codes & {"", "ZZPHI-S1", "ACCZZPHI99"}
    collected = reread(both_stages(ct_slice()))
    assert collected.AccessionNumber == ""
    assert collected.StudyID not in {"", staged.StudyID}


def test_the_same_uid_in_several_attributes_becomes_the_same_in_each() -> None:
    """What was made for one place is used again for others; the tag is that of the place."""
    ds = ct_slice()
    ds.FrameOfReferenceUID = ds.StudyInstanceUID
    ds.ReferencedImageSequence[0].ReferencedSOPInstanceUID = ds.SOPInstanceUID
    found = reread(stage1(ds))
    assert found.FrameOfReferenceUID == found.StudyInstanceUID
    assert found.ReferencedImageSequence[0].ReferencedSOPInstanceUID == found.SOPInstanceUID
    assert found.ReferencedImageSequence[0].ReferencedSOPClassUID == ds.SOPClassUID
