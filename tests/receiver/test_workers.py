"""Several processes receive on one port; one that dies takes only its own associations with it."""

from __future__ import annotations

import os
import signal
import threading
import time
from contextlib import ExitStack
from datetime import date
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from pynetdicom.association import Association

from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import study
from pacs2trial_demo.identities import OXENBARGER
from support.findings import require_ledger_and_store_agree, states
from support.raw_sender import RELEASE, Store, request, wire
from support.receivers import association, receiver_process, send, send_one

INSTANCES = 10_000
MOST_TRIES = 8


def test_a_worker_that_dies_is_replaced_and_the_others_go_on(
    workspace: Workspace, planning_ct: list[FileDataset], tmp_path: Path
):
    settings = workspace.settings.model_copy(update={"receiver_workers": 2})
    with receiver_process(settings, tmp_path / "log") as running:
        before = _listening(running.process.pid, running.port)
        with ExitStack() as open_ones:
            of: dict[int, Association] = {}
            for _ in range(MOST_TRIES):
                made = open_ones.enter_context(association(running.port, planning_ct))
                assert send_one(made, planning_ct[0]) == 0
                of[_worker_of(before, made.dul.socket.socket.getsockname()[1])] = made
                if len(of) == 2:
                    break
            (first, _), (_, of_second) = of.items()
            os.kill(first, signal.SIGKILL)
            assert send_one(of_second, planning_ct[2]) == 0
        for _ in range(100):
            if len(_listening(running.process.pid, running.port) - before) == 1:
                break
            time.sleep(0.1)
        assert send(running.port, planning_ct) == [0] * len(planning_ct)
        assert running.terminate() == 0
    assert "ended (signal 9) and is started again" in running.log.read_text()
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


@pytest.mark.timeout(600)
def test_ten_thousand_instances_come_in_one_association(workspace: Workspace, tmp_path: Path):
    (small,) = study(OXENBARGER, when=date(2024, 3, 13), parts={"CT"}, slices=1, matrix=8)
    store, uid = Store.of(small), str(small.SOPInstanceUID)
    settings = workspace.settings.model_copy(update={"durable": False})
    with receiver_process(settings, tmp_path / "log") as running, wire(running.port, request([small])) as made:

        def say() -> None:
            for number in range(INSTANCES):
                other = f"{uid[:-5]}{number + 10_000}"
                dataset = store.dataset.replace(uid.encode(), other.encode())
                made.send(Store(store.sop_class, other, dataset).encode())

        sender = threading.Thread(target=say)
        sender.start()
        statuses = [made.status() for _ in range(INSTANCES)]
        sender.join()
        made.send(RELEASE)
        assert made.pdu()[0] == 6
    assert set(statuses) == {0}
    assert len(states(workspace.vault)) == INSTANCES


def _listening(parent: int, port: int) -> set[int]:
    """The workers that listen on the port; the one that reports does not."""
    inodes = _inodes(local=port)
    children = [
        int(pid) for task in Path(f"/proc/{parent}/task").glob("*/children") for pid in task.read_text().split()
    ]
    return {pid for pid in children if _holds(pid, inodes)}


def _worker_of(workers: set[int], peer_port: int) -> int:
    inodes = _inodes(remote=peer_port)
    return next(pid for pid in workers if _holds(pid, inodes))


def _inodes(*, local: int | None = None, remote: int | None = None) -> set[str]:
    """Inodes of TCP sockets by their ports (proc(5), /proc/net/tcp)."""
    found = set()
    for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
        fields = line.split()
        ports = [int(address.rpartition(":")[2], 16) for address in fields[1:3]]
        if (local is None or ports[0] == local) and (remote is None or ports[1] == remote):
            found.add(f"socket:[{fields[9]}]")
    return found


def _holds(pid: int, inodes: set[str]) -> bool:
    try:
        return any(str(path.readlink()) in inodes for path in Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return False
