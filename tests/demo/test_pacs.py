"""The demo PACS keeps to the protocol, and breaks it only where a test asks it to."""

from datetime import date
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pynetdicom import AE, StoragePresentationContexts, build_role, evt
from pynetdicom.sop_class import (
    CTImageStorage,
    PatientRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelFind,
    StudyRootQueryRetrieveInformationModelGet,
    StudyRootQueryRetrieveInformationModelMove,
)

from pacs2trial_demo.generate import Uids, part10, study
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER, YAMASHIROGI
from support.peers import Dcmtk

WHEN = date(2024, 3, 13)
FIRST = Uids(LUCZYNSKA.number, WHEN)
SECOND = Uids(OXENBARGER.number, WHEN)
ALL_OF_FIRST = 4 + 1 + 1 + 1 + 2 + 2 + 1


def find(pacs, *keys, model=StudyRootQueryRetrieveInformationModelFind, **query):
    """The answers' data sets and the final status of one C-FIND; status None after an abort."""
    identifier = Dataset()
    identifier.SpecificCharacterSet = "ISO_IR 192"
    for keyword in keys:
        setattr(identifier, keyword, None)
    for keyword, value in query.items():
        setattr(identifier, keyword, value)
    ae = AE("TEST")
    ae.add_requested_context(model)
    association = ae.associate("127.0.0.1", pacs.port, ae_title=pacs.aet)
    assert association.is_established
    answers = list(association.send_c_find(identifier, model))
    association.release()
    final = answers[-1][0]
    return [answer for _, answer in answers if answer is not None], final.Status if "Status" in final else None


def get(pacs, **query):
    """The SOP Instance UIDs that arrive by C-GET, and the final response."""
    arrived = []

    def store(event):
        arrived.append(event.dataset.SOPInstanceUID)
        return 0x0000

    ae = AE("TEST")
    ae.add_requested_context(StudyRootQueryRetrieveInformationModelGet)
    roles = []
    for context in StoragePresentationContexts[:120]:
        ae.add_requested_context(context.abstract_syntax)
        roles.append(build_role(context.abstract_syntax, scp_role=True))
    association = ae.associate(
        "127.0.0.1", pacs.port, ae_title=pacs.aet, ext_neg=roles, evt_handlers=[(evt.EVT_C_STORE, store)]
    )
    assert association.is_established
    identifier = Dataset()
    for keyword, value in query.items():
        setattr(identifier, keyword, value)
    *_, (final, _) = association.send_c_get(identifier, StudyRootQueryRetrieveInformationModelGet)
    association.release()
    return arrived, final


