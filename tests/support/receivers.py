"""A receiver to send to, in this process or in one of its own, and a sender that tells every status."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset
from pynetdicom import AE, build_context
from pynetdicom.association import Association

from pacs2trial.network.standstill import keep_answers
from pacs2trial.receiver import Receiver
from pacs2trial.settings import Settings, variable
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import part10, study
from pacs2trial_demo.identities import LUCZYNSKA

AET = "PACS2TRIAL"
SENDER = "SCANNER1"
WHEN = date(2024, 3, 13)
_PATIENCE_S = 15
_META_BEGINS = 144
"""Behind preamble, DICM and the group length element of the file meta information (PS3.10 7.1)."""


@pytest.fixture
def receiver(workspace: Workspace) -> Iterator[int]:
    """The port of a receiver on the test's workspace."""
    running = Receiver(workspace)
    port = running.start()
    yield port
    running.stop(grace=5)


@contextmanager
def receiver_on(workspace: Workspace, **changes: object) -> Iterator[int]:
    """The port of a receiver on a workspace, with other settings."""
    settings = workspace.settings.model_copy(update=changes)
    running = Receiver(Workspace(settings, workspace.vault, workspace.connections))
    try:
        yield running.start()
    finally:
        running.stop(grace=5)


@pytest.fixture(scope="session")
def planning_ct() -> list[FileDataset]:
    """Six small CT slices of one patient; not to be changed."""
    return study(LUCZYNSKA, when=WHEN, parts={"CT"}, slices=6, matrix=64)


@pytest.fixture(scope="session")
def rt_study() -> list[FileDataset]:
    """A whole planning study with an ultrasound of the same patient; not to be changed."""
    parts = {"CT", "RTSTRUCT", "RTPLAN", "RTDOSE", "RTIMAGE", "REG", "US"}
    return study(LUCZYNSKA, when=WHEN, parts=parts, slices=4, matrix=64)


def encoded(ds: FileDataset) -> tuple[bytes, str]:
    """The data set of an object as C-STORE carries it, and its transfer syntax."""
    whole = part10(ds)
    meta_ends = _META_BEGINS + int.from_bytes(whole[_META_BEGINS - 4 : _META_BEGINS], "little")
    return whole[meta_ends:], str(ds.file_meta.TransferSyntaxUID)


@contextmanager
def association(port: int, datasets: Sequence[FileDataset], *, called: str = AET) -> Iterator[Association]:
    """An association that proposes each object's SOP class with its transfer syntax."""
    kinds = {(ds.SOPClassUID, ds.file_meta.TransferSyntaxUID) for ds in datasets}
    entity = AE(SENDER)
    entity.dimse_timeout = entity.network_timeout = entity.acse_timeout = _PATIENCE_S
    made = entity.associate(
        "127.0.0.1", port, contexts=[build_context(*kind) for kind in sorted(kinds)], ae_title=called
    )
    keep_answers(made)
    try:
        yield made
    finally:
        if made.is_established:
            made.release()


def send(port: int, datasets: Sequence[FileDataset], *, called: str = AET) -> list[int | None]:
    """C-STORE each object over one association; the status of each, None when the association was lost before."""
    with association(port, datasets, called=called) as made:
        assert made.is_established
        return [send_one(made, ds) for ds in datasets]


def send_one(made: Association, ds: FileDataset) -> int | None:
    if not made.is_established:
        return None
    try:
        answer = made.send_c_store(ds)
    except RuntimeError:
        return None
    return int(answer.Status) if "Status" in answer else None


@dataclass
class ReceiverProcess:
    """``python -m pacs2trial.receiver`` on the settings of a test."""

    process: subprocess.Popen[bytes]
    port: int
    log: Path

    def kill(self) -> None:
        """End it as a power cut would, without a chance to clean up."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(60)


def environment(settings: Settings) -> dict[str, str]:
    """The settings that are not the default, as a process of its own reads them."""
    mine = {
        variable(name): str(value)
        for name, value in settings.model_dump(exclude_defaults=True).items()
        if value is not None
    }
    return {name: value for name, value in os.environ.items() if not name.startswith("PACS2TRIAL_")} | mine


@contextmanager
def receiver_process(settings: Settings, log: Path) -> Iterator[ReceiverProcess]:
    """A receiver in a process of its own, listening."""
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "pacs2trial.receiver"], stderr=stderr, env=environment(settings), cwd=log.parent
        )
    try:
        yield ReceiverProcess(process, _port(process, log), log)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def _port(process: subprocess.Popen[bytes], log: Path) -> int:
    for _ in range(600):
        found = re.search(r"listens on 127\.0\.0\.1:(\d+)", log.read_text())
        if found:
            return int(found[1])
        try:
            process.wait(0.1)
        except subprocess.TimeoutExpired:
            continue
        break
    raise AssertionError("the receiver did not start:\n" + log.read_text())
