"""Pull over loopback: an Orthanc that holds a study sends it to our receiver by C-MOVE, and to stage 1 by C-GET.

What the PACS gives is the limit, so that the same is measured with DCMTK, which only writes what it gets.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from rich.table import Table

from pacs2trial.intake import stage_dataset
from pacs2trial.network.get import get
from pacs2trial.network.move import move
from pacs2trial.network.peer import Peer
from pacs2trial.settings import Settings
from pacs2trial.vault import Vault
from pacs2trial.workspace import Workspace
from pacs2trial_demo.bench.network import Fresh, Sent, send, shown
from pacs2trial_demo.bench.servers import ENVIRONMENT, Running, orthanc, ours, program, servers, storescp

_CLASSES = {"CT": "1.2.840.10008.5.1.4.1.1.2", "MR": "1.2.840.10008.5.1.4.1.1.4"}

Pull = Callable[[str], None]
"""Fetches a study by its original UID."""


def pulls(sets: Mapping[str, list[Path]], folder: Path, rounds: int) -> Iterator[Table]:
    """One table for each kind of object; none where Orthanc is not installed."""
    if orthanc not in servers():
        return
    for kind, files in sets.items():
        yield _table(kind, files, folder / kind, rounds)


def _table(kind: str, files: Sequence[Path], folder: Path, rounds: int) -> Table:
    with ExitStack() as stack:
        homes = {name: folder / name for name in ("ours", "storescp", "orthanc", "get", "got")}
        for home in homes.values():
            home.mkdir(parents=True)
        receiver = stack.enter_context(ours("C-MOVE to pacs2trial", durable=False)(homes["ours"]))
        copier = stack.enter_context(storescp(homes["storescp"]))
        known = {one.aet: one.port for one in (receiver, copier)}
        (homes["orthanc"] / "destinations.json").write_text(json.dumps(known), "utf-8")
        pacs = stack.enter_context(orthanc(homes["orthanc"]))
        ways: dict[str, Pull] = {
            receiver.name: _move(pacs, receiver),
            "C-GET by pacs2trial": stack.enter_context(_Getting(pacs, homes["get"], _CLASSES[kind])),
            "C-MOVE to DCMTK storescp": _move(pacs, copier),
            "C-GET by DCMTK getscu": _getscu(pacs, homes["got"]),
        }
        fresh = Fresh(files, folder / "out")
        taken: dict[str, list[Sent]] = {name: [] for name in ways}
        for turn in range(rounds + 1):
            send(pacs, fresh.make(), 1)
            for name, pull in ways.items():
                begun = time.perf_counter()
                pull(fresh.study)
                if turn:
                    taken[name].append(Sent(time.perf_counter() - begun, 0.0))
        peaks = {name: receiver.peak_mb() if name == receiver.name else 0.0 for name in ways}
    return shown(f"Pull of {kind} from Orthanc", fresh, taken, peaks, {})


def _move(pacs: Running, to: Running) -> Pull:
    peer = Peer("pacs", "127.0.0.1", pacs.port, pacs.aet, "BENCH", to.aet)

    def pull(study: str) -> None:
        done = move(peer, study)
        if done.failed or not done.completed:
            raise RuntimeError(f"{pacs.name} could not move everything to {to.name}")

    return pull


def _getscu(pacs: Running, folder: Path) -> Pull:
    def pull(study: str) -> None:
        keys = ["-k", "QueryRetrieveLevel=STUDY", "-k", f"StudyInstanceUID={study}"]
        command = [program("getscu"), "-aec", pacs.aet, "-B", "-od", str(folder), "127.0.0.1", str(pacs.port), *keys]
        subprocess.run(command, env=ENVIRONMENT, check=True)

    return pull


class _Getting:
    """C-GET in this process, into stage 1 with a vault of its own."""

    def __init__(self, pacs: Running, folder: Path, sop_class: str) -> None:
        settings = Settings(home=folder / "home", trials=folder, durable=False, minimum_free_mb=0)
        Vault.create(settings)
        self._ws = Workspace.open(settings)
        self._peer = Peer("pacs", "127.0.0.1", pacs.port, pacs.aet, "BENCH", "BENCH")
        self._sop_class = sop_class

    def __enter__(self) -> Pull:
        return self._pull

    def __exit__(self, *_: object) -> None:
        self._ws.vault.close()

    def _pull(self, study: str) -> None:
        done = get(self._peer, study, None, self._store, sop_classes={self._sop_class})
        if done.failed or not done.completed:
            raise RuntimeError("not everything could be fetched by C-GET")

    def _store(self, data: memoryview, transfer_syntax: str, named: str) -> int:
        stage_dataset(self._ws, data, transfer_syntax, source="pacs:bench", named=named)
        return 0
