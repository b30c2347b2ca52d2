"""What the site's rules cost of stage 1: the facts of the header, the verdict, and the search of unused bits."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from pacs2trial.deidentify.identity import Outermost
from pacs2trial.deidentify.overlays import hides_graphics
from pacs2trial.dicomfile.encoding import EncodedObject, split_file
from pacs2trial.dicomfile.mapped import mapped
from pacs2trial.filtering.site_rules import site_verdict
from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.settings import Settings
from pacs2trial.vault import Vault
from pacs2trial.workspace import Workspace

MOST = 200
"""Objects of one kind."""

MANNER = """\
CPU ms an object, medians of the rounds; stage 1 as the receiver calls it, vault and file included, nothing flushed.
Header rules read the facts of the header and judge by them. Unused bits are those in which an overlay may stand."""


def rules_tables(sets: dict[str, list[Path]], folder: Path, rounds: int) -> Iterator[Table]:
    """One table: the share of the rules in stage 1, by kind of object."""
    table = Table(title="Rules within stage 1", caption=MANNER, title_justify="left", caption_justify="left")
    for heading in ("", "stage 1", "header rules", "share", "unused bits", "share of both"):
        table.add_column(heading, justify="left" if not heading else "right")
    for kind, files in sets.items():
        some = files[:MOST]
        whole, rules, bits = (
            statistics.median(column)
            for column in zip(*(_round(some, folder / f"{kind}-{number}") for number in range(rounds)), strict=True)
        )
        table.add_row(
            kind, f"{whole:.2f}", f"{rules:.3f}", f"{rules / whole:.1%}", f"{bits:.3f}", f"{(rules + bits) / whole:.1%}"
        )
    yield table


def _round(files: list[Path], home: Path) -> tuple[float, float, float]:
    """CPU ms an object of stage 1, of the header rules and of the search of unused bits, with a new vault."""
    settings = Settings(home=home / "home", trials=home, durable=False, minimum_free_mb=0)
    home.mkdir(parents=True)
    Vault.create(settings)
    ws = Workspace.open(settings)
    try:
        stage_part10(ws, files[0].read_bytes(), source="bench")
        objects = [split_file(mapped(path, whole=True)) for path in files]
        whole = _cpu(lambda path: stage_part10(ws, mapped(path, whole=True), source="bench"), files)
        rules = _cpu(_judged, objects)
        bits = _cpu(hides_graphics, objects)
    finally:
        ws.vault.close()
    return whole, rules, bits


def _judged(obj: EncodedObject) -> None:
    site_verdict(Outermost(obj).facts())


def _cpu(work: Callable[[Any], object], of: Sequence[Any]) -> float:
    begun = time.process_time()
    for one in of:
        work(one)
    return 1e3 * (time.process_time() - begun) / len(of)
