"""A program asked where the face is in a series."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from pacs2trial.defacing.comparing import changed_voxels
from pacs2trial.defacing.decoded import decoded_file, grey_image, uid_of
from pacs2trial.defacing.failure import fail
from pacs2trial.defacing.folder import private_folder
from pacs2trial.defacing.running import run
from pacs2trial.defacing.volume import require_one_volume
from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.errors import TransientError, UnsafeObjectError
from pacs2trial.pixels.image import Image
from pacs2trial.pixels.masks import Mask
from pacs2trial.trials.face_programs import FaceProgram

_ROOM: Final = 6
"""Times the size of the objects: theirs, the result's, and what the program writes in between."""


@dataclass(frozen=True)
class Face:
    """Where a face is.

    Attributes:
        masks: by SOP Instance UID; objects without a voxel of it are left out.
        changed: the part of all voxels that the program changed.
    """

    masks: Mapping[str, Mask]
    changed: float


def ask(program: FaceProgram, objects: Mapping[str, Path], home: Path) -> Face:
    """Let a program remove the face of one series, and see which voxels it changed. Nothing else of its work is kept.

    Args:
        program: of the site.
        objects: staged files by SOP Instance UID, which is how the result is compared with them.
        home: of the site, where a folder is made for it if memory is short.

    Raises:
        NotRemovedError: the objects are no volume, the program failed, or what it gave cannot be right.
        TransientError: a file cannot be read, or the disk is full.
    """
    try:
        require_one_volume(path.read_bytes() for path in objects.values())
        with private_folder(home, _ROOM * _uncompressed(objects)) as folder:
            given, made, _work = folders = (folder / "in", folder / "out", folder / "work")
            for each in folders:
                each.mkdir(mode=0o700)
            for number, path in enumerate(objects.values(), 1):
                file = path.read_bytes()
                (given / f"{number:05}.dcm").write_bytes(decoded_file(split_file(file), file))
            run(program, folders)
            before = {uid: partial(_image, path) for uid, path in objects.items()}
            masks, changed = changed_voxels(before, {uid: partial(_image, path) for uid, path in _made(made, objects)})
    except UnsafeObjectError as unsafe:
        fail(f"an object cannot be decoded ({unsafe.reason})")
    except OSError as error:
        raise TransientError(f"faces cannot be removed: {error.strerror}") from None
    _require_plausible(program, changed)
    return Face(masks, changed)


def _image(path: Path) -> Image:
    return grey_image(split_file(path.read_bytes()))


def _uncompressed(objects: Mapping[str, Path]) -> int:
    return sum(max(_image(path).description.length, path.stat().st_size) for path in objects.values())


def _made(folder: Path, objects: Mapping[str, Path]) -> list[tuple[str, Path]]:
    """The objects that the program wrote: each that it was given, once, and nothing else."""
    found: dict[str, Path] = {}
    for path in sorted(path for path in folder.rglob("*") if not path.is_dir() or path.is_symlink()):
        if path.is_symlink() or not path.is_file():
            fail("the program wrote links")
        try:
            uid = uid_of(split_file(path.read_bytes()))
        except UnsafeObjectError:
            fail("the program wrote what is no DICOM object")
        if uid not in objects or uid in found:
            fail("the program added objects")
        found[uid] = path
    if len(found) < len(objects):
        fail("the program left objects out")
    return list(found.items())


def _require_plausible(program: FaceProgram, changed: float) -> None:
    if not changed:
        fail("the program changed no voxel")
    if changed < program.at_least:
        fail("the program changed too few voxels for a face")
    if changed > program.at_most:
        fail("the program changed too many voxels for a face")
