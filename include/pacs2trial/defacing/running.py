"""A program of the site run on a folder: it gets no secrets, a time limit, and nothing that it started stays."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path

from pacs2trial.defacing.failure import ABSENT, fail
from pacs2trial.settings import environment_for_programs
from pacs2trial.trials.face_programs import FOLDERS, FaceProgram


def run(program: FaceProgram, folders: tuple[Path, Path, Path]) -> None:
    """Run a program to its end; what it prints is not kept, since it may tell of the images.

    Args:
        program: as the site told it.
        folders: with the objects, for the result, to work in.

    Raises:
        NotRemovedError: it is not there, ended with another status than 0, or did not end in time.
    """
    path = program.found()
    if path is None:
        fail(ABSENT)
    command = [path, *(_with_folders(argument, folders) for argument in program.command[1:])]
    try:
        process = subprocess.Popen(  # noqa: S603  # the program of the site's own file
            command,
            cwd=folders[2],
            env=environment_for_programs() | {"TMPDIR": str(folders[2])},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        fail(ABSENT)
    try:
        status = process.wait(program.minutes * 60)
    except subprocess.TimeoutExpired:
        fail(f"the program did not end within {program.minutes:g} minutes")
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if status != 0:
        fail(f"the program ended with status {status}")


def _with_folders(argument: str, folders: tuple[Path, Path, Path]) -> str:
    for name, folder in zip(FOLDERS, folders, strict=True):
        argument = argument.replace(name, str(folder))
    return argument
