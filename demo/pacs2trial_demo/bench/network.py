"""C-STORE over loopback: DCMTK's ``storescu`` sends the same to our receiver, with stage 1, and to others."""

from __future__ import annotations

import statistics
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

from rich.table import Table

from pacs2trial_demo.bench.servers import ENVIRONMENT, Running, Server, program
from pacs2trial_demo.generate.uids import UID_ROOT

MUST: Mapping[tuple[str, int], Mapping[str, float]] = {
    ("CT", 1): {"DCMTK": 0.3, "Orthanc": 1.0, "Conquest": 1.4},
    ("CT", 4): {"Orthanc": 1.0, "Conquest": 3.0},
    ("MR", 1): {"Conquest": 1.7},
}
"""How many times as fast as others the receiver has to be, by kind and parallel associations."""

_PARTS = 4
_WARMING = 2
"""Rounds before those that count, over parallel associations, so that each process of a server has had work."""


class Sent(NamedTuple):
    """Seconds that one round took: by the clock, and of the server's processor time."""

    wall: float
    cpu: float


class Fresh:
    """Objects that nobody has seen: copies of some files with other UIDs of the same length.

    Args:
        files: made by the generator; four folders of a quarter each are made of them.
        folder: where to write.
    """

    def __init__(self, files: Sequence[Path], folder: Path) -> None:
        self._files = files
        self._folder = folder
        self._number = 10_000_000
        self.count = len(files)
        self.megabytes = sum(path.stat().st_size for path in files) / 1e6

    def make(self) -> list[Path]:
        """The folders of a new copy; the one before is overwritten."""
        self._number += 1
        root = UID_ROOT.encode()
        for place, path in enumerate(self._files):
            content = path.read_bytes()
            begins = content.index(root) + len(root)
            patient = content[begins : content.index(b".", begins) + 1]
            day = content[begins + len(patient) :][:8]
            other = content.replace(root + patient + day, root + patient + str(self._number).encode())
            target = self._folder / str(place % _PARTS) / path.name
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(other)
        return [self._folder / str(part) for part in range(_PARTS)]

    @property
    def study(self) -> str:
        """Study Instance UID of the copy made last."""
        content = (self._folder / "0" / self._files[0].name).read_bytes()
        element = content.index(b"\x20\x00\x0d\x00UI") + 8
        return content[element : element + content[element - 2]].rstrip(b"\0").decode("ascii")


def tables(sets: Mapping[str, list[Path]], started: Sequence[Server], folder: Path, rounds: int) -> Iterator[Table]:
    """One table for each kind of object and number of associations; the first server is the one that is judged."""
    for kind, files in sets.items():
        for associations in (1, _PARTS):
            place = folder / f"{kind}-{associations}"
            yield _table(kind, files, associations, started, place, rounds)


def _table(
    kind: str, files: list[Path], associations: int, started: Sequence[Server], folder: Path, rounds: int
) -> Table:
    with ExitStack() as stack:
        running = []
        for number, server in enumerate(started):
            home = folder / str(number)
            home.mkdir(parents=True)
            running.append(stack.enter_context(server(home)))
        fresh = Fresh(files, folder / "out")
        taken: dict[str, list[Sent]] = {one.name: [] for one in running}
        for turn in range(-_WARMING, rounds):
            folders = fresh.make()
            for one in running:
                sent = send(one, folders, associations if turn >= 0 else _PARTS)
                if turn >= 0:
                    taken[one.name].append(sent)
        peaks = {one.name: one.peak_mb() for one in running}
    how_many = f"{associations} association{'s' * (associations > 1)}"
    return shown(f"C-STORE of {kind}, {how_many}", fresh, taken, peaks, MUST.get((kind, associations), {}))


def send(to: Running, folders: Sequence[Path], associations: int) -> Sent:
    """Send all folders, one after another over one association, or each over an association of its own."""
    groups = [folders] if associations == 1 else [[folder] for folder in folders]
    cpu, wall = to.cpu(), time.perf_counter()
    senders = [subprocess.Popen(_storescu(to, group), env=ENVIRONMENT) for group in groups]
    failed = [sender for sender in senders if sender.wait()]
    if failed:
        raise RuntimeError(f"storescu could not send everything to {to.name}")
    return Sent(time.perf_counter() - wall, to.cpu() - cpu)


def _storescu(to: Running, folders: Sequence[Path]) -> list[str]:
    names = [str(folder) for folder in folders]
    return [program("storescu"), "-aec", to.aet, "-R", "-pdu", "131072", "+sd", "+r", "127.0.0.1", str(to.port), *names]


def shown(
    title: str,
    fresh: Fresh,
    taken: Mapping[str, list[Sent]],
    peaks: Mapping[str, float],
    musts: Mapping[str, float],
) -> Table:
    """What was taken, with ratios to the first of them beside those that it must reach."""
    ours, *_ = taken
    table = Table(
        title=f"{title}: {fresh.count} objects, {fresh.megabytes:.1f} MB",
        caption=f"x: how many times as fast {ours} is, by the clock; medians of paired rounds. TCP_NODELAY everywhere",
        title_justify="left",
        caption_justify="left",
    )
    for heading in ("", "objects/s", "MB/s", "CPU ms/object", "peak MB", "x", "must"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, rounds in taken.items():
        wall = statistics.median(one.wall for one in rounds)
        cpu = statistics.median(one.cpu for one in rounds)
        ratio = statistics.median(their.wall / our.wall for our, their in zip(taken[ours], rounds, strict=True))
        must = next((least for peer, least in musts.items() if name.startswith(peer)), None)
        table.add_row(
            name,
            f"{fresh.count / wall:.0f}",
            f"{fresh.megabytes / wall:.1f}",
            f"{1e3 * cpu / fresh.count:.2f}" if cpu else "",
            f"{peaks[name]:.0f}" if peaks[name] else "",
            f"{ratio:.2f}",
            f"{must:g}" if must else "",
        )
    return table
