"""Files as memory: what is read of them comes from the page cache, without a copy."""

from __future__ import annotations

import mmap
from pathlib import Path


def mapped(path: Path, *, whole: bool) -> memoryview:
    """The bytes of a file, read-only, for as long as a view of them lives.

    Args:
        path: the file.
        whole: all of it will be read, so its pages are made ready at once instead of one fault after another.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is empty.
    """
    flags = mmap.MAP_SHARED | (getattr(mmap, "MAP_POPULATE", 0) if whole else 0)
    with path.open("rb") as file:
        return memoryview(mmap.mmap(file.fileno(), 0, flags=flags, prot=mmap.PROT_READ))
