"""Files, folders and zips through stage 1; a zip is read in memory, so nothing of it ever lies unpacked on disk."""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pacs2trial.errors import InputError, UnsafeObjectError
from pacs2trial.intake.stage1 import NO_OBJECT, Staged, stage_part10
from pacs2trial.vault.tables import InstanceState
from pacs2trial.workspace import Workspace

Progress = Callable[[int], None]
"""Called after each file with the number of files done so far."""

_PREFIX = b"DICM"
_PREFIX_AT = 128
_MEMBER_LIMIT = 4 * 2**30
_ENCRYPTED = 0x1


@dataclass
class StagePathsReport:
    """What became of the files that were offered: ``files = staged + duplicates + quarantined + rejected + not_dicom``
    plus those that could not be read, which ``problems`` lists.

    ``problems`` tells a file by its place in the sorted list of its argument, not by its name: folders and files of
    hospitals are often named after patients.
    """

    files: int = 0
    staged: int = 0
    duplicates: int = 0
    quarantined: int = 0
    rejected: int = 0
    not_dicom: int = 0
    problems: list[str] = field(default_factory=list)

    def count(self, staged: Staged | None) -> None:
        """Count one file; None stands for a file that is no DICOM object."""
        if staged is None:
            self.not_dicom += 1
        elif not staged.new:
            self.duplicates += 1
        elif staged.outcome is InstanceState.STAGED:
            self.staged += 1
        elif staged.outcome is InstanceState.REJECTED:
            self.rejected += 1
        else:
            self.quarantined += 1


def stage_file(ws: Workspace, path: Path, *, source: str = "file") -> Staged | None:
    """Take in one Part 10 file; None when it is no DICOM object, or the directory of a medium (PS3.3 F.3).

    Raises:
        TransientError: disk or vault failed; nothing is kept that counts.
        OSError: the file cannot be read.
    """
    return _stage_bytes(ws, path.read_bytes(), source)


def stage_paths(
    ws: Workspace, paths: Sequence[Path], *, source: str = "file", progress: Progress | None = None
) -> StagePathsReport:
    """Take in files, the files of folders at any depth, and the members of zips among them.

    Args:
        ws: the site.
        paths: what the person named.
        source: what the ledger says of the origin.
        progress: told after each file.

    Raises:
        InputError: a path does not exist; nothing is taken in.
        TransientError: disk or vault failed; what was taken in before is kept, and a repetition counts it once.
    """
    lost = [f"argument {number}: no such file or folder" for number, path in enumerate(paths, 1) if not path.exists()]
    if lost:
        raise InputError(*lost)
    report = StagePathsReport()
    for number, path in enumerate(paths, 1):
        files = sorted(found for found in path.rglob("*") if found.is_file()) if path.is_dir() else [path]
        for place, file in enumerate(files, 1):
            where = f"argument {number}, file {place} of {len(files)}"
            for label, read in _contents(file, where, report):
                report.files += 1
                try:
                    report.count(_stage_bytes(ws, read(), source))
                except (OSError, zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
                    report.problems.append(f"{label}: cannot be read ({type(error).__name__})")
                if progress is not None:
                    progress(report.files)
    return report


def _contents(file: Path, where: str, report: StagePathsReport) -> Iterator[tuple[str, Callable[[], bytes]]]:
    """One pair of label and reader for each object that a file may hold; a zip holds one for each member."""
    try:
        is_zip = zipfile.is_zipfile(file) and not _is_part10(file)
        archive = zipfile.ZipFile(file) if is_zip else None
    except (OSError, zipfile.BadZipFile) as error:
        report.files += 1
        report.problems.append(f"{where}: cannot be read ({type(error).__name__})")
        return
    if archive is None:
        yield where, file.read_bytes
        return
    with archive:
        members = sorted((member for member in archive.infolist() if not member.is_dir()), key=lambda m: m.filename)
        for place, member in enumerate(members, 1):
            label = f"{where}, member {place} of {len(members)}"
            if member.flag_bits & _ENCRYPTED or member.file_size > _MEMBER_LIMIT:
                report.files += 1
                fault = "is encrypted" if member.flag_bits & _ENCRYPTED else f"is larger than {_MEMBER_LIMIT >> 30} GB"
                report.problems.append(f"{label}: {fault}")
                continue
            yield label, _reader(archive, member)


def _reader(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Callable[[], bytes]:
    """Reads one member, and never more than its directory entry admits: a bomb cannot unfold."""

    def read() -> bytes:
        with archive.open(member) as stream:
            return stream.read(member.file_size)

    return read


def _is_part10(file: Path) -> bool:
    with file.open("rb") as stream:
        return stream.read(_PREFIX_AT + len(_PREFIX))[_PREFIX_AT:] == _PREFIX


def _stage_bytes(ws: Workspace, data: bytes, source: str) -> Staged | None:
    try:
        return stage_part10(ws, data, source=source)
    except UnsafeObjectError as unsafe:
        if unsafe.reason not in NO_OBJECT:
            raise
        return None
