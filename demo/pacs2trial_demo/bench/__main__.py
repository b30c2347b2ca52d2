"""``make bench``: interleaved rounds, medians, and ratios within the same run. Absolute times are noise."""

from __future__ import annotations

import shutil
import statistics
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pacs2trial_demo.bench.files import write_sets
from pacs2trial_demo.bench.work import Work, all_work

_ROUNDS = 5


def main() -> None:
    console = Console()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for kind, files in write_sets(folder / "in").items():
            console.print(_table(kind, files, _measure(files, folder / "out")))


def _measure(files: list[Path], out: Path) -> dict[str, float]:
    """Median seconds of each work over the rounds, one warm-up round before."""
    work = all_work()
    seconds: dict[str, list[float]] = {name: [] for name in work}
    for round_number in range(_ROUNDS + 1):
        for name, function in work.items():
            taken = _time(function, files, out)
            if round_number:
                seconds[name].append(taken)
    return {name: statistics.median(taken) for name, taken in seconds.items()}


def _time(function: Work, files: list[Path], out: Path) -> float:
    out.mkdir()
    begun = time.perf_counter()
    function(files, out)
    taken = time.perf_counter() - begun
    shutil.rmtree(out)
    return taken


def _table(kind: str, files: list[Path], seconds: dict[str, float]) -> Table:
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    table = Table(title=f"{kind}: {len(files)} objects, {megabytes:.1f} MB", title_justify="left")
    for heading in ("", "objects/s", "MB/s", "x pydicom", "x copy"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, taken in seconds.items():
        table.add_row(
            name,
            f"{len(files) / taken:.0f}",
            f"{megabytes / taken:.0f}",
            f"{seconds['pydicom read + write'] / taken:.2f}",
            f"{seconds['copy'] / taken:.2f}",
        )
    return table


if __name__ == "__main__":
    main()
