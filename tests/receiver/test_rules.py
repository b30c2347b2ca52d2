"""Who may call, how much may come, and what each fault of a request is answered, to real senders and to raw bytes."""

from __future__ import annotations

import struct
import time
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import UID
from pynetdicom import ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts

from pacs2trial.connections import SiteConnections
from pacs2trial.errors import SetupError
from pacs2trial.profile.types import classes
from pacs2trial.receiver.examined import receiver_findings
from pacs2trial.receiver.storage_classes import RETIRED, storage_classes
from pacs2trial.staging import quarantine
from pacs2trial.trials.load import load_trials
from pacs2trial.vault.tables import InstanceState
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import write
from support.findings import staged_files, states
from support.peers import Dcmtk, Orthanc
from support.raw_sender import Store, Wire, request, send_raw, wire
from support.receivers import AET, SENDER, association, receiver_on, send

MEGABYTE = 2**20
CALLING_NOT_RECOGNIZED = (1, 1, 3)
OF_NO_PATIENT = {
    "1.2.840.10008.1.3.10",
    *(f"1.2.840.10008.5.1.4.1.1.{last}" for last in ("200.1", "200.3", "200.7", "201.1")),
    *(f"1.2.840.10008.5.1.4.{last}.1" for last in (38, 39, 43, 44, 45)),
}
"""The directory of a medium; protocols, inventories, hanging protocols, palettes, implant templates."""

RT_IMAGE = "1.2.840.10008.5.1.4.1.1.481.1"


def test_a_caller_that_is_not_listed_is_rejected(workspace: Workspace, planning_ct: list[FileDataset]):
    for allow in ("CT1, PACS", f"{SENDER}@10.0.0.0/8, *@192.0.2.1"):
        with receiver_on(workspace, receiver_allow=allow) as port, association(port, planning_ct[:1]) as made:
            answer = made.acceptor.primitive
            assert answer is not None
            assert (answer.result, answer.result_source, answer.diagnostic) == CALLING_NOT_RECOGNIZED
    assert states(workspace.vault) == {}


def test_a_listed_caller_sends(workspace: Workspace, planning_ct: list[FileDataset]):
    with receiver_on(workspace, receiver_allow=f"CT1, {SENDER}@127.0.0.0/8") as port:
        assert send(port, planning_ct[:1]) == [0]


def test_a_faulty_list_is_no_start(workspace: Workspace):
    with (
        pytest.raises(SetupError, match="PACS2TRIAL_RECEIVER_ALLOW: 'CT1@ward'"),
        receiver_on(workspace, receiver_allow="CT1@ward"),
    ):
        pass


def test_check_warns_of_an_open_door_and_of_a_pacs_left_out(workspace: Workspace):
    (workspace.settings.connections_path).write_text(
        '{"main": {"conn_type": "dicom", "host": "pacs", "port": 104, "extra": {"aet": "PACS"}}}'
    )
    workspace.settings.connections_path.chmod(0o600)

    def warnings(**changes: object) -> list[str]:
        settings = workspace.settings.model_copy(update=changes)
        trials, _ = load_trials(settings.trials)
        found = receiver_findings(settings, SiteConnections(settings), trials)
        return [one.text for one in found if one.warning]

    assert warnings() == []
    assert warnings(receiver_host="0.0.0.0", receiver_allow="PACS") == []
    assert warnings(receiver_host="0.0.0.0") == ["everybody who reaches 0.0.0.0:0 may send"]
    (left_out,) = warnings(receiver_allow="CT1")
    assert left_out.startswith("its AE title PACS is not among the receiver's callers")


def test_an_object_that_is_too_large_is_refused_and_the_next_one_taken(
    workspace: Workspace, planning_ct: list[FileDataset]
):
    image, other = (Store.of(ds) for ds in planning_ct[:2])
    giant = replace(image, dataset=image.dataset + bytes(3 * MEGABYTE))
    with receiver_on(workspace, receiver_object_mb=2) as port, wire(port, request(planning_ct)) as made:
        made.send(giant.encode())
        kind, content = made.pdu()
        assert kind == 4
        assert struct.pack("<HHLH", 0, 0x0900, 2, 0xC000) in content
        assert b"larger than 2 MB (PACS2TRIAL_RECEIVER_OBJECT_MB)" in content
        made.send(other.encode())
        assert made.status() == 0
    assert list(states(workspace.vault).values()) == [InstanceState.STAGED]
    assert quarantine.items(workspace) == []


def test_the_longest_pdu_is_what_the_setting_says(workspace: Workspace, planning_ct: list[FileDataset]):
    with (
        receiver_on(workspace, receiver_pdu_bytes=32768) as port,
        association(port, planning_ct[:1]) as made,
    ):
        assert made.acceptor.maximum_length == 32768


