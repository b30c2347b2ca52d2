"""Disk full, database gone, everybody at once: refused in time, nothing lost, and all well again by itself."""

from __future__ import annotations

import resource
import shutil
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from pydicom.uid import generate_uid

from pacs2trial.dicomfile.durable import TEMPORARY_SUFFIX
from pacs2trial.settings import Settings
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import InstanceState, Kind
from pacs2trial.workspace import Workspace
from support.findings import require_ledger_and_store_agree, staged_objects, states
from support.raw_sender import send_raw
from support.receivers import association, receiver_on, send, send_one
from support.vaults import PostgresServer, started_server
from support.waiting import eventually

OUT_OF_RESOURCES = 0xA700
MOST_WAITING = 20
A_MOMENT_S = 0.05


def copies(ds: FileDataset, number: int) -> list[FileDataset]:
    """The same object under new SOP Instance UIDs."""
    made = []
    for _ in range(number):
        copy = ds.__deepcopy__({})
        copy.SOPInstanceUID = copy.file_meta.MediaStorageSOPInstanceUID = generate_uid()
        made.append(copy)
    return made


def require_staged(workspace: Workspace, number: int) -> None:
    assert list(states(workspace.vault).values()) == [InstanceState.STAGED] * number
    assert len(staged_objects(workspace.settings)) == number
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


@pytest.fixture
def cramped(settings: Settings, home_as_made: Path, tmp_path: Path) -> Iterator[Workspace]:
    """A site that does not look at its free space; its home, vault and all, lies on a disk of 8 MB if we may mount."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = not _run("mount", "-t", "tmpfs", "-o", "size=8m,mode=0700", "tmpfs", disk)
    try:
        shutil.copytree(home_as_made, disk / "home")
        opened = Workspace.open(
            Settings(home=disk / "home", trials=settings.trials, receiver_port=0, minimum_free_mb=0)
        )
        yield opened
        opened.vault.close()
    finally:
        if mounted:
            _run("umount", "--lazy", disk)


@contextmanager
def no_room(home: Path) -> Iterator[None]:
    """Not a byte more can be written: the small disk is full, or the system forbids this process to let files grow."""
    if home.parent.is_mount():
        ballast = home / "ballast"
        with ballast.open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(b"x" * 4096)
        yield
        ballast.unlink()
        return
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def _run(*command: str | Path) -> int:
    return subprocess.run([*map(str, command)], capture_output=True, check=False).returncode


def test_a_disk_that_fills_up_is_refused_and_goes_on_when_there_is_room(
    cramped: Workspace, planning_ct: list[FileDataset]
):
    home = cramped.settings.home
    images = copies(planning_ct[0], 12)
    with receiver_on(cramped) as port:
        assert send(port, images[:2]) == [0, 0]
        with no_room(home):
            statuses = send(port, images[2:])
        assert set(statuses) == {OUT_OF_RESOURCES}
        assert not list(home.rglob(f"*{TEMPORARY_SUFFIX}"))
        require_staged(cramped, 2)
        assert send(port, images[2:]) == [0] * 10
    require_staged(cramped, 12)


@pytest.fixture
def own_server() -> Iterator[PostgresServer]:
    """A server of its own, that may be stopped as a lost one would be."""
    with started_server() as server:
        yield server


class Sender:
    """Sends new objects over one association until it is told that there are no more; what is refused waits at the end
    of the queue and is sent again a moment later, as a scanner does it.
    """

    def __init__(self, port: int, kind: FileDataset) -> None:
        self._port = port
        self._kind = kind
        self._no_more = threading.Event()
        self.answers: list[tuple[str, int | None]] = []
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        waiting: deque[FileDataset] = deque()
        with association(self._port, [self._kind]) as made:
            while made.is_established and (waiting or not self._no_more.is_set()):
                if len(waiting) < MOST_WAITING and not self._no_more.is_set():
                    waiting.extend(copies(self._kind, 1))
                ds = waiting.popleft()
                self.answers.append((str(ds.SOPInstanceUID), send_one(made, ds)))
                if self.answers[-1][1] != 0:
                    waiting.append(ds)
                    time.sleep(A_MOMENT_S)

    def hears(self, status: int, times: int) -> int:
        """Wait until it has heard a status so many times from now on; how many answers it had until now."""
        before = len(self.answers)
        eventually(lambda: [heard for _, heard in self.answers[before:]].count(status) >= times)
        return before

    def end(self) -> None:
        """Send what waits and no more."""
        self._no_more.set()
        self._thread.join(60)
        assert not self._thread.is_alive()


@pytest.mark.xdist_group("postgres")
def test_a_database_that_is_gone_is_refused_and_found_again(
    settings: Settings, home_as_made: Path, planning_ct: list[FileDataset], own_server: PostgresServer
):
    """It goes twice, once for long, while a sender goes on and is told each time; nobody touches the receiver."""
    shutil.copytree(home_as_made, settings.home)
    changed = settings.model_copy(update={"database_url": own_server.new_database()})
    Vault.create(changed)
    workspace = Workspace.open(changed)
    with receiver_on(workspace) as port:
        sender = Sender(port, planning_ct[0])
        for refusals in (MOST_WAITING, 4 * MOST_WAITING):
            sender.hears(0, 5)
            own_server.stop()
            sender.hears(OUT_OF_RESOURCES, 1)
            before = sender.hears(OUT_OF_RESOURCES, refusals)
            assert {status for _, status in sender.answers[before:]} == {OUT_OF_RESOURCES}
            own_server.start()
        sender.hears(0, 5)
        sender.end()
    assert {status for _, status in sender.answers} == {0, OUT_OF_RESOURCES}
    taken = [uid for uid, status in sender.answers if status == 0]
    assert len(taken) == len(set(taken))
    assert set(taken) == {uid for uid, _ in sender.answers}, "all that was refused was taken later"
    pseudonyms = workspace.vault.pseudonyms("STAGING")
    found = pseudonyms.originals_of(Kind.UID, states(workspace.vault), caller="test", purpose="comparison")
    assert set(found.values()) == set(taken)
    require_staged(workspace, len(taken))
    workspace.vault.close()


def test_fifty_associations_at_once_lose_nothing(workspace: Workspace, planning_ct: list[FileDataset]):
    images = copies(planning_ct[0], 100)
    statuses: list[int | None] = []
    with receiver_on(workspace) as port:
        together = threading.Barrier(50)

        def sender(batch: list[FileDataset]) -> None:
            together.wait()
            statuses.extend(send_raw(port, batch))

        threads = [threading.Thread(target=sender, args=(images[start::50],)) for start in range(50)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert statuses == [0] * 100
    require_staged(workspace, 100)
