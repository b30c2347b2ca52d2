"""Senders that die, connections that end anywhere, data that are not what was declared, clocks that jump."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable

import pytest
from pydicom import uid
from pydicom.dataset import FileDataset

from pacs2trial.dicomfile.durable import TEMPORARY_SUFFIX
from pacs2trial.staging import quarantine
from pacs2trial.vault.tables import InstanceState
from pacs2trial.workspace import Workspace
from pacs2trial_demo.identities import LUCZYNSKA
from support.findings import identities_outside_the_vault, require_ledger_and_store_agree, staged_files, states
from support.processes import Child
from support.raw_sender import RELEASE, Store, Wire, request, send_raw, wire
from support.receivers import receiver_on
from support.waiting import eventually

HOUR = 3600.0
CUTS = 40


def require_whole(workspace: Workspace, number: int) -> None:
    """So many objects are staged, the ledger knows each, and nothing else lies there."""
    assert list(states(workspace.vault).values()) == [InstanceState.STAGED] * number
    assert not list(workspace.settings.home.rglob(f"*{TEMPORARY_SUFFIX}"))
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def test_a_sender_killed_in_the_middle_of_an_object_leaves_whole_ones_only(
    workspace: Workspace, receiver: int, planning_ct: list[FileDataset]
):
    first, second = (Store.of(ds).encode() for ds in planning_ct[:2])

    def half(report: Callable[[object], None]) -> None:
        with wire(receiver, request(planning_ct)) as made:
            made.send(first)
            status = made.status()
            made.send(second[: len(second) // 2])
            report(status)
            time.sleep(HOUR)

    sender = Child(half)
    assert sender.result() == 0
    sender.kill()
    require_whole(workspace, 1)
    assert send_raw(receiver, planning_ct) == [0] * len(planning_ct)
    require_whole(workspace, len(planning_ct))


def test_an_association_may_end_after_any_byte(workspace: Workspace, receiver: int, planning_ct: list[FileDataset]):
    """The bytes of a whole association up to a cut, then an end as a lost cable, a closed program, silence give it."""
    images = planning_ct[:2]
    whole = request(images) + b"".join(Store.of(ds).encode(4096) for ds in images) + RELEASE
    step = len(whole) // CUTS
    for cut, at_once in zip(range(1, len(whole), step), itertools.cycle([True, False])):
        made = Wire(receiver)
        made.send(whole[:cut])
        made.close(at_once=at_once)
    assert send_raw(receiver, planning_ct) == [0] * len(planning_ct)
    eventually(lambda: not list(workspace.settings.home.rglob(f"*{TEMPORARY_SUFFIX}")))
    require_whole(workspace, len(planning_ct))


@pytest.mark.parametrize(
    "declared",
    [
        uid.ExplicitVRBigEndian,
        uid.DeflatedExplicitVRLittleEndian,
        uid.JPEGLosslessSV1,
        uid.JPEG2000Lossless,
        uid.RLELossless,
        uid.HTJ2KLossless,
    ],
    ids=lambda syntax: syntax.keyword,
)
def test_a_wrong_transfer_syntax_leads_to_quarantine(
    workspace: Workspace, receiver: int, planning_ct: list[FileDataset], declared: uid.UID
):
    """An explicit little endian object under another name: nothing of it is staged, everything is kept encrypted."""
    image = planning_ct[0]
    liar = image.__deepcopy__({})
    liar.file_meta.TransferSyntaxUID = declared
    with wire(receiver, request([liar])) as made:
        made.send(Store.of(image).encode())
        assert made.status() == 0
        made.send(RELEASE)
    assert staged_files(workspace.settings) == []
    assert len(quarantine.items(workspace)) == 1
    assert identities_outside_the_vault(workspace.settings, [LUCZYNSKA], [image.SOPInstanceUID]) == []


def test_explicit_data_called_implicit_are_staged_as_if_called_by_their_name(
    workspace: Workspace, receiver: int, planning_ct: list[FileDataset]
):
    """The one wrong declaration that is beyond doubt, and known of real senders."""
    image = planning_ct[0]
    liar = image.__deepcopy__({})
    liar.file_meta.TransferSyntaxUID = uid.ImplicitVRLittleEndian
    with wire(receiver, request([liar])) as made:
        made.send(Store.of(image).encode())
        assert made.status() == 0
    (staged,) = staged_files(workspace.settings)
    before = staged.read_bytes()
    staged.unlink()
    assert send_raw(receiver, [image]) == [0]
    assert staged.read_bytes() == before


def test_a_clock_that_jumps_disturbs_nothing(
    workspace: Workspace, planning_ct: list[FileDataset], monkeypatch: pytest.MonkeyPatch
):
    """The clock goes a day forward and back from one look to the next; what waits counts with another clock."""
    true_time = time.time
    jumps = itertools.cycle([0.0, 24 * HOUR, -24 * HOUR])
    monkeypatch.setattr(time, "time", lambda: true_time() + next(jumps))
    with receiver_on(workspace, receiver_idle_seconds=30.0) as port, wire(port, request(planning_ct)) as made:
        for ds in planning_ct:
            made.send(Store.of(ds).encode())
            assert made.status() == 0
            time.sleep(0.05)
    require_whole(workspace, len(planning_ct))
