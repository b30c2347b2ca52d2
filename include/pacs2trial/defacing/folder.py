"""A folder for faces while a program looks at them: nobody else can read it, and it does not stay.

Staged objects name nobody, but a face does. So the folder lies in memory where it fits, else in the site's home, beside
the staging store that holds the same images.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from pacs2trial.errors import TransientError

MEMORY: Final = Path("/dev/shm")  # noqa: S108  # folders made in it are private and owned
NAME: Final = "pacs2trial-faces"


@contextmanager
def private_folder(home: Path, size: int) -> Iterator[Path]:
    """An empty folder, mode 0700, that is gone afterwards.

    Those that a killed process left are removed first. A folder is in use while its process holds a lock on it.

    Args:
        home: of the site.
        size: bytes that are to be put there; if there is no room in memory it lies in ``home``.

    Raises:
        TransientError: the disk refuses.
    """
    try:
        place = _place(home, size)
        with _locked(place):
            _sweep(place)
            folder = Path(tempfile.mkdtemp(dir=place))
            held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
            fcntl.flock(held, fcntl.LOCK_EX)
    except OSError as error:
        raise TransientError(f"no folder for a program that removes faces can be made: {error.strerror}") from None
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(held)


def _place(home: Path, size: int) -> Path:
    """The folder in which such folders are made."""
    in_memory = MEMORY / f"{NAME}-{os.getuid()}"
    if MEMORY.is_dir() and os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free >= size:
        in_memory.mkdir(mode=0o700, exist_ok=True)
        if _is_own(in_memory):
            return in_memory
    on_disk = home / NAME
    on_disk.mkdir(mode=0o700, exist_ok=True)
    return on_disk


def _is_own(folder: Path) -> bool:
    """Whether nobody else made it or can look into it: others may write beside it."""
    found = folder.lstat()
    return stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() and not stat.S_IMODE(found.st_mode) & 0o077


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    held = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(held, fcntl.LOCK_EX)
        yield
    finally:
        os.close(held)


def _sweep(place: Path) -> None:
    for folder in place.iterdir():
        held = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(held)
