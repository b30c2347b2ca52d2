"""Nothing that was answered Success is lost, and nothing half is left, whatever happens to the receiver."""

from __future__ import annotations

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from pynetdicom import _config

from pacs2trial.dicomfile.durable import TEMPORARY_SUFFIX
from pacs2trial.intake import stage_paths
from pacs2trial.receiver import Receiver
from pacs2trial.settings import Settings
from pacs2trial.staging import quarantine
from pacs2trial.vault.tables import InstanceState, Kind
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import part10, study, write
from pacs2trial_demo.identities import LUCZYNSKA
from support.dying_receiver import POINTS, WHICH, serve_until_death
from support.findings import require_ledger_and_store_agree, staged_files, staged_objects, states
from support.processes import Child
from support.raw_sender import Store, request, send_raw, wire
from support.receivers import WHEN, association, receiver_on, receiver_process, send, send_one
from support.waiting import eventually

MEGABYTE = 2**20


def test_a_killed_receiver_has_staged_everything_it_answered_success_for(workspace: Workspace, tmp_path: Path):
    """Killed a moment after the third, eighth and thirteenth Success, while the next object is on its way."""
    slices = study(LUCZYNSKA, when=WHEN, parts={"CT"}, slices=40, matrix=128)
    answered: set[str] = set()
    for successes, delay in ((3, 0.0), (8, 0.005), (13, 0.02)):
        with (
            receiver_process(workspace.settings, tmp_path / f"receiver-{successes}.log") as running,
            association(running.port, slices) as made,
        ):
            killer = threading.Timer(delay, running.kill)
            statuses = []
            for ds in slices:
                statuses.append(send_one(made, ds))
                answered |= {str(ds.SOPInstanceUID)} if statuses[-1] == 0 else set()
                if statuses.count(0) == successes and statuses[-1] == 0:
                    killer.start()
                if statuses[-1] is None:
                    break
            killer.join()
        assert statuses[-1] is None, "it was killed in the middle"
        assert _staged_originals(workspace) >= answered
        staged_objects(workspace.settings)
    with receiver_process(workspace.settings, tmp_path / "last.log") as running:
        assert not list(workspace.settings.staging.rglob(f"*{TEMPORARY_SUFFIX}"))
        assert send(running.port, slices) == [0] * len(slices)
    assert _staged_originals(workspace) == {str(ds.SOPInstanceUID) for ds in slices}
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


@pytest.mark.parametrize("point", POINTS)
def test_killed_at_any_point_it_loses_no_success_and_leaves_nothing_half(
    workspace: Workspace, planning_ct: list[FileDataset], point: str
):
    dying = Child(serve_until_death, workspace.settings, point)
    statuses = _send_until_lost(dying.result(), planning_ct)
    dying.process.join(30)
    assert dying.process.exitcode == -signal.SIGKILL
    assert statuses == [0] * (WHICH - 1)
    answered = {str(ds.SOPInstanceUID) for ds in planning_ct[: WHICH - 1]}
    assert _staged_originals(workspace) >= answered
    assert len(staged_objects(workspace.settings)) <= WHICH
    with receiver_on(workspace) as port:
        assert not list(workspace.settings.home.rglob(f"*{TEMPORARY_SUFFIX}"))
        assert send_raw(port, planning_ct) == [0] * len(planning_ct)
    assert _staged_originals(workspace) == {str(ds.SOPInstanceUID) for ds in planning_ct}
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


@pytest.mark.parametrize("suspect", [False, True], ids=["staging", "quarantine"])
def test_a_file_whose_row_was_not_committed_is_swept_though_it_never_comes_again(
    workspace: Workspace, planning_ct: list[FileDataset], tmp_path: Path, *, suspect: bool
):
    """Killed after the last object got its final name; others are received while the next receiver tidies up."""
    images = [ds.__deepcopy__({}) for ds in planning_ct]
    if suspect:
        images[WHICH - 1].ConversionType, images[WHICH - 1].BurnedInAnnotation = "WSD", "YES"
    dying = Child(serve_until_death, workspace.settings, "the file is renamed and the ledger not committed")
    assert _send_until_lost(dying.result(), images[:WHICH]) == [0] * (WHICH - 1)
    dying.process.join(30)
    assert _unrecorded(workspace)
    with receiver_process(workspace.settings, tmp_path / "receiver.log") as running:
        assert send(running.port, images[WHICH:]) == [0] * (len(images) - WHICH)
        eventually(lambda: not _unrecorded(workspace))
    expected = {str(ds.SOPInstanceUID) for ds in [*images[: WHICH - 1], *images[WHICH:]]}
    assert _staged_originals(workspace) == expected
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def _unrecorded(workspace: Workspace) -> int:
    """How many files lie in the stores that the vault does not know."""
    files = len(staged_files(workspace.settings)) + len(list(workspace.settings.quarantine.iterdir()))
    return files - len(states(workspace.vault))


