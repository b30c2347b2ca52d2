"""Interleaved rounds on one machine: every program once a round, its speed beside ours of the same round."""

from __future__ import annotations

import shutil
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pacs2trial_demo.bench.peers import Peer
from pacs2trial_demo.bench.python_programs import cpu_seconds


class Taken(NamedTuple):
    """What one object took, in seconds: by the clock, and of processor time, children included.

    ``start`` is the processor time of the whole program before its first object, if it tells.
    """

    wall: float
    cpu: float
    start: float = 0.0


def measure(work: Mapping[Peer, list[Path]], out: Path, rounds: int) -> dict[str, list[Taken]]:
    """Seconds an object, round by round; one round before them only warms up, so that files are in the page cache.

    Args:
        work: programs, and the files that each works on.
        out: a folder that is made and removed for every run.
        rounds: how many.
    """
    taken: dict[str, list[Taken]] = {peer.name: [] for peer in work}
    for number in range(rounds + 1):
        for peer, files in work.items():
            if number > peer.rounds:
                continue
            one = _time(peer, _part(files, peer.most_bytes), out)
            if number:
                taken[peer.name].append(one)
    return taken


def times_as_fast(ours: list[Taken], theirs: list[Taken]) -> Taken:
    """How many times as fast we are: the median over the rounds that both took part in."""
    pairs = list(zip(ours, theirs, strict=False))
    return Taken(
        statistics.median(other.wall / own.wall for own, other in pairs),
        statistics.median(other.cpu / own.cpu for own, other in pairs),
    )


def median(taken: list[Taken]) -> Taken:
    return Taken(*(statistics.median(values) for values in zip(*taken, strict=True)))


def _part(files: list[Path], most_bytes: int) -> list[Path]:
    chosen: list[Path] = []
    total = 0
    for path in files:
        total += path.stat().st_size
        if chosen and total > most_bytes:
            break
        chosen.append(path)
    return chosen


def _time(peer: Peer, files: list[Path], out: Path) -> Taken:
    out.mkdir()
    cpu, wall = cpu_seconds(), time.perf_counter()
    told = peer.run(files, out)
    seconds = told or (time.perf_counter() - wall, cpu_seconds() - cpu, 0.0)
    shutil.rmtree(out)
    return Taken(seconds[0] / len(files), seconds[1] / len(files), seconds[2])
