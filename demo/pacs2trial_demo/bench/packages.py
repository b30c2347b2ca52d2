"""Stage 2 and package of staged objects, beside copying and zipping them, and beside Orthanc's way to the same."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from rich.table import Table

from pacs2trial_demo.bench.measure import Taken, measure, median, times_as_fast
from pacs2trial_demo.bench.peers import Peer, in_python
from pacs2trial_demo.bench.python_programs import cpu_seconds
from pacs2trial_demo.bench.servers import Running, orthanc_with_rest

STORED = in_python("stage 2 + zip, stored")
FAST = in_python("stage 2 + zip, fast")

MANNER = """\
x: how many times as fast our package is, by the clock / by CPU time; medians of paired rounds
Staged objects in, a zip with manifest and inventory out. Ours uses the cores of the machine, the others what they use.
Orthanc has the objects already; it anonymises them and gives them as an archive."""


def packages(sets: dict[str, list[Path]], folder: Path, rounds: int) -> Iterator[Table]:
    """One table for each kind of object; ``sets`` holds staged files."""
    for kind, files in sets.items():
        place = folder / kind
        place.mkdir(parents=True)
        with package_peers(files, place) as others:
            taken = measure(dict.fromkeys((STORED, FAST, *others), files), place / "out", rounds)
        yield _table(kind, files, taken)


@contextmanager
def package_peers(files: list[Path], folder: Path) -> Iterator[list[Peer]]:
    """Others that make something like a package of staged files; ``folder`` is for what they need besides."""
    found = [Peer("cp -r", _copied)]
    if shutil.which("zip"):
        found += [Peer(f"cp -r + zip -{level}", partial(_zipped, level)) for level in (0, 1)]
    with orthanc_with_rest(folder) as server:
        if server is None:
            yield found
            return
        base = f"http://127.0.0.1:{server.port}"
        for path in files:
            _ask(f"{base}/instances", path.read_bytes())
        yield [*found, Peer("Orthanc anonymize + archive", lambda _files, out: _timed(server, base, out))]


def _copied(files: list[Path], out: Path) -> None:
    subprocess.run(["cp", "-r", str(files[0].parent), str(out / "copy")], check=True)


def _zipped(level: int, files: list[Path], out: Path) -> None:
    _copied(files, out)
    subprocess.run(["zip", "-q", f"-{level}", "-r", str(out / "a.zip"), "copy"], check=True, cwd=out)


def _timed(server: Running, base: str, out: Path) -> tuple[float, float, float]:
    """By the clock, and processor time of the server, whose client does next to nothing."""
    cpu, wall = server.cpu() + cpu_seconds(), time.perf_counter()
    _exported(base, out)
    return time.perf_counter() - wall, server.cpu() + cpu_seconds() - cpu, 0.0


def _exported(base: str, out: Path) -> None:
    (patient,) = json.loads(_ask(f"{base}/patients"))
    made = json.loads(_ask(f"{base}/patients/{patient}/anonymize", b'{"Synchronous": true, "KeepSource": true}'))
    (out / "a.zip").write_bytes(_ask(f"{base}/patients/{made['PatientID']}/archive"))
    _ask(f"{base}/patients/{made['PatientID']}", method="DELETE")


def _ask(address: str, content: bytes | None = None, method: str | None = None) -> bytes:
    request = urllib.request.Request(address, content, method=method)  # noqa: S310  # loopback
    with urllib.request.urlopen(request, timeout=600) as answer:  # noqa: S310
        return bytes(answer.read())


def _table(kind: str, files: list[Path], taken: dict[str, list[Taken]]) -> Table:
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    table = Table(
        title=f"Packages of {kind}: {len(files)} objects, {megabytes:.1f} MB",
        caption=MANNER,
        title_justify="left",
        caption_justify="left",
    )
    for heading in ("", "objects/s", "MB/s", "CPU ms/object", "stored x", "fast x"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, theirs in taken.items():
        one = median(theirs)
        ratios = [times_as_fast(taken[ours.name], theirs) for ours in (STORED, FAST)]
        table.add_row(
            name,
            f"{1 / one.wall:.3g}",
            f"{megabytes / len(files) / one.wall:.3g}",
            f"{1e3 * one.cpu:.2f}",
            *(f"{ratio.wall:.2f} / {ratio.cpu:.2f}" if ratio.cpu > 0 else f"{ratio.wall:.2f}" for ratio in ratios),
        )
    return table
