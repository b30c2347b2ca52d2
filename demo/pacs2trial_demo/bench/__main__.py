"""``make bench``: how fast the stages are on files, as ratios within one run. Absolute times are noise."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pacs2trial_demo.bench.files import write_sets
from pacs2trial_demo.bench.measure import Taken, measure, median, times_as_fast
from pacs2trial_demo.bench.network import tables
from pacs2trial_demo.bench.packages import packages
from pacs2trial_demo.bench.peers import in_python, peers
from pacs2trial_demo.bench.pixels import pixel_tables
from pacs2trial_demo.bench.pull import pulls
from pacs2trial_demo.bench.rules import rules_tables
from pacs2trial_demo.bench.servers import already_running, servers
from pacs2trial_demo.bench.stages import stage_1

STAGE_1 = in_python("stage 1")
STAGE_2 = in_python("stage 2")

KINDS = ("CT", "MR", "RTSTRUCT")
SENT = ("CT", "MR")

MANNER = """\
x: how many times as fast our stage is, by the clock / by CPU time; medians of paired rounds
Every program works alone, on one core, in a process of its own that is new in each round (pacs2trial stage uses several
processes); files come from the page cache, nothing is forced to disk. Of programs in Python, ours too, the time counts
once they run: what they need before (interpreter, imports, plan, one object) stands under start. The others are timed
as a whole."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", nargs="*", help="CT, MR, RTSTRUCT")
    parser.add_argument(
        "--on",
        nargs="*",
        default=["files", "packages", "network", "pixels", "rules"],
        help="files, packages, network, pixels, rules",
    )
    parser.add_argument(
        "--also", nargs="*", default=[], metavar="NAME=AET@PORT", help="servers on loopback that run already"
    )
    asked = parser.parse_args()
    console = Console(width=120)
    if "pixels" in asked.on:
        for table in pixel_tables(asked.rounds):
            console.print(table)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sets = {kind: files for kind, files in write_sets(folder / "in").items() if kind in (asked.only or KINDS)}
        if "rules" in asked.on:
            for table in rules_tables(sets, folder / "rules", asked.rounds):
                console.print(table)
        if "network" in asked.on:
            sent = {kind: files for kind, files in sets.items() if kind in SENT}
            started = [*servers(), *map(already_running, asked.also)]
            for table in tables(sent, started, folder / "network", asked.rounds):
                console.print(table)
            for table in pulls(sent, folder / "pull", asked.rounds):
                console.print(table)
        staged = {kind: _staged(files, folder / "staged" / kind) for kind, files in sets.items()}
        if "packages" in asked.on:
            for table in packages(staged, folder / "packages", asked.rounds):
                console.print(table)
        if "files" not in asked.on:
            return
        others = peers(folder)
        for kind, files in sets.items():
            work = {STAGE_1: files, STAGE_2: staged[kind], **dict.fromkeys(others, files)}
            console.print(_table(kind, files, measure(work, folder / "out", asked.rounds)))


def _staged(files: list[Path], folder: Path) -> list[Path]:
    """What stage 2 works on is what stage 1 made."""
    folder.mkdir(parents=True)
    stage_1(files, folder)
    return sorted(folder.iterdir())


def _table(kind: str, files: list[Path], taken: dict[str, list[Taken]]) -> Table:
    megabytes = sum(path.stat().st_size for path in files) / 1e6
    table = Table(
        title=f"{kind}: {len(files)} objects, {megabytes:.1f} MB",
        caption=MANNER,
        title_justify="left",
        caption_justify="left",
    )
    for heading in ("", "objects/s", "MB/s", "CPU ms/object", "start, CPU s", "stage 1 x", "stage 2 x"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, theirs in taken.items():
        one = median(theirs)
        ratios = [times_as_fast(taken[ours.name], theirs) for ours in (STAGE_1, STAGE_2)]
        table.add_row(
            name,
            f"{1 / one.wall:.3g}",
            f"{megabytes / len(files) / one.wall:.3g}",
            f"{1e3 * one.cpu:.2f}",
            f"{one.start:.1f}" if one.start else "",
            *(f"{ratio.wall:.2f} / {ratio.cpu:.2f}" for ratio in ratios),
        )
    return table


if __name__ == "__main__":
    main()
