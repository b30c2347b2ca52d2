"""What C-STORE brings is staged under pseudonyms before the sender hears Success."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from pynetdicom import AE
from sqlalchemy import select

from pacs2trial.errors import SetupError
from pacs2trial.receiver import Receiver
from pacs2trial.staging import quarantine
from pacs2trial.vault.tables import Instance, InstanceState
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import study, write
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from support.findings import (
    identities_outside_the_vault,
    require_ledger_and_store_agree,
    staged_files,
    staged_objects,
    states,
)
from support.leaks import original_uids
from support.peers import Dcmtk, Orthanc
from support.receivers import AET, SENDER, WHEN, association, send

ASSOCIATION_LOG = "pacs2trial.receiver.association"
STORAGE = "1.2.840.10008.5.1.4.1.1."


def test_a_whole_study_is_staged_and_the_ultrasound_waits_in_quarantine(
    workspace: Workspace, receiver: int, rt_study: list[FileDataset]
):
    assert set(send(receiver, rt_study)) == {0x0000}
    assert Counter(states(workspace.vault).values()) == {
        InstanceState.STAGED: len(rt_study) - 1,
        InstanceState.QUARANTINED: 1,
    }
    assert len(staged_objects(workspace.settings)) == len(rt_study) - 1
    (item,) = quarantine.items(workspace)
    assert (item.reason, item.modality) == ("ultrasound", "US")
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def test_no_identity_is_written_outside_the_vault(
    workspace: Workspace,
    receiver: int,
    rt_study: list[FileDataset],
    caplog: pytest.LogCaptureFixture,
    tmp_path: Path,
):
    caplog.set_level(logging.DEBUG)
    for ds in rt_study:
        write(ds, tmp_path / "originals")
    send(receiver, rt_study)
    uids = original_uids(tmp_path / "originals")
    assert identities_outside_the_vault(workspace.settings, [LUCZYNSKA], uids) == []
    ours = "\n".join(record.getMessage() for record in caplog.records if record.name.startswith("pacs2trial"))
    assert not [uid for uid in uids if uid in ours]
    assert LUCZYNSKA.patient_id not in ours


def test_the_ultrasounds_bytes_are_encrypted(workspace: Workspace, receiver: int, rt_study: list[FileDataset]):
    image = next(ds for ds in rt_study if ds.Modality == "US")
    send(receiver, [image])
    (kept,) = workspace.settings.quarantine.iterdir()
    assert image.PixelData[:4096] not in kept.read_bytes()
    clear = quarantine.read(workspace, kept.name, caller="test", purpose="comparison")
    assert image.PixelData in clear
    assert clear[128:132] == b"DICM"


def test_the_ledger_says_who_pushed(workspace: Workspace, receiver: int, planning_ct: list[FileDataset]):
    send(receiver, planning_ct[:1])
    with workspace.vault.session(read_only=True) as session:
        assert session.scalars(select(Instance.source)).all() == [f"push:{SENDER}"]


def test_the_same_instance_twice_is_counted_once(
    workspace: Workspace, receiver: int, planning_ct: list[FileDataset], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "pacs2trial")
    assert send(receiver, [planning_ct[0], planning_ct[0], planning_ct[1]]) == [0, 0, 0]
    assert send(receiver, [planning_ct[0]]) == [0]
    assert len(staged_files(workspace.settings)) == len(states(workspace.vault)) == 2
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def test_one_line_per_association_tells_counts_only(
    receiver: int, workspace: Workspace, rt_study: list[FileDataset], caplog: pytest.LogCaptureFixture
):
    caplog.set_level(logging.INFO, "pacs2trial.receiver")
    us = [ds for ds in rt_study if ds.Modality == "US"]
    ct = [ds for ds in rt_study if ds.Modality == "CT"][:2]
    send(receiver, [*ct, ct[0], *us])
    _wait_for(lambda: any(record.name == ASSOCIATION_LOG for record in caplog.records))
    lines = [record.getMessage() for record in caplog.records if record.name == ASSOCIATION_LOG]
    assert lines == [f"{SENDER}: 1 quarantined, 1 received before, 2 staged"]


def test_verification_answers(receiver: int, dcmtk: Dcmtk):
    assert dcmtk.echoscu(receiver, AET).returncode == 0


def test_dcmtk_sends_and_dcmdump_reads_what_was_staged(
    workspace: Workspace, receiver: int, dcmtk: Dcmtk, rt_study: list[FileDataset], tmp_path: Path
):
    for ds in rt_study:
        write(ds, tmp_path / "originals")
    done = dcmtk.storescu(receiver, AET, tmp_path / "originals")
    assert done.returncode == 0, done.stdout
    staged = staged_files(workspace.settings)
    assert len(staged) == len(rt_study) - 1
    for path in staged:
        assert "Identity" in dcmtk.dcmdump(path)


def test_orthanc_sends(
    workspace: Workspace, receiver: int, orthanc: Orthanc, planning_ct: list[FileDataset], tmp_path: Path
):
    for ds in planning_ct:
        write(ds, tmp_path / "originals")
    orthanc.store(tmp_path / "originals")
    orthanc.add_modality("receiver", AET, receiver)
    orthanc.send("receiver", orthanc.studies())
    assert list(states(workspace.vault).values()) == [InstanceState.STAGED] * len(planning_ct)


def test_the_same_object_from_two_senders_gives_the_same_bytes(
    workspace: Workspace, receiver: int, dcmtk: Dcmtk, planning_ct: list[FileDataset], tmp_path: Path
):
    path = write(planning_ct[0], tmp_path / "originals")
    send(receiver, [planning_ct[0]])
    (staged,) = staged_files(workspace.settings)
    before = staged.read_bytes()
    assert dcmtk.storescu(receiver, AET, path.parent).returncode == 0
    assert [file.read_bytes() for file in staged_files(workspace.settings)] == [before]


def test_parallel_associations_lose_nothing(workspace: Workspace, receiver: int, planning_ct: list[FileDataset]):
    """Two patients, and the first one's series twice at the same time."""
    other = study(OXENBARGER, when=WHEN, parts={"CT"}, slices=6, matrix=64)
    statuses: list[int | None] = []
    senders = [
        threading.Thread(target=lambda batch=batch: statuses.extend(send(receiver, batch)))
        for batch in (planning_ct, planning_ct[::-1], other[:3], other[3:])
    ]
    for sender in senders:
        sender.start()
    for sender in senders:
        sender.join()
    assert statuses == [0] * 18
    assert len(states(workspace.vault)) == 12
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def test_an_association_that_calls_another_ae_title_is_rejected(receiver: int, planning_ct: list[FileDataset]):
    with association(receiver, planning_ct[:1], called="SOMEONE") as made:
        assert made.is_rejected
        assert made.acceptor.primitive is not None
        assert made.acceptor.primitive.diagnostic == 7


