"""Files that are whole or absent."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

from typing_extensions import Buffer

TEMPORARY_SUFFIX = ".tmp"
"""Ends the name of a file that is being written; such a file is rubbish once its writer is gone."""

_PARTS_AT_ONCE = 512


def write_durably(path: Path, parts: Iterable[Buffer], *, durable: bool = True) -> None:
    """Write ``parts`` one after another into ``path``, a sequence of them in as few calls as can be; make its folders.

    The file is written under another name in the same folder and renamed when it is whole. When this returns and
    ``durable`` is true, file, name and new folders have reached the disk. Names are put together as text: for a small
    file, path objects cost as much as its creation.

    Raises:
        OSError: disk full, no permission and the like; nothing is left behind then.
    """
    temporary = f"{os.path.dirname(path) or os.curdir}/.{secrets.token_hex(8)}{TEMPORARY_SUFFIX}"  # noqa: PTH120
    made: list[Path] = []
    try:
        descriptor = _create(temporary)
    except FileNotFoundError:
        made = _make_folders(path.parent)
        descriptor = _create(temporary)
    try:
        try:
            for together in [parts] if isinstance(parts, Sequence) else ([part] for part in parts):
                _write(descriptor, together)
            if durable:
                os.fsync(descriptor)
        finally:
            os.close(descriptor)
        os.replace(temporary, path)  # noqa: PTH105
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
    if durable:
        for folder in (path.parent, *made):
            _flush_folder(folder)


def _create(name: str) -> int:
    return os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)


def _make_folders(folder: Path) -> list[Path]:
    """Make ``folder``; the folders whose list of names changed by it."""
    changed = []
    missing = folder
    while not missing.exists():
        missing = missing.parent
        changed.append(missing)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return changed


def _write(descriptor: int, parts: Sequence[Buffer]) -> None:
    pending = [view for part in parts if (view := memoryview(part).cast("B")).nbytes]
    while pending:
        written = os.writev(descriptor, pending[:_PARTS_AT_ONCE])
        while pending and written >= pending[0].nbytes:
            written -= pending.pop(0).nbytes
        if written:
            pending[0] = pending[0][written:]


def _flush_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