class TestQuery:
    def test_a_study_is_described_with_its_counts_and_modalities(self, demo_pacs):
        (answer,), status = find(
            demo_pacs,
            *("StudyInstanceUID", "ModalitiesInStudy", "AccessionNumber", "PatientName"),
            *("NumberOfStudyRelatedInstances", "NumberOfStudyRelatedSeries"),
            QueryRetrieveLevel="STUDY",
            PatientID=LUCZYNSKA.patient_id,
        )
        assert status == 0x0000
        assert answer.StudyInstanceUID == FIRST.study
        assert answer.AccessionNumber == LUCZYNSKA.accession_number(WHEN)
        assert answer.PatientName == LUCZYNSKA.person_name
        assert list(answer.ModalitiesInStudy) == ["CT", "REG", "RTDOSE", "RTIMAGE", "RTPLAN", "RTSTRUCT"]
        assert (answer.NumberOfStudyRelatedInstances, answer.NumberOfStudyRelatedSeries) == (ALL_OF_FIRST, 7)

    def test_every_level_answers_with_its_own_entities(self, demo_pacs):
        patient = {"PatientID": LUCZYNSKA.patient_id}
        root = PatientRootQueryRetrieveInformationModelFind
        patients, _ = find(demo_pacs, "PatientID", QueryRetrieveLevel="PATIENT", model=root)
        studies, _ = find(demo_pacs, "StudyInstanceUID", QueryRetrieveLevel="STUDY", model=root, **patient)
        in_study = {**patient, "StudyInstanceUID": FIRST.study}
        series, _ = find(demo_pacs, "SeriesInstanceUID", QueryRetrieveLevel="SERIES", model=root, **in_study)
        in_series = {**in_study, "SeriesInstanceUID": FIRST.series(2)}
        images, _ = find(demo_pacs, "SOPInstanceUID", QueryRetrieveLevel="IMAGE", model=root, **in_series)
        assert {answer.PatientID for answer in patients} == {LUCZYNSKA.patient_id, OXENBARGER.patient_id}
        assert [answer.StudyInstanceUID for answer in studies] == [FIRST.study]
        assert {answer.SeriesInstanceUID for answer in series} == {FIRST.series(n) for n in range(2, 9)}
        assert {answer.SOPInstanceUID for answer in images} == {FIRST.instance(2, n) for n in range(1, 5)}

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"PatientID": "000QL47118"}, {1}),
            ({"PatientID": "QL47118"}, set()),
            ({"PatientID": "000ql47118"}, set()),
            ({"PatientID": "*QL*"}, {1}),
            ({"PatientID": "00?15-ZQX"}, {2}),
            ({"PatientID": "*"}, {1, 2}),
            ({"PatientName": "ŁUCZYŃSKA*"}, {1}),
            ({"PatientName": "Öxenbärger^Jürgenfried*"}, {2}),
            ({"PatientName": "Öxenbärger"}, set()),
            ({"StudyDate": "20240313"}, {1, 2}),
            ({"StudyDate": "20240301-20240331"}, {1, 2}),
            ({"StudyDate": "20240314-"}, set()),
            ({"StudyDate": "-20240313"}, {1, 2}),
            ({"StudyTime": "1014-1016"}, {1, 2}),
            ({"StudyTime": "101501-"}, set()),
            ({"StudyInstanceUID": [FIRST.study, SECOND.study, "1.2.3"]}, {1, 2}),
            ({"StudyInstanceUID": SECOND.study}, {2}),
            ({"ModalitiesInStudy": "RTPLAN"}, {1, 2}),
            ({"ModalitiesInStudy": "US"}, set()),
            ({"PatientBirthDate": "19510823"}, {1}),
            ({"PatientID": "000QL47118", "StudyDate": "20200101"}, set()),
        ],
    )
    def test_keys_match_as_the_standard_says(self, demo_pacs, query, found):
        answers, status = find(demo_pacs, "StudyInstanceUID", **{"QueryRetrieveLevel": "STUDY", **query})
        numbers = {FIRST.study: 1, SECOND.study: 2}
        assert status == 0x0000
        assert {numbers[answer.StudyInstanceUID] for answer in answers} == found

    def test_all_keys_of_a_sequence_item_have_to_match(self, demo_pacs):
        item = Dataset()
        item.ScheduledProcedureStepID = "SPS*"
        item.AccessionNumber = OXENBARGER.accession_number(WHEN)
        answers, _ = find(
            demo_pacs,
            "SeriesInstanceUID",
            QueryRetrieveLevel="SERIES",
            StudyInstanceUID=FIRST.study,
            RequestAttributesSequence=[item],
        )
        assert answers == []

    @pytest.mark.parametrize("query", [{"QueryRetrieveLevel": "SERIES"}, {"QueryRetrieveLevel": "PATIENT"}, {}])
    def test_an_identifier_outside_the_model_is_refused(self, demo_pacs, query):
        assert find(demo_pacs, "SeriesInstanceUID", **query) == ([], 0xA900)

    def test_patient_root_asks_for_the_patient(self, demo_pacs):
        root = PatientRootQueryRetrieveInformationModelFind
        assert find(demo_pacs, "StudyInstanceUID", QueryRetrieveLevel="STUDY", model=root) == ([], 0xA900)

    def test_requests_are_kept_for_the_test_to_look_at(self, demo_pacs):
        find(demo_pacs, "StudyInstanceUID", QueryRetrieveLevel="STUDY", PatientID="1")
        (request,) = demo_pacs.requests
        assert (request.service, request.calling_aet, request.level) == ("C-FIND", "TEST", "STUDY")
        assert request.identifier.PatientID == "1"


