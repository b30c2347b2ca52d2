"""Everything that stands under the paths that a person names, place by place."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pacs2trial.media.archives import BROKEN, members
from pacs2trial.media.directory import Volume, is_directory, name_of
from pacs2trial.media.kinds import Kind, kind_of, unread_kind
from pacs2trial.media.limits import LIMITS, Budget, Limits
from pacs2trial.media.offered import NoObject, Offered, PassedOver, Place, PlainFile, Unread
from pacs2trial.media.reading import opened, read_file, why

OUTSIDE = "is a link that leads out of the folder: name what it leads to"


@dataclass(frozen=True)
class _Entry:
    """What a folder holds, by its path below that folder; ``fault`` if it cannot be read, ``skip`` if it is no file."""

    path: Path
    fault: str = ""
    skip: bool = False
    is_folder: bool = False


def offered(paths: Sequence[Path], limits: Limits = LIMITS) -> Iterator[Offered]:
    """Every file, every member of every archive, and whatever is in their way, once each.

    A DICOMDIR that is named by itself stands for the files that it names. Links are followed only where they are
    named themselves.

    Args:
        paths: what a person named; they exist.
        limits: of each archive.
    """
    for number, path in enumerate(paths, 1):
        root = path.resolve()
        volume = Volume()
        if root.is_dir():
            entries = list(_walk(root))
        elif is_directory(name_of([root.name])):
            root, entries = root.parent, list(_of_directory(root, volume))
        else:
            root, entries = root.parent, [_Entry(root)]
        yield from _entries(root, entries, f"argument {number}", volume, limits)


def _entries(root: Path, entries: Sequence[_Entry], argument: str, volume: Volume, limits: Limits) -> Iterator[Offered]:
    number = sum(not entry.is_folder for entry in entries)
    place = 0
    for entry in entries:
        place += not entry.is_folder
        label = f"{argument}, a folder in it" if entry.is_folder else f"{argument}, file {place} of {number}"
        at = Place(label, volume, name_of(entry.path.relative_to(root).parts))
        if entry.fault:
            yield Unread(at, entry.fault)
        elif entry.skip:
            yield PassedOver(at)
        else:
            yield from _file(entry.path, at, limits)


def _file(path: Path, at: Place, limits: Limits) -> Iterator[Offered]:
    try:
        with opened(path) as file:
            kind = kind_of(file)
            fault = unread_kind(file) if kind is Kind.OTHER else ""
            if kind not in (Kind.OBJECT, Kind.OTHER):
                yield from members(file, kind, at, Budget(limits, path.stat().st_size))
                return
        if kind is Kind.OBJECT and is_directory(at.name):
            at.volume.add_directory(at.name, read_file(path))
    except BROKEN as error:
        yield Unread(at, why(error))
        return
    if fault:
        yield Unread(at, f"{fault}: unpack it first")
    else:
        yield PlainFile(at, path) if kind is Kind.OBJECT else NoObject(at)


def _walk(root: Path) -> Iterator[_Entry]:
    """The files below a folder in the order of their names, folders after the files beside them."""
    folders = [root]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda one: one.name)
        except OSError as error:
            yield _Entry(folder, why(error), is_folder=True)
            continue
        below = []
        for entry in entries:
            path = Path(entry.path)
            if entry.is_symlink():
                yield _link(path, root)
            elif entry.is_dir(follow_symlinks=False):
                below.append(path)
            else:
                yield _Entry(path, skip=not entry.is_file(follow_symlinks=False))
        folders += reversed(below)


def _link(path: Path, root: Path) -> _Entry:
    """What a link within the folder leads to is counted where it lies."""
    try:
        inside = path.resolve(strict=True).is_relative_to(root)
    except (OSError, RuntimeError):
        inside = False
    return _Entry(path, skip=True) if inside else _Entry(path, OUTSIDE)


def _of_directory(file: Path, volume: Volume) -> Iterator[_Entry]:
    """The DICOMDIR and those files beside and below it that it names; what is there is compared, no name is a path."""
    try:
        volume.add_directory(name_of([file.name]), read_file(file))
    except OSError as error:
        yield _Entry(file, why(error))
        return
    named = volume.named_in(())
    for entry in _walk(file.parent):
        if entry.path == file or name_of(entry.path.relative_to(file.parent).parts) in named or entry.is_folder:
            yield entry
