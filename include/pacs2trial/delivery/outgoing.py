"""What the kinds of destination have in common: what is handed to them and what they say when it is there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pacs2trial.errors import InputError
from pacs2trial.trials.definition import Destination
from pacs2trial.workspace import Workspace

LONGEST = 200
"""Characters of a destination's name that the vault holds."""


@dataclass(frozen=True)
class Outgoing:
    """A verified package on its way. ``earlier`` holds the SHA-256 of the versions that it supersedes."""

    package_id: int
    trial: str
    subject_key: str
    file: Path
    name: str
    size: int
    sha256: str
    content_digest: str
    earlier: frozenset[str]


Send = Callable[[Workspace, Destination, Outgoing], Mapping[str, Any]]
"""Brings a package to one destination and returns what proves it, for the receipt: JSON without an identity.

A kind writes under a temporary name and renames, or is atomic by itself; compares the SHA-256 at the far end where
that is possible; and may be called again after a failure at any point. It raises TransientError when repeating may
help, PermanentError when it will not.
"""


def label(destination: Destination) -> str:
    """The name of a destination in vault and receipts: kind, connection, path.

    Raises:
        InputError: it is longer than the vault can hold.
    """
    text = ":".join(part for part in (destination.to, destination.connection or "", destination.path) if part)
    if len(text) > LONGEST:
        raise InputError(f"deliver: kind, connection and path have {len(text)} characters; at most {LONGEST} fit")
    return text
