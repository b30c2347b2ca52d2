"""Nothing that was answered Success is lost, and nothing half is left, whatever happens to the receiver."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE

from pacs2trial.dicomfile.durable import TEMPORARY_SUFFIX
from pacs2trial.receiver import Receiver
from pacs2trial.settings import Settings
from pacs2trial.staging import quarantine
from pacs2trial.vault import Original
from pacs2trial.vault.tables import InstanceState, Kind
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import study
from pacs2trial_demo.identities import LUCZYNSKA
from support.findings import require_ledger_and_store_agree, staged_files, staged_objects, states
from support.receivers import WHEN, association, encoded, receiver_process, send, send_one

MEGABYTE = 2**20


def test_a_killed_receiver_has_staged_everything_it_answered_success_for(workspace: Workspace, tmp_path: Path):
    slices = study(LUCZYNSKA, when=WHEN, parts={"CT"}, slices=40, matrix=128)
    answered: set[str] = set()
    for round_number, kill_after in enumerate((0.05, 0.2, 0.5)):
        with (
            receiver_process(workspace.settings, tmp_path / f"receiver{round_number}.log") as running,
            association(running.port, slices) as made,
        ):
            killer = threading.Timer(kill_after, running.kill)
            killer.start()
            answered |= {str(ds.SOPInstanceUID) for ds in slices if send_one(made, ds) == 0}
            killer.join()
        assert _staged_originals(workspace) >= answered
        staged_objects(workspace.settings)
    with receiver_process(workspace.settings, tmp_path / "last.log") as running:
        assert not list(workspace.settings.staging.rglob(f"*{TEMPORARY_SUFFIX}"))
        assert send(running.port, slices) == [0] * len(slices)
    assert _staged_originals(workspace) == {str(ds.SOPInstanceUID) for ds in slices}
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def test_leftovers_of_a_killed_process_are_swept_at_the_start(workspace: Workspace, tmp_path: Path):
    leftover = workspace.settings.staging / "P1" / f".half{TEMPORARY_SUFFIX}"
    leftover.parent.mkdir()
    leftover.write_bytes(b"half an object")
    with receiver_process(workspace.settings, tmp_path / "receiver.log"):
        assert not leftover.exists()


def test_sigterm_ends_the_receiver_in_order(workspace: Workspace, planning_ct: list[FileDataset], tmp_path: Path):
    with receiver_process(workspace.settings, tmp_path / "receiver.log") as running:
        assert send(running.port, planning_ct) == [0] * len(planning_ct)
        assert running.terminate() == 0
    log = running.log.read_text()
    assert f"SCANNER1: {len(planning_ct)} staged" in log
    assert LUCZYNSKA.patient_id not in log
    assert "Traceback" not in log


def test_a_receiver_without_a_vault_says_what_to_do(settings: Settings, tmp_path: Path):
    with pytest.raises(AssertionError, match="pacs2trial init"), receiver_process(settings, tmp_path / "log"):
        pass


def test_a_short_disk_is_refused_and_recovers(workspace: Workspace, planning_ct: list[FileDataset], tmp_path: Path):
    """A real shortage: the limit lies 500 MB below what is free now, and a file takes 1000 MB."""
    free = shutil.disk_usage(workspace.settings.home).free // MEGABYTE
    if free < 3000:
        pytest.skip("needs 3 GB free for a shortage that other programs do not disturb")
    settings = workspace.settings.model_copy(update={"minimum_free_mb": free - 500})
    with _receiver_with(workspace, settings) as port:
        with _ballast(tmp_path / "ballast", 1000 * MEGABYTE):
            assert send(port, planning_ct[:2]) == [0xA700, 0xA700]
            assert staged_files(settings) == []
            assert states(workspace.vault) == {}
        assert send(port, planning_ct[:2]) == [0, 0]


def test_a_store_that_refuses_writes_is_answered_out_of_resources(workspace: Workspace, planning_ct: list[FileDataset]):
    with _receiver_with(workspace, workspace.settings) as port:
        workspace.settings.staging.rmdir()
        workspace.settings.staging.write_text("in the way")
        assert send(port, planning_ct[:1]) == [0xA700]
        assert states(workspace.vault) == {}
        workspace.settings.staging.unlink()
        assert send(port, planning_ct[:1]) == [0]


def test_a_truncated_object_is_kept_encrypted_and_a_good_one_follows(
    workspace: Workspace, receiver: int, planning_ct: list[FileDataset]
):
    whole = planning_ct[0]
    with association(receiver, [whole]) as made:
        assert _send_cut(made, whole, 5000) == 0
        assert send_one(made, whole) == 0
    (item,) = quarantine.items(workspace)
    assert item.sop_instance == ""
    assert list(states(workspace.vault).values()) == [InstanceState.STAGED]


def test_an_object_without_patient_id_is_kept_encrypted(
    workspace: Workspace, receiver: int, planning_ct: list[FileDataset]
):
    nameless = planning_ct[0].__deepcopy__({})
    nameless.PatientID = ""
    assert send(receiver, [nameless]) == [0]
    assert [item.reason for item in quarantine.items(workspace)] == ["no-patient-id"]
    assert staged_files(workspace.settings) == []


def test_a_sender_that_aborts_in_the_middle_leaves_whole_objects_only(
    workspace: Workspace, receiver: int, planning_ct: list[FileDataset]
):
    with association(receiver, planning_ct) as made:
        assert send_one(made, planning_ct[0]) == 0
        made.dul.socket.socket.sendall(b"\x04\x00\x00\x00\xff\xff half a PDU")
        made.abort()
    assert send(receiver, planning_ct[1:]) == [0] * (len(planning_ct) - 1)
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


@contextmanager
def _receiver_with(workspace: Workspace, settings: Settings) -> Iterator[int]:
    running = Receiver(Workspace(settings, workspace.vault, workspace.connections))
    try:
        yield running.start()
    finally:
        running.stop(grace=5)


@contextmanager
def _ballast(path: Path, size: int) -> Iterator[None]:
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)
    try:
        yield
    finally:
        path.unlink()


def _send_cut(made: Association, ds: FileDataset, size: int) -> int:
    """C-STORE the first ``size`` bytes of the data set, as a broken archive would."""
    whole, _syntax = encoded(ds)
    request = C_STORE()
    request.MessageID = 1
    request.AffectedSOPClassUID = ds.SOPClassUID
    request.AffectedSOPInstanceUID = ds.SOPInstanceUID
    request.Priority = 2
    request.DataSet = BytesIO(whole[:size])
    made.dimse.send_msg(request, made.accepted_contexts[0].context_id)
    _, answer = made.dimse.get_msg(block=True)
    return int(answer.Status)


def _staged_originals(workspace: Workspace) -> set[str]:
    """Original SOP Instance UIDs of what the ledger calls staged, whose files are there."""
    files = {path.name for path in staged_files(workspace.settings)}
    staged = [uid for uid, state in states(workspace.vault).items() if state is InstanceState.STAGED]
    assert all(f"{uid}.dcm" in files for uid in staged)
    pseudonyms = workspace.vault.pseudonyms("STAGING")
    originals = pseudonyms.originals_of(Kind.UID, staged, caller="test", purpose="comparison")
    assert all(pseudonyms.resolve([Original(Kind.UID, o)]) for o in originals.values())
    return set(originals.values())
