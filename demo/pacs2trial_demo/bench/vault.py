"""What a pseudonym costs as the vault grows: microseconds per new and per known UID, from 10⁴ to 10⁶ rows.

``python -m pacs2trial_demo.bench.vault`` measures SQLite, and PostgreSQL where its programs are.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from sqlalchemy import text

from pacs2trial.settings import Settings
from pacs2trial.trials.definition import STAGING
from pacs2trial.vault import Original, Vault
from pacs2trial.vault.tables import Kind
from pacs2trial_demo.bench.postgres import Server

SIZES = (10_000, 100_000, 1_000_000)
TRIAL = "BENCH"
BATCHES = (20, 500)
"""UIDs of one call: as an object brings, and a series of some hundred. Of a small table the latter writes each page
for several rows, which a large one does not, so that it tells more of SQLite's pages than of the vault.
"""
_SAMPLES = 20
_GROWTH = 10_000

Uids = Callable[[int, int], list[Original]]


@dataclass(frozen=True)
class Cost:
    """Microseconds of processor time per UID, ours and the database's, in a scope of ``rows``: medians over batches.

    ``new_ratio`` and ``known_ratio`` are to the first size: medians of pairs that were taken one right after the other,
    because a processor is not equally fast at all times.
    """

    rows: int
    new: float
    known: float
    new_ratio: float
    known_ratio: float


class _Grown:
    """A vault whose scope holds ``rows`` UIDs.

    STAGING is asked with UIDs that count up, as scanners give them; a trial with pseudonyms, which are at random places
    of every index. What a process remembers is never what is timed.
    """

    def __init__(self, settings: Settings, scope: str, rows: int) -> None:
        self._scope = scope
        self._uids: Uids = _scanned if scope == STAGING else _pseudonymous
        self._settings = settings
        self._vault = Vault.open(settings)
        self.rows = self._made = rows
        for first in range(0, rows, _GROWTH):
            self._vault.pseudonyms(scope).resolve(self._uids(first, min(_GROWTH, rows - first)))
        self._fresh = Vault.open(settings)

    def new(self, batch: int) -> float:
        self._made += batch
        return _timed(self._vault, self._scope, self._uids(self._made - batch, batch))

    def known(self, sample: int, batch: int) -> float:
        first = sample * (self.rows - max(BATCHES)) // (_SAMPLES * len(BATCHES))
        return _timed(self._fresh, self._scope, self._uids(first, batch))

    def close(self) -> None:
        self._vault.close()
        self._fresh.close()


def costs(settings: Sequence[Settings], scope: str, sizes: Sequence[int]) -> dict[int, list[Cost]]:
    """What a scope costs at each of ``sizes``, each in a vault of its own, in turns, for each of the batches."""
    grown = [_Grown(one, scope, rows) for one, rows in zip(settings, sizes, strict=True)]
    found = {batch: _costs(grown, place, batch) for place, batch in enumerate(BATCHES)}
    for each in grown:
        each.close()
    return found


def _costs(grown: Sequence[_Grown], turn_of_batch: int, batch: int) -> list[Cost]:
    new, known = [], []
    for sample in range(turn_of_batch * _SAMPLES, (turn_of_batch + 1) * _SAMPLES):
        new.append([each.new(batch) for each in grown])
        known.append([each.known(sample, batch) for each in grown])
    return [
        Cost(
            each.rows,
            statistics.median(turn[place] for turn in new),
            statistics.median(turn[place] for turn in known),
            statistics.median(turn[place] / turn[0] for turn in new),
            statistics.median(turn[place] / turn[0] for turn in known),
        )
        for place, each in enumerate(grown)
    ]


def tables(folder: Path, sizes: Sequence[int] = SIZES) -> Iterator[Table]:
    """The costs for each database and kind of scope, with ratios to the first size."""
    server = Server.start(folder / "postgres") if Server.available() else None
    try:
        for name in ("SQLite", "PostgreSQL"):
            if name == "PostgreSQL" and not server:
                continue
            for scope in (STAGING, TRIAL):
                settings = []
                for rows in sizes:
                    home = f"{name}-{scope}-{rows}".lower().replace("-", "_")
                    url = server.database(home) if server and name == "PostgreSQL" else ""
                    settings.append(Settings(home=folder / home, durable=False, database_url=url))
                    Vault.create(settings[-1])
                for batch, found in costs(settings, scope, sizes).items():
                    yield _table(f"vault, {name}, {scope}, {batch} at a time: processor time per UID", found)
    finally:
        if server:
            server.stop()


def _table(title: str, found: Sequence[Cost]) -> Table:
    shown = Table(title=title, title_justify="left")
    for heading in ("rows", "new, µs", "x first", "known, µs", "x first"):
        shown.add_column(heading, justify="right")
    for cost in found:
        shown.add_row(
            f"{cost.rows:,}",
            f"{cost.new:.1f}",
            f"{cost.new_ratio:.2f}",
            f"{cost.known:.1f}",
            f"{cost.known_ratio:.2f}",
        )
    return shown


def _timed(vault: Vault, scope: str, asked: list[Original]) -> float:
    pseudonyms = vault.pseudonyms(scope)
    pseudonyms.resolve(asked[:1])
    before, begun = _served(vault), time.process_time()
    pseudonyms.resolve(asked)
    ours, theirs = time.process_time() - begun, _served(vault) - before
    return (ours + theirs) / len(asked) * 1e6


def _served(vault: Vault) -> float:
    """Seconds of processor time that PostgreSQL's process has spent on our connection; 0 for SQLite."""
    if vault.engine.dialect.name == "sqlite":
        return 0.0
    with vault.session(read_only=True) as session:
        pid = session.execute(text("SELECT pg_backend_pid()")).scalar_one()
    return int(Path(f"/proc/{pid}/schedstat").read_text("ascii").split()[0]) / 1e9


def _scanned(first: int, count: int) -> list[Original]:
    return [
        Original(Kind.UID, f"1.2.826.0.1.3680043.10.{number}.{number % 977}") for number in range(first, first + count)
    ]


def _pseudonymous(first: int, count: int) -> list[Original]:
    """Numbers that look random and never repeat: an odd factor permutes the numbers below 2 to the power of 128."""
    factor = 0x9E3779B97F4A7C15F39CC0605CEDC835
    return [
        Original(Kind.UID, f"2.25.{number * factor % (1 << 128)}") for number in range(first + 1, first + count + 1)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="*", default=SIZES)
    asked = parser.parse_args()
    console = Console(width=120)
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o711)  # PostgreSQL's own user has to reach its folder
        for shown in tables(Path(name), tuple(asked.rows)):
            console.print(shown)


if __name__ == "__main__":
    main()