def test_an_association_that_falls_silent_is_ended(workspace: Workspace, planning_ct: list[FileDataset]):
    with receiver_on(workspace, receiver_idle_seconds=0.5) as port, wire(port, request(planning_ct)) as made:
        begun = time.monotonic()
        assert made.pdu()[0] in {0, 7}
        assert time.monotonic() - begun < 10


def test_what_says_nothing_at_all_is_ended_too(workspace: Workspace):
    with receiver_on(workspace, receiver_idle_seconds=0.5) as port:
        silent = Wire(port)
        silent.send(b"\x01")
        assert silent.pdu()[0] in {0, 7}
        silent.close()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"sop_class": RT_IMAGE}, 0x0122),
        ({"sop_class": ""}, 0x0122),
        ({"sop_instance": ""}, 0x0117),
        ({"sop_instance": "SERIES-1"}, 0x0117),
        ({"sop_instance": "1." * 40 + "1"}, 0x0117),
    ],
)
def test_a_request_that_contradicts_itself_is_answered_as_ps3_7_says(
    workspace: Workspace, receiver: int, planning_ct: list[FileDataset], changes: dict[str, str], status: int
):
    with wire(receiver, request(planning_ct)) as made:
        made.send(replace(Store.of(planning_ct[0]), **changes).encode())
        assert made.status() == status
        made.send(Store.of(planning_ct[0]).encode())
        assert made.status() == 0
    assert len(states(workspace.vault)) == 1
    assert quarantine.items(workspace) == []


def test_a_data_set_of_another_sop_class_is_refused(
    workspace: Workspace, receiver: int, planning_ct: list[FileDataset]
):
    """It is sent as RT Image, on a context for RT Image."""
    liar = planning_ct[0].__deepcopy__({})
    liar.SOPClassUID = UID(RT_IMAGE)
    with wire(receiver, request([liar])) as made:
        made.send(replace(Store.of(planning_ct[0]), sop_class=RT_IMAGE).encode())
        assert made.status() == 0xA900
    assert states(workspace.vault) == {}
    assert staged_files(workspace.settings) == []
    assert quarantine.items(workspace) == []


def test_a_data_set_that_cannot_be_read_is_kept_encrypted(
    workspace: Workspace, receiver: int, planning_ct: list[FileDataset]
):
    with wire(receiver, request(planning_ct)) as made:
        made.send(replace(Store.of(planning_ct[0]), dataset=b"\xff" * 1000).encode())
        assert made.status() == 0
    assert len(quarantine.items(workspace)) == 1
    assert staged_files(workspace.settings) == []


def test_dcmtk_and_orthanc_hear_that_nothing_was_kept_and_may_send_again(
    workspace: Workspace, dcmtk: Dcmtk, orthanc: Orthanc, planning_ct: list[FileDataset], tmp_path: Path
):
    """Neither takes a failure status for a success; what it cost them is sent again and counted once."""
    for ds in planning_ct[:2]:
        write(ds, tmp_path / "originals")
    orthanc.store(tmp_path / "originals")
    with receiver_on(workspace, minimum_free_mb=10**9) as port:
        done = dcmtk.run("storescu", "-v", "-aec", AET, "+sd", "+r", "127.0.0.1", str(port), tmp_path / "originals")
        assert "OutOfResources" in done.stdout
        orthanc.add_modality("receiver", AET, port)
        with pytest.raises(OSError, match="HTTP Error"):
            orthanc.send("receiver", orthanc.studies())
    assert states(workspace.vault) == {}
    with receiver_on(workspace) as port:
        orthanc.add_modality("receiver", AET, port)
        orthanc.send("receiver", orthanc.studies())
        assert dcmtk.storescu(port, AET, tmp_path / "originals").returncode == 0
    assert list(states(workspace.vault).values()) == [InstanceState.STAGED] * 2


def test_every_class_that_the_profile_knows_and_every_retired_one_is_offered():
    offered = set(map(str, storage_classes()))
    assert {str(context.abstract_syntax) for context in AllStoragePresentationContexts} | set(RETIRED) == offered
    assert offered >= classes() - OF_NO_PATIENT
    second_generation = {f"1.2.840.10008.5.1.4.1.1.481.{last}" for last in range(1, 26)}
    assert offered >= second_generation
    assert all(sop_class.startswith("1.2.840.10008.") for sop_class in offered)


def test_compressions_of_today_are_offered():
    assert set(ALL_TRANSFER_SYNTAXES) >= {f"1.2.840.10008.1.2.4.{last}" for last in (110, 111, 112, 201, 202, 203)}


def test_a_class_of_an_old_archive_is_stored(workspace: Workspace, receiver: int, planning_ct: list[FileDataset]):
    """The Ultrasound Image Storage of 1993; the site rules look at it as at every ultrasound."""
    old = planning_ct[0].__deepcopy__({})
    old.SOPClassUID = old.file_meta.MediaStorageSOPClassUID = UID("1.2.840.10008.5.1.4.1.1.6")
    assert send_raw(receiver, [old]) == [0]
    assert len(states(workspace.vault)) == 1
