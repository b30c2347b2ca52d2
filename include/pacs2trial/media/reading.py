"""Files of a disk, opened so that nothing but a file is read, and that one as a whole or not at all."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pacs2trial.media.limits import LIMITS


class ChangedError(OSError):
    """The file was written to while it was read: what was read may be neither the old one nor the new one."""


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """A regular file, open for reading; links are not followed, and a FIFO does not stop us.

    Raises:
        OSError: it cannot be opened, or is no regular file.
        ChangedError: after the work, if somebody wrote to it meanwhile.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    with os.fdopen(descriptor, "rb") as file:
        before = os.fstat(descriptor)
        if not stat.S_ISREG(before.st_mode):
            raise OSError("no regular file")
        yield file
        after = os.fstat(descriptor)
        if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
            raise ChangedError("written to while it was read")


def read_file(path: Path) -> bytes:
    """The whole file.

    Raises:
        OSError: as for :func:`opened`, or it is larger than an object can be.
    """
    with opened(path) as file:
        data = file.read(LIMITS.member + 1)
        if len(data) > LIMITS.member:
            raise OSError("larger than an object can be")
        return data


def why(error: Exception) -> str:
    """What a person is told about a file that cannot be read; no message of the system, which names the file."""
    if isinstance(error, ChangedError):
        return "was written to while it was read; offer it again when it is complete"
    if isinstance(error, PermissionError):
        return "cannot be read: permission denied"
    return f"cannot be read ({type(error).__name__})"
