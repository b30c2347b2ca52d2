"""Attributes of staged objects by which a look-up is asked."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pacs2trial.deidentify.charset import decode
from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.dicomfile.mapped import mapped
from pacs2trial.dicomfile.scan import elements
from pacs2trial.errors import PermanentError, UnsafeObjectError

CHARACTER_SET = 0x00080005
PADDING = b" \0"


def staged_values(path: Path, tags: Collection[int], name: str) -> dict[int, str]:
    """The values of attributes on the outermost level of a staged file; empty text where there is none.

    Args:
        path: the file.
        tags: what to read.
        name: how messages name the file.

    Raises:
        PermanentError: the file is absent or damaged.
    """
    found = dict.fromkeys((CHARACTER_SET, *tags), b"")
    last = max(found)
    try:
        staged = split_file(mapped(path, whole=False))
        for tag, _, _, value, end, _ in elements(staged.header, 0, len(staged.header), implicit=staged.implicit):
            if tag in found:
                found[tag] = bytes(staged.header[value:end]).strip(PADDING)
            if tag >= last:
                break
    except (OSError, ValueError, UnsafeObjectError) as error:
        raise PermanentError(f"staged file {name} cannot be read: {type(error).__name__}") from None
    return {tag: (decode(found[tag], found[CHARACTER_SET]) or "").strip() for tag in tags}
