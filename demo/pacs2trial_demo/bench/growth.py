"""What an instance costs as staging grows: milliseconds of stage 1, from 1,000 to 100,000 staged instances.

``python -m pacs2trial_demo.bench.growth`` fills two sites with small MR images and stages more in both, in turns.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from pydicom.uid import UID
from rich.console import Console
from rich.table import Table

from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.settings import Settings
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import InstanceState
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import part10, study
from pacs2trial_demo.identities import IDENTITIES

SIZES = (1_000, 100_000)
_SERIES = 100
"""Instances of a series; a study has one."""
_ROUNDS = 20
_WHEN = date(2024, 3, 13)


@dataclass(frozen=True)
class Cost:
    """Milliseconds of processor time for one instance: the median over series, and the ratio to the first size.

    The ratio is the median of pairs that were taken one right after the other.
    """

    staged: int
    milliseconds: float
    ratio: float


class Site:
    """A site of its own in which so many instances are staged."""

    def __init__(self, home: Path, template: bytes, staged: int) -> None:
        settings = Settings(home=home, trials=home, durable=False, minimum_free_mb=0)
        Vault.create(settings)
        self._ws = Workspace.open(settings)
        self._template = template
        self._series = 0
        self.staged = staged
        while self._series * _SERIES < staged:
            self.stage_series()

    def stage_series(self) -> float:
        """Stage one series more; milliseconds of processor time for each of its instances."""
        self._series += 1
        objects = [self._made(number) for number in range(_SERIES)]
        begun = time.process_time()
        outcomes = {stage_part10(self._ws, one, source="bench").outcome for one in objects}
        taken = time.process_time() - begun
        if outcomes != {InstanceState.STAGED}:
            raise RuntimeError(f"not all instances were staged: {sorted(outcomes)}")
        return taken / _SERIES * 1e3

    def _made(self, number: int) -> bytes:
        """The template with other UIDs of the same length; they count up, as a scanner's do."""
        series = self._template.replace(f".{_WHEN:%Y%m%d}.".encode(), f".{self._series:08d}.".encode())
        return series.replace(_INSTANCE, f".{number + 10_000_000}".encode())


_INSTANCE = b".19999999"
"""How the template's own SOP Instance UID ends."""


def template() -> bytes:
    """A small MR image, the end of whose SOP Instance UID is :data:`_INSTANCE`."""
    (image,) = study(IDENTITIES[0], when=_WHEN, parts={"MR"}, mr_slices=1, mr_matrix=32)
    root = str(image.SOPInstanceUID).rpartition(".")[0]
    image.SOPInstanceUID = image.file_meta.MediaStorageSOPInstanceUID = UID(root + _INSTANCE.decode())
    return part10(image)


def costs(folder: Path, sizes: Sequence[int] = SIZES, rounds: int = _ROUNDS) -> list[Cost]:
    """What one instance costs at each of ``sizes``, each at a site of its own, measured in turns."""
    made = template()
    sites = [Site(folder / str(staged), made, staged) for staged in sizes]
    turns = [[site.stage_series() for site in sites] for _ in range(rounds)]
    return [
        Cost(
            staged,
            statistics.median(turn[place] for turn in turns),
            statistics.median(turn[place] / turn[0] for turn in turns),
        )
        for place, staged in enumerate(sizes)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--staged", type=int, nargs="*", default=SIZES)
    asked = parser.parse_args()
    shown = Table(title="stage 1 of small MR images: processor time per instance", title_justify="left")
    for heading in ("staged before", "ms", "x first"):
        shown.add_column(heading, justify="right")
    with tempfile.TemporaryDirectory() as name:
        for cost in costs(Path(name), asked.staged):
            shown.add_row(f"{cost.staged:,}", f"{cost.milliseconds:.2f}", f"{cost.ratio:.2f}")
    Console(width=120).print(shown)


if __name__ == "__main__":
    main()
