"""The demo's archive and the key tables of its trials."""

from __future__ import annotations

import csv
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from io import StringIO
from pathlib import Path

from pydicom.dataset import FileDataset
from pydicom.uid import RLELossless

from pacs2trial_demo.download import DownloadError, eclipse_files
from pacs2trial_demo.generate import RT_PARTS, StudyContext, study, write
from pacs2trial_demo.identities import (
    IDENTITIES,
    LUCZYNSKA,
    OXENBARGER,
    THRUMMINGTON,
    VANDENBROUCKX,
    YAMASHIROGI,
    Identity,
)
from pacs2trial_demo.library import eclipse_study, small_mr

_MARK = "demo-data.json"
_SOURCES = ("identities.py", "library.py", "rasterize.py", "download.py", "populate.py")


@dataclass(frozen=True)
class KeyTable:
    """Whom one demo trial enrols, by subject key."""

    file: str
    subjects: Mapping[str, Identity]


KEY_TABLES: Mapping[str, KeyTable] = {
    "DEMO-LUNG": KeyTable("demo_lung.csv", {"DL-001": LUCZYNSKA, "DL-002": OXENBARGER, "DL-003": VANDENBROUCKX}),
    "DEMO-PLAN": KeyTable("demo_plan.csv", {"DP-001": LUCZYNSKA, "DP-002": YAMASHIROGI}),
    "DEMO-REVIEW": KeyTable("demo_review.csv", {"DR-001": LUCZYNSKA, "DR-002": OXENBARGER}),
}
"""By trial. One patient is in all; one with an ultrasound is in the second; one of the archive is in none."""


@dataclass(frozen=True)
class Populated:
    """What lies in the archive. ``note`` says in one line what is missing, if anything."""

    patients: int
    instances: int
    size: int
    note: str = ""

    def __str__(self) -> str:
        text = f"{self.patients} patients, {self.instances} instances, {self.size / 1e6:.0f} MB"
        return f"{text} ({self.note})" if self.note else text


def populate(folder: Path, *, downloads: Path | None = None, slices: int = 40) -> Populated:
    """Fill ``folder`` with the demo's studies; nothing is done when they already lie there.

    Args:
        folder: the archive of the demo PACS.
        downloads: where the real Eclipse plan is fetched to and kept; without it, or without a network, a generated
            study takes its place and the note says so.
        slices: of each generated planning CT; the demo's 40 make about 50 MB in all.
    """
    present = _present(folder)
    if present is not None and not (present.note and downloads is not None):
        return present
    eclipse, note = _eclipse(downloads)
    if present is not None and eclipse is None:
        return present
    folder.mkdir(parents=True, exist_ok=True)
    (folder / _MARK).unlink(missing_ok=True)
    files: dict[str, int] = {}
    for identity, when, objects in _studies(eclipse, slices):
        target = folder / str(identity.number) / f"{when:%Y%m%d}"
        for ds in objects:
            path = write(ds, target)
            files[str(path.relative_to(folder))] = path.stat().st_size
    mark = {"made_by": _generator_digest(), "note": note, "files": files}
    (folder / _MARK).write_text(json.dumps(mark), "utf-8")
    return Populated(len(IDENTITIES), len(files), sum(files.values()), note)


def write_key_tables(folder: Path) -> list[Path]:
    """Write each trial's key table into ``folder`` for its owner's eyes only (mode 0600)."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    written = []
    for table in KEY_TABLES.values():
        text = StringIO()
        rows = csv.writer(text, lineterminator="\n")
        rows.writerow(("patient_id", "subject_key"))
        rows.writerows((identity.patient_id, key) for key, identity in table.subjects.items())
        path = folder / table.file
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(text.getvalue())
        written.append(path)
    return written


def _studies(eclipse: Mapping[str, bytes] | None, slices: int) -> Iterator[tuple[Identity, date, list[FileDataset]]]:
    """Every study of the archive, made when its turn comes."""
    for identity, when, parts in (
        (LUCZYNSKA, date(2024, 3, 13), RT_PARTS),
        (OXENBARGER, date(2024, 4, 2), RT_PARTS),
        (YAMASHIROGI, date(2024, 3, 27), RT_PARTS | {"US"}),
    ):
        yield identity, when, study(identity, when=when, parts=parts, slices=slices)
    yield LUCZYNSKA, date(2024, 6, 20), study(LUCZYNSKA, when=date(2024, 6, 20), parts={"CT"}, slices=8)
    yield OXENBARGER, date(2024, 7, 15), _compressed_follow_up()
    planned = StudyContext(VANDENBROUCKX, date(2024, 5, 7))
    if eclipse is not None:
        yield planned.identity, planned.when, eclipse_study(planned, eclipse)
    else:
        yield planned.identity, planned.when, study(planned.identity, when=planned.when, slices=slices)
    scanned = StudyContext(THRUMMINGTON, date(2024, 2, 14))
    yield THRUMMINGTON, scanned.when, [*study(THRUMMINGTON, when=scanned.when, parts={"MR"}), small_mr(scanned)]


def _compressed_follow_up() -> list[FileDataset]:
    """A short CT whose pixels the archive keeps in RLE."""
    objects = study(OXENBARGER, when=date(2024, 7, 15), parts={"CT"}, slices=6)
    for ds in objects:
        ds.compress(RLELossless, generate_instance_uid=False)
    return objects


def _eclipse(downloads: Path | None) -> tuple[dict[str, bytes] | None, str]:
    if downloads is None:
        return None, "generated data only"
    try:
        return eclipse_files(downloads), ""
    except DownloadError as error:
        return None, f"generated data only: {error}"


def _present(folder: Path) -> Populated | None:
    """What an earlier call left in ``folder``, if it was made by this very code and is whole."""
    try:
        mark = json.loads((folder / _MARK).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    files: dict[str, int] = mark["files"]
    if mark["made_by"] != _generator_digest():
        return None
    if any(not (folder / name).is_file() or (folder / name).stat().st_size != size for name, size in files.items()):
        return None
    return Populated(len(IDENTITIES), len(files), sum(files.values()), mark["note"])


def _generator_digest() -> str:
    """Digest of the code that makes the data, so that a newer generator makes it anew."""
    here = Path(__file__).parent
    sources = [*sorted((here / "generate").glob("*.py")), *(here / name for name in _SOURCES)]
    return hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()
