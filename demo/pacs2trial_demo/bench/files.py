"""The files that the bench works on: made by the generator, written once per run."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from pacs2trial_demo.generate import part10, study
from pacs2trial_demo.identities import IDENTITIES

_WHEN = date(2024, 3, 13)


def write_sets(folder: Path) -> Mapping[str, list[Path]]:
    """CT slices of 512x512, small MR slices, and a structure set of some MB, each in a folder of its own."""
    who = IDENTITIES[0]
    objects = {
        "CT": study(who, when=_WHEN, parts={"CT"}, slices=100, matrix=512, thickness=1.0),
        "MR": study(who, when=_WHEN, parts={"MR"}),
        "RTSTRUCT": study(who, when=_WHEN, parts={"RTSTRUCT"}, slices=300, matrix=512, thickness=1.0),
    }
    sets: dict[str, list[Path]] = {}
    for name, datasets in objects.items():
        (folder / name).mkdir(parents=True)
        sets[name] = []
        for number, dataset in enumerate(datasets):
            path = folder / name / f"{number:05d}.dcm"
            path.write_bytes(part10(dataset))
            sets[name].append(path)
    return sets
