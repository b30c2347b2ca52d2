"""Files as memory: what is read of them comes from the page cache, without a copy."""

from __future__ import annotations

import mmap
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from typing_extensions import Buffer


class MappedFile:
    """An open file and its bytes, read-only; both live as long as something refers to them.

    Args:
        path: the file.
        whole: all of it will be read, so its pages are made ready at once instead of one fault after another.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is empty.
    """

    def __init__(self, path: Path, *, whole: bool) -> None:
        flags = mmap.MAP_SHARED | (getattr(mmap, "MAP_POPULATE", 0) if whole else 0)
        self.descriptor = os.open(path, os.O_RDONLY)
        self.view = memoryview(mmap.mmap(self.descriptor, 0, flags=flags, prot=mmap.PROT_READ))

    def __del__(self) -> None:
        if hasattr(self, "descriptor"):
            os.close(self.descriptor)


@dataclass(frozen=True, slots=True)
class MappedPart:
    """Bytes of a mapped file: ``view`` shows them, and they begin at ``offset`` in it."""

    file: MappedFile
    offset: int
    view: memoryview = field(repr=False)


def mapped(path: Path, *, whole: bool) -> memoryview:
    """The bytes of a file for as long as a view of them lives; arguments and errors as of :class:`MappedFile`."""
    return MappedFile(path, whole=whole).view


def parts_of(file: MappedFile, parts: Iterable[Buffer]) -> list[memoryview | MappedPart]:
    """``parts``, told where they stand in the file as far as they are slices of it."""
    start = _address(file.view)
    found: list[memoryview | MappedPart] = []
    for part in parts:
        view = memoryview(part).cast("B")
        offset = _address(view) - start if view.nbytes else -1
        is_slice = 0 <= offset <= file.view.nbytes - view.nbytes
        found.append(MappedPart(file, offset, view) if is_slice else view)
    return found


def _address(view: memoryview) -> int:
    return int(np.frombuffer(view, np.uint8).__array_interface__["data"][0])
