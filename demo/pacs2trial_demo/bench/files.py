"""The files that the bench works on: made by the generator, written once per run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from pathlib import Path

from pydicom.dataset import FileDataset

from pacs2trial_demo.generate import part10, study
from pacs2trial_demo.identities import IDENTITIES

_WHEN = date(2024, 3, 13)


def write_sets(
    folder: Path, *, slices: int = 100, mr_slices: int = 200, structure_sets: int = 4
) -> Mapping[str, list[Path]]:
    """CT slices of 512 x 512, MR slices of 256 x 256 (134 kB), and structure sets of 5 MB, each in an own folder."""
    who = IDENTITIES[0]
    return {
        "CT": _write(folder / "CT", study(who, when=_WHEN, parts={"CT"}, slices=slices, matrix=512, thickness=1.0)),
        "MR": _write(folder / "MR", study(who, when=_WHEN, parts={"MR"}, mr_slices=mr_slices, mr_matrix=256)),
        "RTSTRUCT": _write(folder / "RTSTRUCT", _structure_sets(structure_sets)),
    }


def _structure_sets(number: int) -> Iterable[FileDataset]:
    for identity in IDENTITIES[:number]:
        yield from study(identity, when=_WHEN, parts={"RTSTRUCT"}, slices=250, thickness=1.0, contour_density=2)


def _write(folder: Path, objects: Iterable[FileDataset]) -> list[Path]:
    folder.mkdir(parents=True)
    paths = []
    for number, dataset in enumerate(objects):
        path = folder / f"{number:05d}.dcm"
        path.write_bytes(part10(dataset))
        paths.append(path)
    return paths