def test_every_storage_class_and_transfer_syntax_is_accepted_as_it_is(receiver: int):
    syntaxes = ["1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"]
    entity = AE(SENDER)
    for tail in ("2", "4", "481.3", "481.5", "481.8", "88.67", "128", "66.4", "104.1"):
        for syntax in syntaxes:
            entity.add_requested_context(STORAGE + tail, syntax)
    made = entity.associate("127.0.0.1", receiver, ae_title=AET)
    assert made.is_established
    accepted = {(context.abstract_syntax, context.transfer_syntax[0]) for context in made.accepted_contexts}
    made.release()
    assert len(accepted) == 9 * len(syntaxes)


def test_a_private_sop_class_is_not_offered(receiver: int):
    entity = AE(SENDER)
    entity.add_requested_context("1.3.12.2.1107.5.9.1")
    made = entity.associate("127.0.0.1", receiver, ae_title=AET)
    assert not made.is_established


def test_a_taken_port_is_told_with_the_remedy(workspace: Workspace, receiver: int):
    settings = workspace.settings.model_copy(update={"receiver_port": receiver})
    second = Receiver(Workspace(settings, workspace.vault, workspace.connections))
    with pytest.raises(SetupError, match=f"127.0.0.1:{receiver}: the port is taken.*PACS2TRIAL_RECEIVER_PORT"):
        second.start()


def test_a_stopped_receiver_frees_its_port(workspace: Workspace):
    first = Receiver(workspace)
    port = first.start()
    first.stop()
    settings = workspace.settings.model_copy(update={"receiver_port": port})
    again = Receiver(Workspace(settings, workspace.vault, workspace.connections))
    assert again.start() == port
    again.stop()


def test_stopping_lets_a_running_association_finish(workspace: Workspace, planning_ct: list[FileDataset]):
    running = Receiver(workspace)
    port = running.start()
    with association(port, planning_ct) as made:
        assert made.is_established
        stopping = threading.Thread(target=running.stop)
        stopping.start()
        assert [int(made.send_c_store(ds).Status) for ds in planning_ct] == [0] * len(planning_ct)
    stopping.join(30)
    assert not stopping.is_alive()
    assert len(states(workspace.vault)) == len(planning_ct)


def _wait_for(condition) -> None:
    done = threading.Event()
    for _ in range(100):
        if condition():
            return
        done.wait(0.05)
