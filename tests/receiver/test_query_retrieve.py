"""C-FIND, C-MOVE and C-GET on what is held, asked by DCMTK, Orthanc and pynetdicom."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import ImplicitVRLittleEndian, RLELossless
from pynetdicom import AE, build_context, evt
from pynetdicom.association import Association
from sqlalchemy import select

from pacs2trial.holdings.levels import Level
from pacs2trial.holdings.view import TrialView, View
from pacs2trial.network.identifier import identifier
from pacs2trial.receiver import Receiver, query
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault.tables import AuditEntry
from pacs2trial.workspace import Workspace
from pacs2trial_demo.identities import IDENTITIES, planted_values
from support.asking import CT, FIND, GET, MOVE, PATIENT_FIND, PATIENT_GET, Taken, asking, matches
from support.hospital import LUNG, PELVIS
from support.peers import Dcmtk, Orthanc
from support.programs import free_port
from support.receivers import AET
from support.shown import SCOPES, ShownSite
from support.waiting import eventually

RULES = """
callers:
  DCMTK: [LUNGART, STAGING]
  ORTHANC: [LUNGART]
  BOTH: [LUNGART, STAGING]
destinations:
  {destinations}
"""


@contextmanager
def serving(ws: Workspace, folder: Path, **destinations: int) -> Iterator[int]:
    """A receiver that answers as :data:`RULES` say; its port."""
    rules = folder / "access.yaml"
    rules.write_text(
        RULES.format(destinations="\n  ".join(f"{title}: 127.0.0.1:{port}" for title, port in destinations.items()))
    )
    settings = ws.settings.model_copy(update={"query_retrieve": rules})
    receiver = Receiver(replace(ws, settings=settings))
    port = receiver.start()
    try:
        yield port
    finally:
        receiver.stop(grace=5)


@pytest.fixture(scope="module")
def port(shown_site: ShownSite, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    with serving(shown_site.ws, tmp_path_factory.mktemp("rules"), NOWHERE=free_port()) as listening:
        yield listening


def held(site: ShownSite, scope: str) -> dict[str, bytes]:
    return site.staged() if scope == STAGING else site.given()


def data_set(file: bytes) -> bytes:
    """What C-STORE carries of a Part 10 file."""
    return file[144 + int.from_bytes(file[140:144], "little") :]


# --- who may ask ---------------------------------------------------------------------------------------------------


def test_it_is_off_by_default(shown_site: ShownSite) -> None:
    receiver = Receiver(shown_site.ws)
    listening = receiver.start()
    try:
        for called in (LUNG, STAGING, AET):
            with asking(listening, "BOTH", called) as association:
                assert not association.is_established
    finally:
        receiver.stop()


@pytest.mark.parametrize(
    ("calling", "called", "admitted"),
    [
        ("BOTH", LUNG, True),
        ("BOTH", STAGING, True),
        ("ORTHANC", STAGING, False),
        ("BOTH", PELVIS, False),
        ("STRANGER", LUNG, False),
        ("BOTH", AET, False),
        ("both", LUNG, False),
    ],
)
def test_only_what_a_caller_is_named_for_answers(port: int, calling: str, called: str, admitted: bool) -> None:
    with asking(port, calling, called) as association:
        assert association.is_established is admitted


def test_nothing_is_stored_by_a_title_of_query_retrieve(port: int, shown_site: ShownSite) -> None:
    entity = AE("BOTH")
    association = entity.associate("127.0.0.1", port, contexts=[build_context(CT)], ae_title=LUNG)
    assert not association.is_established


# --- C-FIND --------------------------------------------------------------------------------------------------------


def test_findscu_walks_from_studies_to_images(port: int, shown_site: ShownSite, dcmtk: Dcmtk) -> None:
    studies = dcmtk.findscu(port, LUNG, "QueryRetrieveLevel=STUDY", "StudyInstanceUID", "PatientID", "StudyDate")
    assert {study.RetrieveAETitle for study in studies} == {LUNG}
    places = {(study.PatientID, study.StudyInstanceUID) for study in studies}
    assert places == {tuple(name.split("/")[:2]) for name in shown_site.members}
    of_study = f"StudyInstanceUID={next(one.StudyInstanceUID for one in studies if one.PatientID == 'LA-002')}"
    (series,) = dcmtk.findscu(port, LUNG, "QueryRetrieveLevel=SERIES", of_study, "SeriesInstanceUID", "Modality=C?")
    of_series = f"SeriesInstanceUID={series.SeriesInstanceUID}"
    images = dcmtk.findscu(port, LUNG, "QueryRetrieveLevel=IMAGE", of_study, of_series, "SOPInstanceUID")
    found = {f"LA-002/{series.StudyInstanceUID}/{series.SeriesInstanceUID}/{one.SOPInstanceUID}.dcm" for one in images}
    assert found == {name for name in shown_site.members if name.startswith("LA-002")}


def test_patient_root_asks_from_the_patient_down(port: int) -> None:
    with asking(port, "BOTH", LUNG, models=[PATIENT_FIND]) as association:
        patients, status = matches(association, identifier("PATIENT", PatientID=""), PATIENT_FIND)
        assert ([each.PatientID for each in patients], status) == (["LA-001", "LA-002"], 0)
        asked = identifier("STUDY", PatientID="LA-001", StudyInstanceUID="")
        assert len(matches(association, asked, PATIENT_FIND)[0]) == 2


@pytest.mark.parametrize(
    ("model", "keys"),
    [
        (FIND, identifier("PATIENT", PatientID="")),
        (FIND, identifier("SERIES", SeriesInstanceUID="")),
        (FIND, identifier("IMAGE", StudyInstanceUID="1.2", SOPInstanceUID="")),
        (PATIENT_FIND, identifier("STUDY", StudyInstanceUID="")),
        (PATIENT_FIND, identifier("STUDY", PatientID="LA-*", StudyInstanceUID="")),
        (FIND, identifier("NONSENSE")),
    ],
)
def test_an_identifier_beside_the_model_is_refused(port: int, model: str, keys: Dataset) -> None:
    with asking(port, "BOTH", LUNG, models=[model]) as association:
        assert matches(association, keys, model) == ([], 0xA900)


def test_cancel_ends_a_find(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    searched = query.search

    def slowly(view: View, level: Level, keys: Dataset) -> Iterator[Dataset]:
        """The second answer comes when the cancel has."""
        answers = searched(view, level, keys)
        yield next(answers)
        eventually(a_cancel_came)
        yield from answers

    monkeypatch.setattr(query, "search", slowly)
    with asking(port, "BOTH", LUNG, models=[PATIENT_FIND]) as association:
        answers = association.send_c_find(identifier("PATIENT", PatientID=""), PATIENT_FIND, msg_id=7)
        first, _ = next(answers)
        association.send_c_cancel(7, query_model=PATIENT_FIND)
        statuses = [int(status.Status) for status, _ in answers]
    assert first.Status == 0xFF00
    assert statuses == [0xFE00]


def a_cancel_came() -> bool:
    return any(each.dimse.cancel_req for each in threading.enumerate() if isinstance(each, Association))


# --- C-GET ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scope", SCOPES)
def test_get_brings_the_very_bytes(port: int, shown_site: ShownSite, scope: str) -> None:
    taken = Taken()
    with asking(port, "BOTH", scope, models=[PATIENT_FIND, PATIENT_GET], taken=taken) as association:
        for patient in matches(association, identifier("PATIENT", PatientID=""), PATIENT_FIND)[0]:
            keys = identifier("PATIENT", PatientID=patient.PatientID)
            *_, (final, _) = association.send_c_get(keys, PATIENT_GET)
            assert (final.Status, final.NumberOfFailedSuboperations) == (0, 0)
    assert taken.datasets == {uid: data_set(file) for uid, file in held(shown_site, scope).items()}
    assert RLELossless in taken.syntaxes.values()


def test_getscu_takes_a_study(port: int, shown_site: ShownSite, dcmtk: Dcmtk, tmp_path: Path) -> None:
    """One that is not compressed: getscu does not take RLE."""
    of_subject = [name for name in shown_site.members if name.startswith("LA-002/")]
    keys = ("QueryRetrieveLevel=STUDY", f"StudyInstanceUID={of_subject[0].split('/')[1]}")
    done = dcmtk.getscu(port, LUNG, tmp_path / "got", *keys)
    got = [pydicom.dcmread(path) for path in (tmp_path / "got").iterdir()]
    assert {each.SOPInstanceUID for each in got} == {Path(name).stem for name in of_subject}, done.stdout
    assert {each.PatientID for each in got} == {"LA-002"}


def test_what_the_caller_does_not_take_is_a_warning_with_its_uids(port: int, shown_site: ShownSite) -> None:
    taken = Taken()
    packed = {uid for uid, file in shown_site.given().items() if RLELossless.encode() in file[:400]}
    keys = identifier("PATIENT", PatientID="LA-001")
    syntaxes = [ImplicitVRLittleEndian]
    with asking(port, "BOTH", LUNG, models=[PATIENT_GET], taken=taken, syntaxes=syntaxes) as association:
        *_, (final, failed) = association.send_c_get(keys, PATIENT_GET)
    assert final.Status == 0xB000
    assert final.NumberOfFailedSuboperations == len(packed) > 0
    assert failed is not None
    assert set(_several(failed.FailedSOPInstanceUIDList)) == packed
    assert set(taken.syntaxes.values()) == {str(ImplicitVRLittleEndian)}


def test_an_object_that_cannot_be_made_is_a_warning_with_its_uid(
    port: int, shown_site: ShownSite, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    made = TrialView.object_of
    broken: list[str] = []

    def once(self: TrialView, content: object) -> object:
        shown = made(self, content)  # type: ignore[arg-type]
        if not broken:
            broken.append(shown.sop_instance)
            raise ValueError("a planted Planter^Name")
        return shown

    monkeypatch.setattr(TrialView, "object_of", once)
    with asking(port, "BOTH", LUNG, models=[PATIENT_GET], taken=Taken()) as association:
        *_, (final, failed) = association.send_c_get(identifier("PATIENT", PatientID="LA-001"), PATIENT_GET)
    assert (final.Status, final.NumberOfFailedSuboperations) == (0xB000, 1)
    assert failed is not None
    assert [failed.FailedSOPInstanceUIDList] == broken
    assert "Planter" not in caplog.text


def test_cancel_ends_a_get_with_what_remains(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made, asked = TrialView.object_of, count()

    def slowly(self: TrialView, content: object) -> object:
        if next(asked):
            eventually(a_cancel_came)
        return made(self, content)  # type: ignore[arg-type]

    monkeypatch.setattr(TrialView, "object_of", slowly)
    with asking(port, "BOTH", LUNG, models=[PATIENT_GET], taken=Taken()) as association:
        answers = association.send_c_get(identifier("PATIENT", PatientID="LA-001"), PATIENT_GET, msg_id=9)
        next(answers)
        association.send_c_cancel(9, query_model=PATIENT_GET)
        *_, (final, _) = answers
    assert final.Status == 0xFE00
    assert final.NumberOfRemainingSuboperations > 0


def test_other_keys_do_not_narrow_a_retrieval(port: int, shown_site: ShownSite) -> None:
    (study,) = {name.split("/")[1] for name in shown_site.members if name.startswith("LA-002/")}
    keys = identifier("STUDY", PatientID="LA-002", StudyInstanceUID=study, SeriesInstanceUID="1.2.3", Modality="MR")
    taken = Taken()
    with asking(port, "BOTH", LUNG, taken=taken) as association:
        *_, (final, _) = association.send_c_get(keys, GET)
    assert final.Status == 0
    assert taken.datasets.keys() == {Path(name).stem for name in shown_site.members if name.startswith("LA-002/")}


def test_what_is_not_there_is_an_empty_success(port: int) -> None:
    with asking(port, "BOTH", LUNG, taken=Taken()) as association:
        *_, (final, _) = association.send_c_get(identifier("STUDY", StudyInstanceUID="1.2.3"), GET)
    assert (final.Status, final.NumberOfCompletedSuboperations) == (0, 0)


@pytest.mark.parametrize("keys", [identifier("STUDY"), identifier("STUDY", StudyInstanceUID="")])
def test_a_retrieval_without_its_unique_key_is_refused(port: int, keys: Dataset) -> None:
    with asking(port, "BOTH", LUNG, taken=Taken()) as association:
        *_, (final, _) = association.send_c_get(keys, GET)
    assert final.Status == 0xA900


# --- C-MOVE --------------------------------------------------------------------------------------------------------


def test_movescu_sends_to_a_configured_destination(shown_site: ShownSite, dcmtk: Dcmtk, tmp_path: Path) -> None:
    studies = {name.split("/")[1] for name in shown_site.members}
    with dcmtk.storescp("WORKSTATION") as (sink, received), serving(shown_site.ws, tmp_path, WORKSTATION=sink) as port:
        for study in studies:
            keys = ("QueryRetrieveLevel=STUDY", f"StudyInstanceUID={study}")
            done = dcmtk.movescu(port, LUNG, "WORKSTATION", *keys)
            assert done.returncode == 0, done.stdout
        got = {str(pydicom.dcmread(path).SOPInstanceUID) for path in received.iterdir()}
    assert got == set(shown_site.given())
    with shown_site.ws.vault.session(read_only=True) as session:
        moves = session.scalars(select(AuditEntry).where(AuditEntry.act == "C-MOVE", AuditEntry.actor == "AE DCMTK"))
        assert sum(entry.detail["instances"] for entry in moves if entry.target == "WORKSTATION") == len(got)


def test_a_move_brings_the_very_bytes_and_names_who_asked(shown_site: ShownSite, tmp_path: Path) -> None:
    taken = Taken()
    sink = AE("SINK")
    for syntax in (str(ImplicitVRLittleEndian), "1.2.840.10008.1.2.1", str(RLELossless)):
        sink.add_supported_context(CT, syntax)
    server = sink.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, taken.store)])
    (study,) = {name.split("/")[1] for name in shown_site.members if name.startswith("LA-002/")}
    try:
        with (
            serving(shown_site.ws, tmp_path, SINK=server.server_address[1]) as port,
            asking(port, "BOTH", LUNG) as association,
        ):
            *_, (final, _) = association.send_c_move(identifier("STUDY", StudyInstanceUID=study), "SINK", MOVE)
    finally:
        server.shutdown()
    members = {Path(name).stem: data_set(file) for name, file in shown_site.members.items() if "LA-002" in name}
    assert (final.Status, final.NumberOfCompletedSuboperations) == (0, len(members))
    assert taken.datasets == members
    assert taken.originators == {"BOTH"}


def test_a_destination_that_stores_nothing_is_no_success(shown_site: ShownSite, tmp_path: Path) -> None:
    sink = AE("SINK")
    sink.add_supported_context(CT, ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1"])
    refusing = Taken(status=0xA700)
    server = sink.start_server(("127.0.0.1", 0), block=False, evt_handlers=[(evt.EVT_C_STORE, refusing.store)])
    (study,) = {name.split("/")[1] for name in shown_site.members if name.startswith("LA-002/")}
    try:
        with (
            serving(shown_site.ws, tmp_path, SINK=server.server_address[1]) as port,
            asking(port, "BOTH", LUNG) as association,
        ):
            *_, (final, failed) = association.send_c_move(identifier("STUDY", StudyInstanceUID=study), "SINK", MOVE)
    finally:
        server.shutdown()
    assert final.Status == 0xA702
    assert final.NumberOfFailedSuboperations == 2
    assert failed is not None
    assert len(failed.FailedSOPInstanceUIDList) == 2


@pytest.mark.parametrize("destination", ["UNKNOWN", "BOTH", "NOWHERE"])
def test_a_move_goes_nowhere_else(port: int, shown_site: ShownSite, destination: str) -> None:
    study = next(iter(shown_site.members)).split("/")[1]
    with asking(port, "BOTH", LUNG) as association:
        *_, (final, _) = association.send_c_move(identifier("STUDY", StudyInstanceUID=study), destination, MOVE)
    assert final.Status == 0xA801


def test_orthanc_queries_and_retrieves_a_trial(shown_site: ShownSite, orthanc: Orthanc, tmp_path: Path) -> None:
    with serving(shown_site.ws, tmp_path, ORTHANC=orthanc.dicom_port) as port:
        orthanc.add_modality("trial", LUNG, port)
        query = orthanc.rest("POST", "/modalities/trial/query", {"Level": "Study", "Query": {"PatientID": "LA-001"}})
        answers = orthanc.rest("GET", f"/queries/{query['ID']}/answers")
        assert len(answers) == 2
        orthanc.rest("POST", f"/queries/{query['ID']}/retrieve", {"TargetAet": "ORTHANC", "Synchronous": True})
        got = {str(each.SOPInstanceUID) for each in orthanc.instances()}
    assert got == {Path(name).stem for name in shown_site.members if name.startswith("LA-001/")}


# --- promise 1 -----------------------------------------------------------------------------------------------------


def test_no_answer_and_no_log_line_names_a_patient(
    port: int, shown_site: ShownSite, caplog: pytest.LogCaptureFixture
) -> None:
    planted = {value for identity in IDENTITIES for value in planted_values(identity)}
    with caplog.at_level(logging.DEBUG):
        told = []
        for scope in SCOPES:
            with asking(port, "BOTH", scope, models=[PATIENT_FIND]) as association:
                for value in ("", *sorted(planted)[::40]):
                    keys = identifier("PATIENT", PatientID=value, PatientName="", PatientBirthDate="")
                    answers, status = matches(association, keys, PATIENT_FIND)
                    assert status == 0
                    assert bool(answers) is (value == "")
                    told += [str(answer) for answer in answers]
    text = caplog.text + "".join(told)
    assert [value for value in planted if value in text] == []


def _several(value: object) -> list[str]:
    return [value] if isinstance(value, str) else [str(one) for one in value]  # type: ignore[attr-defined]
