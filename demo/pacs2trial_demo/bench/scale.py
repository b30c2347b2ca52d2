"""What a study costs as a trial grows: planning and balance on a faked PACS, from 1,000 to 100,000 studies.

``python -m pacs2trial_demo.bench.scale`` makes two sites on SQLite, has both plan everything, then measures both in
turns: this machine's speed may change by a factor of two within minutes, the ratio of neighbours does not.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import tempfile
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from unittest.mock import patch

from rich.console import Console
from rich.table import Table

from pacs2trial.keytable import import_key_table, read_key_table
from pacs2trial.network.archive import Archive
from pacs2trial.network.results import InstanceFound, SeriesFound, StudyFound
from pacs2trial.network.webpeer import Node
from pacs2trial.retrieve import plan
from pacs2trial.staging.balance import balance
from pacs2trial.workspace import Workspace
from pacs2trial_demo.bench.site import new_site

SIZES = (1_000, 100_000)
STUDIES = 5
"""Studies of a patient, four weeks apart."""
BATCH = 10
"""Subjects that one call plans, as one task does."""
TRIAL = "SCALE"
_ROUNDS = 15
_FIRST = date(2015, 1, 5)
_CT = "1.2.840.10008.5.1.4.1.1.2"


@dataclass(frozen=True)
class FakedPacs:
    """Answers C-FIND from nothing but the patient ID: each patient has :data:`STUDIES` of one CT series."""

    instances_of_study: int

    def studies(self, patient_id: str, date_from: date | None = None, date_to: date | None = None) -> list[StudyFound]:
        found = [
            StudyFound(
                f"1.2.826.0.1.{int(patient_id)}.{number}", patient_id, "", "", _FIRST + number * timedelta(days=28)
            )
            for number in range(STUDIES)
        ]
        first, last = date_from or date.min, date_to or date.max
        return [one for one in found if one.study_date is not None and first <= one.study_date <= last]

    def series(self, study: StudyFound, modalities: Collection[str] = ()) -> list[SeriesFound]:
        return [SeriesFound(study.study, f"{study.study}.1", "CT")]

    def instances(self, series: SeriesFound) -> list[InstanceFound]:
        numbers = range(self.instances_of_study)
        return [InstanceFound(series.study, series.series, f"{series.series}.{number}", _CT) for number in numbers]


class Site:
    """A trial with so many studies, all of them planned."""

    def __init__(self, home: Path, studies: int, instances: int) -> None:
        self.studies = studies
        self._keys = [f"S{number:06d}" for number in range(studies // STUDIES)]
        self._turn = 0
        self.ws = _workspace(home, self._keys)
        with _instead_of_a_pacs(FakedPacs(instances)):
            for start in range(0, len(self._keys), BATCH):
                plan.plan_run(self.ws, TRIAL, subjects=self._keys[start : start + BATCH])

    def plan_and_balance(self) -> tuple[float, float]:
        """Milliseconds of processor time for one study: to plan the next batch again, and to strike its balance."""
        begin = (self._turn * BATCH) % len(self._keys)
        keys, self._turn = self._keys[begin : begin + BATCH], self._turn + 1
        studies = len(keys) * STUDIES
        begun = time.process_time()
        plan.plan_run(self.ws, TRIAL, subjects=keys)
        planned = time.process_time()
        balance(self.ws.vault, TRIAL, keys)
        return (planned - begun) / studies * 1e3, (time.process_time() - planned) / studies * 1e3

    def kilobytes(self) -> float:
        """What a study takes in the vault's file."""
        return (self.ws.settings.home / "vault.db").stat().st_size / self.studies / 1e3


@dataclass(frozen=True)
class Cost:
    """Of one study: milliseconds of processor time, ratios to the first size (medians of neighbours), kB of database.

    ``whole_balance`` is the balance of the whole trial, for one study.
    """

    studies: int
    planning: float
    planning_ratio: float
    balance: float
    balance_ratio: float
    whole_balance: float
    kilobytes: float


def costs(folder: Path, sizes: Sequence[int] = SIZES, instances: int = 10, rounds: int = _ROUNDS) -> list[Cost]:
    """What one study costs at each of ``sizes``, each at a site of its own, measured in turns."""
    sites = [Site(folder / str(size), size, instances) for size in sizes]
    turns = [[site.plan_and_balance() for site in sites] for _ in range(rounds)]
    return [
        Cost(
            site.studies,
            statistics.median(turn[place][0] for turn in turns),
            statistics.median(turn[place][0] / turn[0][0] for turn in turns),
            statistics.median(turn[place][1] for turn in turns),
            statistics.median(turn[place][1] / turn[0][1] for turn in turns),
            _whole_balance(site),
            site.kilobytes(),
        )
        for place, site in enumerate(sites)
    ]


def _whole_balance(site: Site) -> float:
    begun = time.process_time()
    balance(site.ws.vault, TRIAL)
    return (time.process_time() - begun) / site.studies * 1e3


def _workspace(folder: Path, keys: Sequence[str]) -> Workspace:
    rows = [(f"{number + 1:08d}", key) for number, key in enumerate(keys)]
    definition = {"subject_key": "S[0-9]{6}", "source": {"pacs": "faked", "modalities": ["CT"]}}
    settings = new_site(folder, TRIAL, rows, definition, durable=False)
    settings.connections_path.write_text(
        json.dumps({"faked": {"conn_type": "dicom", "host": "127.0.0.1", "port": 104, "extra": {"aet": "FAKED"}}})
    )
    settings.connections_path.chmod(0o600)
    ws = Workspace.open(settings)
    import_key_table(ws.vault, ws.definition(TRIAL), read_key_table(settings.keys / f"{TRIAL}.csv"), actor="bench")
    return ws


@contextmanager
def _instead_of_a_pacs(pacs: FakedPacs) -> Iterator[None]:
    """Let planning ask ``pacs`` and open no connection."""

    @contextmanager
    def faked(_node: Node) -> Iterator[Archive]:
        yield pacs

    with patch.object(plan, "archive", faked):
        yield


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--studies", type=int, nargs="*", default=SIZES)
    parser.add_argument("--instances", type=int, default=10, help="of a study")
    asked = parser.parse_args()
    shown = Table(title=f"one study of {asked.instances} instances, processor time", title_justify="left")
    for heading in ("studies", "planning ms", "x first", "balance ms", "x first", "whole balance ms", "database kB"):
        shown.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as name, _instead_of_a_pacs(FakedPacs(asked.instances)):
        for cost in costs(Path(name), asked.studies, asked.instances):
            shown.add_row(
                f"{cost.studies:,}",
                f"{cost.planning:.2f}",
                f"{cost.planning_ratio:.2f}",
                f"{cost.balance:.3f}",
                f"{cost.balance_ratio:.2f}",
                f"{cost.whole_balance:.3f}",
                f"{cost.kilobytes:.1f}",
            )
    console = Console(width=120)
    console.print(shown)
    console.print(f"most memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3:.0f} MB")


if __name__ == "__main__":
    main()
