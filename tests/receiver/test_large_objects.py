"""Memory does not grow with the number of objects, and with their size only by the largest one itself."""

from __future__ import annotations

import shutil
import struct
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset

from pacs2trial.workspace import Workspace
from support.findings import staged_files
from support.raw_sender import Store, request, wire
from support.receivers import encoded, receiver_process

SIDE = 32768
PIXELS = 2 * SIDE * SIDE
MOST_BESIDE_MB = 250
FRAGMENT = 130_000


@pytest.mark.parametrize("patient_id", ["as it is", ""], ids=["staged", "quarantined"])
def test_an_object_of_two_gigabytes_is_in_memory_once(
    workspace: Workspace, planning_ct: list[FileDataset], tmp_path: Path, patient_id: str
):
    if shutil.disk_usage(tmp_path).free < 3 * PIXELS:
        pytest.skip("needs 6 GB free")
    large = deepcopy(planning_ct[0])
    large.Rows = large.Columns = SIDE
    if not patient_id:
        large.PatientID = ""
    header, _ = encoded(large)
    header = header[: header.index(b"\xe0\x7f\x10\x00")]
    store = replace(Store.of(planning_ct[0]), dataset=header + struct.pack("<HH2sxxL", 0x7FE0, 0x10, b"OW", PIXELS))
    settings = workspace.settings.model_copy(update={"receiver_workers": 1, "durable": False})
    with receiver_process(settings, tmp_path / "log") as running:
        with wire(running.port, request(planning_ct[:1])) as made:
            made.socket.settimeout(240)
            opening = store.encode()
            last = len(store.dataset) + 6 + 6  # the last PDU is the start of the data set, and not the last of it
            made.send(opening[: len(opening) - last] + _fragment(store.dataset, last=False))
            part = bytes(byte for low in range(250) for byte in (low, 0)) * (FRAGMENT // 500)
            whole, rest = divmod(PIXELS, len(part))
            pdu = _fragment(part, last=False)
            for _ in range(whole):
                made.send(pdu)
            made.send(_fragment(part[:rest], last=True))
            assert made.status() == 0
        peak = max(_high_water_mb(pid) for pid in _children(running.process.pid))
        (kept,) = staged_files(workspace.settings) if patient_id else workspace.settings.quarantine.iterdir()
        assert kept.stat().st_size > PIXELS
        kept.unlink()
    assert peak < PIXELS / 2**20 + MOST_BESIDE_MB


def _fragment(content: bytes, *, last: bool) -> bytes:
    return struct.pack(">BxLLBB", 4, len(content) + 6, len(content) + 2, 1, 2 if last else 0) + content


def _children(pid: int) -> list[int]:
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for task in tasks for child in task.read_text().split()]


def _high_water_mb(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) // 1024 for line in lines if line.startswith("VmHWM"))