def _send_until_lost(port: int, datasets: list[FileDataset]) -> list[int]:
    statuses = []
    with wire(port, request(datasets)) as made:
        for ds in datasets:
            made.send(Store.of(ds).encode())
            status = made.status()
            if status is None:
                break
            statuses.append(status)
    return statuses


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
    with receiver_on(workspace, minimum_free_mb=settings.minimum_free_mb) as port:
        with _ballast(tmp_path / "ballast", 1000 * MEGABYTE):
            assert send(port, planning_ct[:2]) == [0xA700, 0xA700]
            assert staged_files(settings) == []
            assert states(workspace.vault) == {}
        assert send(port, planning_ct[:2]) == [0, 0]


def test_a_store_that_refuses_writes_is_answered_out_of_resources(workspace: Workspace, planning_ct: list[FileDataset]):
    with receiver_on(workspace) as port:
        workspace.settings.staging.rmdir()
        workspace.settings.staging.write_text("in the way")
        assert send(port, planning_ct[:1]) == [0xA700]
        assert states(workspace.vault) == {}
        workspace.settings.staging.unlink()
        assert send(port, planning_ct[:1]) == [0]


def test_a_truncated_object_is_kept_encrypted_and_a_good_one_follows(
    workspace: Workspace,
    receiver: int,
    planning_ct: list[FileDataset],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """pynetdicom sends a file's bytes as they are when it may send them in chunks."""
    monkeypatch.setattr(_config, "STORE_SEND_CHUNKED_DATASET", True)
    cut = tmp_path / "cut.dcm"
    cut.write_bytes(part10(planning_ct[0])[:-1000])
    with association(receiver, planning_ct[:1]) as made:
        assert int(made.send_c_store(cut).Status) == 0
    assert [(item.reason, item.sop_instance) for item in quarantine.items(workspace)] == [("truncated", "")]
    assert send(receiver, planning_ct[:1]) == [0]
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


def test_two_processes_stage_the_same_objects_at_once(
    workspace: Workspace, rt_study: list[FileDataset], tmp_path: Path
):
    """The receiver in one process, ``stage`` in another, on one store and one SQLite vault."""
    for ds in rt_study:
        write(ds, tmp_path / "originals")
    with receiver_process(workspace.settings, tmp_path / "receiver.log") as running:
        statuses: list[int | None] = []
        sender = threading.Thread(target=lambda: statuses.extend(send(running.port, rt_study)))
        sender.start()
        report = stage_paths(workspace, [tmp_path / "originals"])
        sender.join()
        assert running.terminate() == 0
    assert statuses == [0] * len(rt_study)
    assert report.staged + report.quarantined + report.duplicates == len(rt_study)
    assert len(states(workspace.vault)) == len(rt_study)
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def test_more_associations_than_the_limit_are_rejected_for_the_moment(
    workspace: Workspace, planning_ct: list[FileDataset]
):
    settings = workspace.settings.model_copy(update={"receiver_associations": 3})
    limited = Receiver(Workspace(settings, workspace.vault, workspace.connections))
    port = limited.start()
    with ExitStack() as open_ones:
        made = [open_ones.enter_context(association(port, planning_ct[:1])) for _ in range(3)]
        assert all(one.is_established for one in made)
        with association(port, planning_ct[:1]) as too_many:
            answer = too_many.acceptor.primitive
            assert answer is not None
            assert (answer.result, answer.result_source, answer.diagnostic) == (2, 3, 2)
    assert send(port, planning_ct[:1]) == [0]
    limited.stop()


@contextmanager
def _ballast(path: Path, size: int) -> Iterator[None]:
    with path.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, size)
    try:
        yield
    finally:
        path.unlink()


def _staged_originals(workspace: Workspace) -> set[str]:
    """Original SOP Instance UIDs of what the ledger calls staged, whose files are there."""
    files = {path.name for path in staged_files(workspace.settings)}
    staged = [uid for uid, state in states(workspace.vault).items() if state is InstanceState.STAGED]
    assert all(f"{uid}.dcm" in files for uid in staged)
    pseudonyms = workspace.vault.pseudonyms("STAGING")
    return set(pseudonyms.originals_of(Kind.UID, staged, caller="test", purpose="comparison").values())
