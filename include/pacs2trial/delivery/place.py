"""A place for files at the far end, and how a package comes there whole: under a temporary name, checked, renamed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal, Protocol

from pacs2trial.collect.replacing import file_sha256
from pacs2trial.delivery.outgoing import Outgoing
from pacs2trial.errors import PermanentError, TransientError

Check = Literal["read back", "size"]
"""How a file at the far end is compared: every byte is read back, or only its size is asked for."""

PIECE = 1 << 20
"""Bytes that are read at a time."""


class Place(Protocol):
    """A folder of a server. Every method raises TransientError or PermanentError in the words of the product."""

    appends: bool
    """Whether a file that was cut off can be continued."""

    def address(self, name: str) -> str:
        """What a receipt says of where the file is; no password."""
        ...

    def size(self, name: str) -> int | None:
        """Bytes of a file; None where there is none."""
        ...

    def read(self, name: str) -> Iterator[bytes]:
        """The content of a file, piece by piece."""
        ...

    def write(self, name: str, source: Path, offset: int) -> None:
        """Put ``source`` there from ``offset`` on; what the file holds before that stays."""
        ...

    def remove(self, name: str) -> None:
        """Remove a file."""
        ...

    def rename(self, name: str, target: str) -> None:
        """Give a file its final name, in place of what has that name."""
        ...


def put(place: Place, package: Outgoing, check: Check = "read back") -> Mapping[str, Any]:
    """Bring a package to a place; a transfer that was cut off is continued.

    Args:
        place: where to.
        package: what.
        check: how it is compared once it is there.

    Returns:
        For the receipt: ``path``, ``size``, ``sha256`` and how they were ``checked``.

    Raises:
        PermanentError: a foreign file is in the way, or the package is not what was verified.
        TransientError: the transfer broke off, or what arrived is not what was sent.
    """
    if not _is_there(place, package, check):
        _require_unchanged(package)
        part = f".{package.name}.part"
        _write(place, package, part)
        if not _same(place, part, package, check):
            place.remove(part)
            raise TransientError(f"{place.address(package.name)} is not what was sent; it was removed, send again")
        place.rename(part, package.name)
    return {
        "path": place.address(package.name),
        "size": package.size,
        "sha256": package.sha256,
        "checked": check if check == "read back" else "size at the far end",
    }


def _is_there(place: Place, package: Outgoing, check: Check) -> bool:
    """Whether an earlier attempt had come to its end.

    Raises:
        PermanentError: a file has the name that is neither this package nor an earlier version of it.
    """
    size = place.size(package.name)
    if size is None:
        return False
    if check == "size" and not package.earlier:
        there = package.sha256 if size == package.size else ""
    else:
        there = _sha256(place, package.name)
    if there != package.sha256 and there not in package.earlier:
        where = place.address(package.name)
        raise PermanentError(f"{where} is a file that pacs2trial did not deliver for this subject; move it away")
    return there == package.sha256


def _require_unchanged(package: Outgoing) -> None:
    if file_sha256(package.file) != package.sha256:
        raise PermanentError(f"{package.trial}/{package.name} is not the file that was verified; collect again")


def _write(place: Place, package: Outgoing, part: str) -> None:
    size = (place.size(part) or 0) if place.appends else 0
    if size > package.size:
        place.remove(part)
        size = 0
    if size < package.size:
        place.write(part, package.file, size)


def _same(place: Place, name: str, package: Outgoing, check: Check) -> bool:
    if place.size(name) != package.size:
        return False
    return check == "size" or _sha256(place, name) == package.sha256


def _sha256(place: Place, name: str) -> str:
    digest = hashlib.sha256()
    for piece in place.read(name):
        digest.update(piece)
    return digest.hexdigest()
