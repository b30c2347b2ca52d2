"""The place of packages and of what lies beside them, by names such as ``LUNGART/LA-001.zip``; and the folder."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class There:
    """What a place says of a file without reading it.

    Attributes:
        size: bytes.
        written: when, in seconds since 1970.
        mark: what is another when the file was written anew; JSON.
    """

    size: int
    written: float
    mark: list[int | str]


def receipt_name(package: str) -> str:
    """``<package>.receipt.json``, the name beside that of a package: clock, versions, proofs, deliveries."""
    return f"{package}.receipt.json"


class Packages(Protocol):
    """Keeps finished files whole under their names. Who writes or reads one holds the lock of its subject.

    Every method raises TransientError where repeating may help and PermanentError where it will not.
    """

    folder: Path
    """Below it a file is written, under its name, before it is kept."""

    def address(self, name: str) -> str:
        """What a person is told of where a file is kept."""
        ...

    def draft(self, name: str) -> Path:
        """Where to write what :meth:`keep` takes; its folder is there."""
        ...

    def keep(self, name: str) -> None:
        """Take over the file that was written under ``name``; from now on it is there for good.

        If that fails, what stands under the name is whole still: the file before, or the new one, or none.
        """
        ...

    def reading(self, name: str, sha256: str = "") -> AbstractContextManager[Path]:
        """A local file with what is kept under ``name``, for as long as the block lasts; none where nothing is kept.

        Args:
            name: of the file.
            sha256: what a place that brings the bytes from elsewhere lets through, if given; readers look themselves.
        """
        ...

    def there(self, name: str) -> There | None:
        """What is known of a file; None where there is none."""
        ...

    def holds(self, name: str, size: int, sha256: str) -> bool:
        """Whether just this content is kept under ``name``."""
        ...

    def absent(self, names: Iterable[str]) -> set[str]:
        """Those under whose names nothing is kept."""
        ...

    def below(self, folder: str) -> list[str]:
        """The names of everything in a folder, such as that of a trial, sorted."""
        ...

    def remove(self, *names: str) -> None:
        """Let files go; what is not there need not."""
        ...


class FolderPackages:
    """A folder that all workers see. A file is kept by being written there, and read where it lies."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def address(self, name: str) -> str:
        return str(self.folder / name)

    def draft(self, name: str) -> Path:
        return self.folder / name

    def keep(self, name: str) -> None:
        """Nothing is left to do: whole and durable is how it came under its name."""

    @contextmanager
    def reading(self, name: str, sha256: str = "") -> Iterator[Path]:
        yield self.folder / name

    def there(self, name: str) -> There | None:
        try:
            told = (self.folder / name).stat()
        except OSError:
            return None
        if not stat.S_ISREG(told.st_mode):
            return None
        return There(told.st_size, told.st_mtime, [told.st_size, told.st_mtime_ns])

    def holds(self, name: str, size: int, sha256: str) -> bool:
        told = self.there(name)
        return told is not None and told.size == size and sha256_of(self.folder / name) == sha256

    def absent(self, names: Iterable[str]) -> set[str]:
        return {name for name in names if not (self.folder / name).is_file()}

    def below(self, folder: str) -> list[str]:
        return sorted(
            path.relative_to(self.folder).as_posix() for path in (self.folder / folder).rglob("*") if path.is_file()
        )

    def remove(self, *names: str) -> None:
        for name in names:
            (self.folder / name).unlink(missing_ok=True)


def sha256_of(path: Path) -> str:
    """SHA-256 of a local file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
