"""A file that appears whole under its name, or not at all."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedRandom
from pathlib import Path

from pacs2trial.errors import TransientError


@contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[BufferedRandom]:
    """Write ``path`` through ``.<name>.part`` beside it, which takes its place when the block ends without an error.

    The caller holds the lock of the file, so the temporary name is fixed and what a killed process left behind is
    simply written over. With ``durable`` file and folder are flushed before and after the change of names.

    Raises:
        TransientError: the disk is full or cannot be written; nothing has changed under ``path``.
    """
    part = path.with_name(f".{path.name}.part")
    try:
        new_folder = not path.parent.exists()
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        with part.open("w+b") as file:
            yield file
            file.flush()
            if durable:
                os.fsync(file.fileno())
        part.replace(path)
        if durable:
            flush_folder(path.parent)
            if new_folder:
                flush_folder(path.parent.parent)
    except OSError as error:
        _remove(part)
        raise TransientError(f"{path} cannot be written: {error.strerror or type(error).__name__}") from error
    except BaseException:
        _remove(part)
        raise


def _remove(part: Path) -> None:
    with suppress(OSError):
        part.unlink()


def flush_folder(folder: Path) -> None:
    """Make a change of names in ``folder`` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def file_sha256(path: Path) -> str:
    """SHA-256 of a file, read in pieces."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
