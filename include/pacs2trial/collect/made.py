"""What collecting a subject gives."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class PackageMade:
    """One package in force.

    Attributes:
        package_id: the row in the vault, 0 for a copy that was written to a folder of the caller's.
        path: of the local file; where a bucket keeps packages it is there only while it is made or read.
        address: where it is kept.
        changed: whether its content differs from what was there before.
        proven: whether it was verified, and nothing has happened to it or its subject since.
    """

    package_id: int
    trial: str
    subject_key: str
    study: str
    path: Path
    address: str
    size: int
    sha256: str
    content_digest: str
    instances: int
    changed: bool
    proven: bool = False
