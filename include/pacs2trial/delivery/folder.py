"""Delivery to a folder: a share that the trial centre reads, or a place from which others send."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pacs2trial.collect.replacing import file_sha256, replacing
from pacs2trial.delivery.outgoing import Outgoing
from pacs2trial.errors import PermanentError, TransientError
from pacs2trial.settings import Settings
from pacs2trial.trials.definition import Destination
from pacs2trial.workspace import Workspace

_PIECE = 1 << 20


def send(ws: Workspace, destination: Destination, package: Outgoing) -> Mapping[str, Any]:
    """Copy the package under a temporary name, rename it, read it back.

    An earlier version of the same package is replaced. A file of that name that is nobody's earlier version stays.

    Raises:
        PermanentError: a foreign file is in the way, or the package is not what was verified.
        TransientError: the folder cannot be written.
    """
    target = folder_of(ws.settings, destination, package.trial) / package.name
    there = _sha256_there(target)
    if there != package.sha256:
        if there is not None and there not in package.earlier:
            raise PermanentError(f"{target} is a file that pacs2trial did not deliver for this subject; move it away")
        _copy(package, target, durable=ws.settings.durable)
        there = _sha256_there(target)
        if there != package.sha256:
            raise TransientError(f"{target} reads back with another SHA-256 than was sent")
    return {"path": str(target), "size": package.size, "sha256": there, "checked": "read back"}


def folder_of(settings: Settings, destination: Destination, trial: str) -> Path:
    """Where packages lie; a relative path is below ``delivered`` in home, an empty one is the trial's."""
    return settings.home / "delivered" / (destination.path or trial)


def _copy(package: Outgoing, target: Path, *, durable: bool) -> None:
    digest = hashlib.sha256()
    with replacing(target, durable=durable) as file, package.file.open("rb") as source:
        while piece := source.read(_PIECE):
            digest.update(piece)
            file.write(piece)
        if digest.hexdigest() != package.sha256:
            raise PermanentError(f"{package.trial}/{package.name} is not the file that was verified; collect again")


def _sha256_there(target: Path) -> str | None:
    try:
        return file_sha256(target)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise TransientError(f"{target} cannot be read: {error.strerror or type(error).__name__}") from error
