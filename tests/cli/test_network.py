"""``receive`` and ``retrieve``: the node as a process of its own, a trial pulled from a PACS."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from pacs2trial_demo.generate import write
from pacs2trial_demo.pacs import DemoPacs
from support.hospital import Hospital, small_study
from support.programs import free_port

if TYPE_CHECKING:
    from .conftest import Site

PROGRAM = Path(sys.executable).with_name("pacs2trial")
ECHO = [sys.executable, "-m", "pynetdicom", "echoscu", "--called-aet", "PACS2TRIAL", "127.0.0.1"]


@contextmanager
def receiving(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[subprocess.Popen[str], int]]:
    port = free_port()
    monkeypatch.setenv("PACS2TRIAL_RECEIVER_PORT", str(port))
    process = subprocess.Popen([PROGRAM, "receive"], stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        deadline = time.monotonic() + 60
        while subprocess.run([*ECHO, str(port)], capture_output=True, check=False).returncode:
            assert process.poll() is None
            assert time.monotonic() < deadline
        yield process, port
    finally:
        process.kill()
        process.wait()


def test_receiver_answers_and_ends_when_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving(monkeypatch) as (process, port):
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=30)
    assert process.returncode == 0
    assert f"receiver PACS2TRIAL listens on 127.0.0.1:{port}" in said


def test_receiver_on_a_taken_port_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setenv("PACS2TRIAL_RECEIVER_PORT", str(port))
        done = subprocess.run([PROGRAM, "receive"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert str(port) in done.stderr
    assert "Traceback" not in done.stderr


def test_receiver_before_init_is_refused(new_site: Site) -> None:
    done = subprocess.run([PROGRAM, "receive"], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 2
    assert "pacs2trial init" in done.stderr


@pytest.mark.parametrize("way", ["c-move", "c-get"])
def test_trial_is_pulled_from_the_pacs(
    site: Site, enrolled: Hospital, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, way: str
) -> None:
    objects = small_study()
    for dataset in objects:
        write(dataset, tmp_path / "pacs")
    modalities = sorted({dataset.Modality for dataset in objects})
    enrolled.define("LUNGART", source={"pacs": "main", "modalities": modalities, "retrieve": way})
    with (
        receiving(monkeypatch) as (_process, port),
        DemoPacs(tmp_path / "pacs", "DEMOPACS", {"PACS2TRIAL": ("127.0.0.1", port)}) as pacs,
    ):
        connect(site, pacs.port)
        (balance,) = site.json("retrieve", "LUNGART", "--from", "2024-01-01")["subjects"]
        assert balance["staged"] == balance["expected"] == len(objects)
        done = site("retrieve", "LUNGART", "--subject", "LA-001")
        assert done.exit_code == 0
        assert done.stdout.splitlines()[0] == "LUNGART"


def test_pacs_that_cannot_reach_the_receiver_is_told(site: Site, enrolled: Hospital, tmp_path: Path) -> None:
    for dataset in small_study():
        write(dataset, tmp_path / "pacs")
    with DemoPacs(tmp_path / "pacs", "DEMOPACS", {"PACS2TRIAL": ("127.0.0.1", free_port())}) as pacs:
        connect(site, pacs.port)
        done = site("retrieve", "LUNGART")
    assert done.exit_code == 1
    assert done.stdout == ""
    assert done.stderr.startswith("PACS 'main' (DEMOPACS at 127.0.0.1:")
    assert "Traceback" not in done.stderr


def connect(site: Site, port: int) -> None:
    extra = {"aet": "DEMOPACS", "settle_timeout": 2, "settle_quiet": 0.3, "retry_wait": 0.3, "transfer_timeout": 20}
    path = site.home / "connections.json"
    path.write_text(json.dumps({"main": {"conn_type": "dicom", "host": "127.0.0.1", "port": port, "extra": extra}}))
    path.chmod(0o600)
