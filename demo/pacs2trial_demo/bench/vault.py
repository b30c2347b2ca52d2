"""What a pseudonym costs as the vault grows: microseconds per new and per known UID, from 10⁴ to 10⁶ rows."""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rich.table import Table

from pacs2trial.settings import Settings
from pacs2trial.vault import Original, Vault
from pacs2trial.vault.tables import Kind

SIZES = (10_000, 100_000, 1_000_000)
_BATCH = 1_000
"""UIDs of one call, as many as a series of a few hundred slices asks for."""
_SAMPLES = 20


@dataclass(frozen=True)
class Cost:
    """Microseconds of processor time per UID in a vault of ``rows``: medians over batches."""

    rows: int
    new: float
    known: float


def costs(settings: Settings, sizes: tuple[int, ...] = SIZES) -> Iterator[Cost]:
    """Grow a new vault through ``sizes`` and measure around each; what a process remembers is never what is timed."""
    Vault.create(settings)
    vault = Vault.open(settings)
    made = 0
    for size in sizes:
        while made < size - _SAMPLES * _BATCH:
            vault.pseudonyms("STAGING").resolve(_uids(made, _BATCH * 10))
            made += _BATCH * 10
        new = []
        for _ in range(_SAMPLES):
            new.append(_timed(vault, made))
            made += _BATCH
        step = max(_BATCH, (made - _BATCH) // _SAMPLES)
        known = [_timed(Vault.open(settings), first) for first in range(0, made - _BATCH, step)]
        yield Cost(made, statistics.median(new), statistics.median(known))
    vault.close()


def table(folder: Path) -> Table:
    """The costs in a vault on SQLite below ``folder``, as a table with ratios to the first size."""
    shown = Table(title="vault, SQLite: processor time per UID", title_justify="left")
    for heading in ("rows", "new, µs", "x first", "known, µs", "x first"):
        shown.add_column(heading, justify="right")
    first: Cost | None = None
    for cost in costs(Settings(home=folder / "vault", durable=False)):
        first = first or cost
        shown.add_row(
            f"{cost.rows:,}",
            f"{cost.new:.1f}",
            f"{cost.new / first.new:.2f}",
            f"{cost.known:.1f}",
            f"{cost.known / first.known:.2f}",
        )
    return shown


def _timed(vault: Vault, first: int) -> float:
    asked = _uids(first, _BATCH)
    pseudonyms = vault.pseudonyms("STAGING")
    begun = time.process_time()
    pseudonyms.resolve(asked)
    return (time.process_time() - begun) / _BATCH * 1e6


def _uids(first: int, count: int) -> list[Original]:
    return [
        Original(Kind.UID, f"1.2.826.0.1.3680043.10.{number}.{number % 977}") for number in range(first, first + count)
    ]