class TestRetrieve:
    def test_get_brings_exactly_the_series_asked_for(self, demo_pacs):
        arrived, final = get(
            demo_pacs, QueryRetrieveLevel="SERIES", StudyInstanceUID=FIRST.study, SeriesInstanceUID=FIRST.series(2)
        )
        assert set(arrived) == {FIRST.instance(2, number) for number in range(1, 5)}
        assert (final.Status, final.NumberOfCompletedSuboperations) == (0x0000, 4)

    def test_a_list_of_instances_can_be_asked_for(self, demo_pacs):
        wanted = [FIRST.instance(2, 1), FIRST.instance(2, 3)]
        arrived, _ = get(
            demo_pacs,
            QueryRetrieveLevel="IMAGE",
            StudyInstanceUID=FIRST.study,
            SeriesInstanceUID=FIRST.series(2),
            SOPInstanceUID=wanted,
        )
        assert arrived == wanted

    @pytest.mark.parametrize("study_uid", ["", None])
    def test_a_retrieve_without_its_unique_key_is_refused(self, demo_pacs, study_uid):
        arrived, final = get(demo_pacs, QueryRetrieveLevel="STUDY", StudyInstanceUID=study_uid)
        assert (arrived, final.Status) == ([], 0xA900)

    def test_move_names_the_originator(self, demo_pacs):
        seen = []
        ae = AE("RECEIVER")
        for context in StoragePresentationContexts:
            ae.add_supported_context(context.abstract_syntax, ["1.2.840.10008.1.2.1", "1.2.840.10008.1.2"])

        def store(event):
            seen.append((event.request.AffectedSOPInstanceUID, event.request.MoveOriginatorApplicationEntityTitle))
            return 0x0000

        server = ae.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
        demo_pacs.destinations["RECEIVER"] = ("127.0.0.1", server.server_address[1])
        try:
            status = move(demo_pacs, "RECEIVER")
        finally:
            server.shutdown()
        assert (status.Status, status.NumberOfCompletedSuboperations) == (0x0000, ALL_OF_FIRST)
        assert len({uid for uid, _ in seen}) == ALL_OF_FIRST
        assert {originator.strip() for _, originator in seen} == {"DEMOPACS"}

    def test_an_unknown_destination_is_refused(self, demo_pacs):
        assert move(demo_pacs, "NOBODY").Status == 0xA801


def move(pacs, destination):
    ae = AE("TEST")
    ae.add_requested_context(StudyRootQueryRetrieveInformationModelMove)
    association = ae.associate("127.0.0.1", pacs.port, ae_title=pacs.aet)
    identifier = Dataset()
    identifier.QueryRetrieveLevel = "STUDY"
    identifier.StudyInstanceUID = FIRST.study
    *_, (final, _) = association.send_c_move(identifier, destination, StudyRootQueryRetrieveInformationModelMove)
    association.release()
    return final


class TestStore:
    def test_a_stored_object_can_be_found_and_is_on_disk_unchanged(self, demo_pacs, tmp_path):
        (ultrasound,) = study(YAMASHIROGI, when=WHEN, parts={"US"}, slices=2, matrix=32)
        ae = AE("MODALITY")
        ae.add_requested_context(ultrasound.SOPClassUID, ultrasound.file_meta.TransferSyntaxUID)
        association = ae.associate("127.0.0.1", demo_pacs.port, ae_title="DEMOPACS")
        assert association.send_c_store(ultrasound).Status == 0x0000
        association.release()
        answers, _ = find(demo_pacs, QueryRetrieveLevel="STUDY", PatientID=YAMASHIROGI.patient_id, StudyInstanceUID="")
        (path,) = demo_pacs.folder.rglob("received/*.dcm")
        assert [answer.StudyInstanceUID for answer in answers] == [ultrasound.StudyInstanceUID]
        assert pydicom.dcmread(path) == ultrasound


