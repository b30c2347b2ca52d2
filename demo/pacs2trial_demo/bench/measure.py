"""Interleaved rounds on one machine: every program once a round, its speed beside ours of the same round."""

from __future__ import annotations

import resource
import shutil
import statistics
import time
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pacs2trial_demo.bench.peers import Peer


class Taken(NamedTuple):
    """What one object took, in seconds: by the clock, and of processor time, children included."""

    wall: float
    cpu: float


def measure(work: Mapping[Peer, list[Path]], out: Path, rounds: int) -> dict[str, list[Taken]]:
    """Seconds an object, round by round; one round before them only warms up.

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
    return Taken(statistics.median(one.wall for one in taken), statistics.median(one.cpu for one in taken))


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
    cpu, wall = _cpu(), time.perf_counter()
    peer.run(files, out)
    taken = Taken((time.perf_counter() - wall) / len(files), (_cpu() - cpu) / len(files))
    shutil.rmtree(out)
    return taken


def _cpu() -> float:
    usages = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
