"""Files, folders, archives and DICOM media through stage 1; nothing of them ever lies unpacked on disk (promise 1)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pacs2trial.errors import BalanceError, InputError, UnsafeObjectError
from pacs2trial.intake.crew import Crew, Outcome
from pacs2trial.intake.stage1 import NO_OBJECT, Staged, stage_part10
from pacs2trial.media import LIMITS, Limits, Member, NoObject, Offered, PassedOver, PlainFile, Unread, offered
from pacs2trial.media.directory import Volume
from pacs2trial.workspace import Workspace

Progress = Callable[[int], None]
"""Called after each file with the number of files done so far."""


@dataclass
class StagePathsReport:
    """What became of the files that were offered, each in exactly one place.

    ``files = staged + duplicates + quarantined + rejected + not_dicom + passed_over + unread``. ``duplicates`` had been
    received before. ``passed_over`` are links, whose targets are counted where they lie, and what is no file.
    ``unread`` are files that could not be read, and rests of archives; ``problems`` says why, and tells of what a
    DICOMDIR names that is not there (``missing``).

    Files are told by their place in the sorted list of their argument, not by their names: folders and files of
    hospitals are often named after patients.
    """

    files: int = 0
    staged: int = 0
    duplicates: int = 0
    quarantined: int = 0
    rejected: int = 0
    not_dicom: int = 0
    passed_over: int = 0
    unread: int = 0
    missing: int = 0
    problems: list[str] = field(default_factory=list)


def stage_file(ws: Workspace, path: Path, *, source: str = "file") -> Staged | None:
    """Take in one Part 10 file; None when it is no DICOM object, or the directory of a medium (PS3.3 F.3).

    Raises:
        TransientError: disk or vault failed; nothing is kept that counts.
        OSError: the file cannot be read.
    """
    try:
        return stage_part10(ws, path.read_bytes(), source=source)
    except UnsafeObjectError as unsafe:
        if unsafe.reason not in NO_OBJECT:
            raise
        return None


def stage_paths(
    ws: Workspace,
    paths: Sequence[Path],
    *,
    source: str = "file",
    progress: Progress | None = None,
    limits: Limits = LIMITS,
    processes: int = 1,
) -> StagePathsReport:
    """Take in files, the files of folders at any depth, the members of archives, and what a DICOMDIR names.

    Args:
        ws: the site.
        paths: what the person named.
        source: what the ledger says of the origin.
        progress: told after each file.
        limits: how far archives are followed.
        processes: that work at a time; with more than one each opens the vault for itself.

    Raises:
        InputError: a path does not exist; nothing is taken in.
        TransientError: disk or vault failed, or a process was killed; what was taken in before is kept, and a
            repetition counts it once.
        BalanceError: a file is not accounted for.
    """
    lost = [f"argument {number}: no such file or folder" for number, path in enumerate(paths, 1) if not path.exists()]
    if lost:
        raise InputError(*lost)
    with Crew(ws, source, processes) as crew:
        account = _Account(crew, progress)
        account.take(offered(paths, limits))
    return account.closed()


class _Account:
    """Hands out what there is to stage and counts what comes of it."""

    def __init__(self, crew: Crew, progress: Progress | None) -> None:
        self._crew = crew
        self._progress = progress
        self._report = StagePathsReport()
        self._ends: Counter[Outcome] = Counter()
        self._volumes: dict[int, tuple[str, Volume]] = {}

    def take(self, offers: Iterable[Offered]) -> None:
        for one in offers:
            self._report.files += 1
            self._volumes.setdefault(id(one.at.volume), (one.at.label.rpartition(", ")[0], one.at.volume))
            match one:
                case PlainFile() | Member():
                    self._crew.stage(one)
                case NoObject():
                    self._settle(one, Outcome.NOT_DICOM)
                case PassedOver():
                    self._settle(one, Outcome.PASSED_OVER)
                case Unread():
                    self._settle(one, Outcome.UNREAD, one.fault)
            for done in self._crew.done():
                self._settle(*done)
        for done in self._crew.rest():
            self._settle(*done)

    def closed(self) -> StagePathsReport:
        """The report, once everything that was offered has come to an end."""
        for outcome, number in self._ends.items():
            setattr(self._report, outcome, number)
        if self._ends.total() != self._report.files:
            raise BalanceError(f"{self._report.files} files were offered and {self._ends.total()} accounted for")
        for label, volume in self._volumes.values():
            self._report.missing += volume.missing
            self._report.problems += [f"{label}: {problem}" for problem in volume.problems()]
        return self._report

    def _settle(self, one: Offered, outcome: Outcome, fault: str = "") -> None:
        self._ends[outcome] += 1
        one.at.volume.holds(one.at.name, settled=outcome is not Outcome.NOT_DICOM)
        if fault:
            self._report.problems.append(f"{one.at.label}: {fault}")
        if self._progress is not None:
            self._progress(self._ends.total())