class TestFaults:
    def test_associations_can_be_refused(self, demo_pacs):
        demo_pacs.faults.refuse_associations = True
        ae = AE("TEST")
        ae.add_requested_context(CTImageStorage)
        assert ae.associate("127.0.0.1", demo_pacs.port, ae_title="DEMOPACS").is_rejected

    def test_suboperations_can_fail(self, demo_pacs):
        demo_pacs.faults.fail_suboperations = 2
        arrived, final = get(demo_pacs, QueryRetrieveLevel="STUDY", StudyInstanceUID=FIRST.study)
        assert (final.Status, final.NumberOfFailedSuboperations) == (0xB000, 2)
        assert len(arrived) == ALL_OF_FIRST - 2

    def test_success_can_mean_nothing(self, demo_pacs):
        demo_pacs.faults.no_suboperations = True
        arrived, final = get(demo_pacs, QueryRetrieveLevel="STUDY", StudyInstanceUID=FIRST.study)
        assert (arrived, final.Status, final.NumberOfCompletedSuboperations) == ([], 0x0000, 0)

    def test_an_instance_can_be_dropped_in_silence(self, demo_pacs):
        demo_pacs.faults.dropped = {FIRST.instance(2, 2)}
        arrived, final = get(demo_pacs, QueryRetrieveLevel="STUDY", StudyInstanceUID=FIRST.study)
        assert final.Status == 0x0000
        assert FIRST.instance(2, 2) not in arrived
        assert len(arrived) == ALL_OF_FIRST - 1

    def test_counts_can_be_wrong(self, demo_pacs):
        demo_pacs.faults.surplus = 5
        (answer,), _ = find(
            demo_pacs, "NumberOfStudyRelatedInstances", QueryRetrieveLevel="STUDY", StudyInstanceUID=FIRST.study
        )
        assert answer.NumberOfStudyRelatedInstances == ALL_OF_FIRST + 5

    def test_a_query_can_be_aborted_midway(self, demo_pacs):
        demo_pacs.faults.abort_find_after = 1
        answers, status = find(demo_pacs, "StudyInstanceUID", QueryRetrieveLevel="STUDY")
        assert (len(answers), status) == (1, None)

    def test_a_query_can_fail(self, demo_pacs):
        demo_pacs.faults.find_status = 0xA700
        assert find(demo_pacs, "StudyInstanceUID", QueryRetrieveLevel="STUDY") == ([], 0xA700)


class TestDcmtk:
    def test_echo(self, demo_pacs, dcmtk):
        assert dcmtk.echoscu(demo_pacs.port, "DEMOPACS").returncode == 0

    def test_a_wrong_called_ae_title_is_rejected(self, demo_pacs, dcmtk):
        done = dcmtk.echoscu(demo_pacs.port, "SOMEPACS")
        assert done.returncode != 0
        assert "Called AE Title Not Recognized" in done.stdout

    def test_find(self, demo_pacs, dcmtk):
        (answer,) = dcmtk.findscu(
            demo_pacs.port, "DEMOPACS", "QueryRetrieveLevel=STUDY", "PatientID=00815*", "StudyInstanceUID"
        )
        assert answer.StudyInstanceUID == SECOND.study

    def test_get(self, demo_pacs, dcmtk, tmp_path):
        done = dcmtk.getscu(
            *(demo_pacs.port, "DEMOPACS", tmp_path / "got"),
            *("QueryRetrieveLevel=STUDY", f"StudyInstanceUID={FIRST.study}"),
        )
        assert done.returncode == 0, done.stdout
        assert uids_below(tmp_path / "got") == uids_of(study(LUCZYNSKA, when=WHEN, slices=4, matrix=64))

    def test_move(self, demo_pacs, dcmtk):
        with dcmtk.storescp("TARGET") as (port, received):
            demo_pacs.destinations["TARGET"] = ("127.0.0.1", port)
            done = dcmtk.movescu(
                *(demo_pacs.port, "DEMOPACS", "TARGET"),
                *("QueryRetrieveLevel=STUDY", f"StudyInstanceUID={FIRST.study}"),
            )
            assert done.returncode == 0, done.stdout
            assert uids_below(received) == uids_of(study(LUCZYNSKA, when=WHEN, slices=4, matrix=64))

    def test_store(self, demo_pacs, dcmtk: Dcmtk, tmp_path):
        objects = study(YAMASHIROGI, when=WHEN, slices=2, matrix=32)
        for number, ds in enumerate(objects):
            (tmp_path / f"{number}.dcm").write_bytes(part10(ds))
        done = dcmtk.storescu(demo_pacs.port, "DEMOPACS", *sorted(tmp_path.glob("*.dcm")))
        assert done.returncode == 0, done.stdout
        assert uids_below(demo_pacs.folder / "received") == uids_of(objects)


def test_orthanc_takes_the_generated_study_over_the_network(demo_pacs, orthanc):
    demo_pacs.destinations[orthanc.aet] = ("127.0.0.1", orthanc.dicom_port)
    status = move(demo_pacs, orthanc.aet)
    assert (status.Status, status.NumberOfCompletedSuboperations) == (0x0000, ALL_OF_FIRST)
    assert {ds.SOPInstanceUID for ds in orthanc.instances()} == uids_of(
        study(LUCZYNSKA, when=WHEN, slices=4, matrix=64)
    )


def uids_of(objects):
    return {str(ds.SOPInstanceUID) for ds in objects}


def uids_below(folder: Path):
    return uids_of(pydicom.dcmread(path) for path in folder.iterdir())
