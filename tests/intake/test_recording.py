"""What is ready at one moment is one transaction of the vault; what fails in it fails alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date

import pytest
from pydicom.dataset import FileDataset
from sqlalchemy import Engine, event, insert, update

from pacs2trial.errors import TransientError
from pacs2trial.intake import Staged, stage1, stage_dataset
from pacs2trial.vault.pseudonyms import Pseudonyms
from pacs2trial.vault.tables import Instance, InstanceState, Pseudonym
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import study
from pacs2trial_demo.identities import OXENBARGER
from support.findings import require_ledger_and_store_agree, staged_files, states
from support.receivers import encoded

NUMBER = 6


@pytest.fixture(scope="module")
def slices() -> list[FileDataset]:
    return study(OXENBARGER, when=date(2024, 3, 13), parts={"CT"}, slices=NUMBER + 1, matrix=32)


def stage(ws: Workspace, ds: FileDataset) -> Staged:
    return stage_dataset(ws, *encoded(ds), source="push:TEST")


@contextmanager
def commits(engine: Engine) -> Iterator[list[int]]:
    counted: list[int] = []

    def count(connection: object) -> None:
        counted.append(1)

    event.listen(engine, "commit", count)
    try:
        yield counted
    finally:
        event.remove(engine, "commit", count)


def all_at_once(ws: Workspace, slices: list[FileDataset]) -> list[Staged | Exception]:
    """Stage them in as many threads, all of which are ready before the first of them may write to the vault."""
    outcomes: list[Staged | Exception] = []

    def one(ds: FileDataset) -> None:
        try:
            outcomes.append(stage(ws, ds))
        except TransientError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=one, args=(ds,)) for ds in slices]
    recorder = stage1._recorder(ws)
    with recorder._leading, pytest.MonkeyPatch.context() as patch:
        patch.setattr(stage1, "claim", lambda *_: _no_claim())  # two instances may share one of the claims
        for thread in threads:
            thread.start()
        _wait_until(lambda: len(recorder._waiting) == len(slices))
    for thread in threads:
        thread.join()
    return outcomes


def test_objects_that_are_ready_together_share_a_commit(workspace: Workspace, slices: list[FileDataset]):
    stage(workspace, slices[0])
    with commits(workspace.vault.engine) as counted:
        outcomes = all_at_once(workspace, slices[1:])
    assert {outcome.outcome for outcome in outcomes} == {InstanceState.STAGED}
    assert len(counted) == 1
    assert len(states(workspace.vault)) == NUMBER + 1
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def test_an_object_alone_is_one_commit(workspace: Workspace, slices: list[FileDataset]):
    stage(workspace, slices[0])
    with commits(workspace.vault.engine) as counted:
        stage(workspace, slices[1])
    assert len(counted) == 1, "a question is none"


def test_a_pseudonym_that_was_taken_over_meanwhile_refuses_one_object_only(
    workspace: Workspace, slices: list[FileDataset], monkeypatch: pytest.MonkeyPatch
):
    stage(workspace, slices[0])
    unlucky = str(slices[3].SOPInstanceUID)
    keep = Pseudonyms.keep

    def taken_over(self, connection, drafts):
        drafts = list(drafts)
        for row in (row for draft in drafts for row in draft.proposals if row["lookup"] == unlucky):
            connection.execute(insert(Pseudonym), dict(row) | {"pseudo": "2.25.77"})
        keep(self, connection, drafts)

    monkeypatch.setattr(Pseudonyms, "keep", taken_over)
    outcomes = all_at_once(workspace, slices[1:])
    refused = [outcome for outcome in outcomes if isinstance(outcome, TransientError)]
    assert len(refused) == 1
    assert "send the object again" in str(refused[0])
    assert len(states(workspace.vault)) == NUMBER
    monkeypatch.undo()
    assert stage(workspace, slices[3]).outcome is InstanceState.STAGED
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


def test_an_instance_that_came_by_another_way_meanwhile_is_looked_at_again(
    workspace: Workspace, slices: list[FileDataset], monkeypatch: pytest.MonkeyPatch
):
    """The ledger gets to know it, under another patient, between the look at its pseudonym and its own row."""
    other = stage(workspace, slices[0])
    write = stage1.write_durably

    def meanwhile(*args, **named):
        monkeypatch.setattr(stage1, "write_durably", write)
        stage(workspace, slices[1])
        with workspace.vault.session() as session:
            session.execute(update(Instance).values(reason="seen"))
        (added,) = set(states(workspace.vault)) - {other.sop_instance}
        for path in staged_files(workspace.settings):
            if path.stem == added:
                path.unlink()
        write(*args, **named)

    monkeypatch.setattr(stage1, "claim", lambda *_: _no_claim())
    monkeypatch.setattr(stage1, "write_durably", meanwhile)
    again = stage(workspace, slices[1])
    assert (again.outcome, again.new) == (InstanceState.STAGED, False)
    assert len(states(workspace.vault)) == 2
    require_ledger_and_store_agree(workspace.vault, workspace.settings)


@contextmanager
def _no_claim() -> Iterator[None]:
    yield


def _wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(400):
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("not all were ready in time")
