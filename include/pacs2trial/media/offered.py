"""What stands at one place of what a person named: a file, a member of an archive, or why it is neither."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pacs2trial.media.directory import Name, Volume


@dataclass(frozen=True)
class Place:
    """Where something stands.

    Attributes:
        label: for people, by numbers: files and folders of hospitals are often named after patients.
        volume: the folder or archive that holds it.
        name: by which a DICOMDIR of the volume would name it; never used as a path.
    """

    label: str
    volume: Volume
    name: Name


@dataclass(frozen=True)
class PlainFile:
    """A file on disk that may hold an object."""

    at: Place
    path: Path


@dataclass(frozen=True)
class Member:
    """A file out of an archive that may hold an object, in memory."""

    at: Place
    data: bytes


@dataclass(frozen=True)
class NoObject:
    """A file that cannot hold an object, by how it begins; it was not read any further."""

    at: Place


@dataclass(frozen=True)
class PassedOver:
    """A link within the folder, or what is no file at all (FIFO, device, socket)."""

    at: Place


@dataclass(frozen=True)
class Unread:
    """A file, a folder or the rest of an archive that could not be read; ``fault`` completes a sentence on it."""

    at: Place
    fault: str


Offered = PlainFile | Member | NoObject | PassedOver | Unread
