"""The graph of references, before and after."""

from __future__ import annotations

from copy import deepcopy

from pydicom.dataset import Dataset

from pacs2trial.verify.dicom import DicomObject
from pacs2trial.verify.links import Links
from support.packages import encoded, plain_objects

UNCHANGED = "2.16.840.1.113883.6.96"


def staged() -> Dataset:
    (structures,) = (dataset for dataset in plain_objects().values() if dataset.Modality == "RTSTRUCT")
    structures.ContourImageSequence[1].ReferencedSOPInstanceUID = "2.25.4444"  # points out of the data
    code = Dataset()
    code.CodingSchemeUID = UNCHANGED
    structures.CodingSchemeIdentificationSequence = [code]
    return structures


UIDS = {uid for _path, uid in DicomObject(encoded(staged())).uids()} - {UNCHANGED}
STAGED_UIDS = {uid for uid in UIDS if uid.startswith("2.25.1") or uid == "2.25.4444"}
PSEUDONYMS = {uid: f"2.25.9{uid[5:]}" for uid in STAGED_UIDS}


def packed() -> Dataset:
    dataset = deepcopy(staged())
    for each in (dataset, dataset.file_meta, *dataset.ContourImageSequence):
        for element in each:
            if element.VR == "UI" and element.value in PSEUDONYMS:
                element.value = PSEUDONYMS[element.value]
    return dataset


def differences(after: Dataset) -> list[str]:
    links = Links(PSEUDONYMS, STAGED_UIDS)
    return list(links.differences("m.dcm", DicomObject(encoded(staged())), DicomObject(encoded(after))))


def test_a_graph_that_was_renamed_whole_is_the_same() -> None:
    assert differences(packed()) == []


def test_a_dangling_link_that_is_gone_is_found() -> None:
    after = packed()
    del after.ContourImageSequence[1].ReferencedSOPInstanceUID
    assert differences(after) == [
        "m.dcm: ContourImageSequence[2].ReferencedSOPInstanceUID no longer links as in staging"
    ]


def test_a_link_to_another_object_is_found() -> None:
    after = packed()
    after.ContourImageSequence[0].ReferencedSOPInstanceUID = PSEUDONYMS["2.25.4444"]
    assert differences(after) == [
        "m.dcm: ContourImageSequence[1].ReferencedSOPInstanceUID no longer links as in staging",
        "m.dcm: ContourImageSequence[1].ReferencedSOPInstanceUID links as nothing in staging does",
    ]


def test_a_staging_pseudonym_that_was_left_is_found() -> None:
    after = packed()
    after.FrameOfReferenceUID = staged().FrameOfReferenceUID
    assert "m.dcm: FrameOfReferenceUID holds no pseudonym of the trial" in differences(after)


def test_a_link_that_came_from_nowhere_is_found() -> None:
    after = packed()
    after.IrradiationEventUID = PSEUDONYMS["2.25.4444"]
    assert differences(after) == ["m.dcm: IrradiationEventUID links as nothing in staging does"]
