"""Success is said when file, folder and row have reached the disk, and never before."""

from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from sqlalchemy import Engine, event

from pacs2trial.receiver.association import Association
from pacs2trial.workspace import Workspace
from support.receivers import receiver_on, receiver_process, send


class Order:
    """What the threads that serve associations did, in the order in which they did it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, staging: Path) -> None:
        self.done: list[str] = []
        flush, rename, respond = os.fsync, os.replace, Association.respond

        def flushed(descriptor: int) -> None:
            flush(descriptor)
            is_folder = stat.S_ISDIR(os.fstat(descriptor).st_mode)
            self._note("folder flushed" if is_folder else "file flushed")

        def renamed(source: str, target: str) -> None:
            rename(source, target)
            if Path(target).is_relative_to(staging):
                self._note("renamed")

        def responded(association: Association, *arguments: object, **named: object) -> None:
            self._note("answered")
            respond(association, *arguments, **named)  # type: ignore[arg-type]

        monkeypatch.setattr(os, "fsync", flushed)
        monkeypatch.setattr(os, "replace", renamed)
        monkeypatch.setattr(Association, "respond", responded)

    def committed(self, _connection: object) -> None:
        self._note("committed")

    def _note(self, what: str) -> None:
        if threading.current_thread().name == "association":
            self.done.append(what)


@pytest.mark.parametrize("durable", [True, False])
def test_success_is_said_after_file_folder_and_row_are_on_the_disk(
    workspace: Workspace, planning_ct: list[FileDataset], monkeypatch: pytest.MonkeyPatch, *, durable: bool
):
    """The vault flushes at each commit by itself; without durable nothing is flushed, and the order is the same."""
    with receiver_on(workspace, durable=durable) as port:
        assert send(port, planning_ct[:1]) == [0]
        order = Order(monkeypatch, workspace.settings.staging)
        event.listen(Engine, "commit", order.committed)
        try:
            assert send(port, planning_ct[1:2]) == [0]
        finally:
            event.remove(Engine, "commit", order.committed)
            monkeypatch.undo()
    before = order.done[: order.done.index("answered")]
    flushed = ["file flushed", "renamed", "folder flushed", "committed"]
    assert before == (flushed if durable else ["renamed", "committed"])
    assert before[-1] == "committed"


def test_a_receiver_that_does_not_flush_says_so(workspace: Workspace, tmp_path: Path):
    settings = workspace.settings.model_copy(update={"durable": False})
    with receiver_process(settings, tmp_path / "careless.log") as running:
        assert "PACS2TRIAL_DURABLE is off" in running.log.read_text()
