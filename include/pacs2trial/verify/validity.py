"""Proof "validity": the package breaks no rule of the standard that the staged objects kept."""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from pacs2trial.errors import TransientError

PROGRAM = "dciodvfy"
_SECONDS = 120
_PLACES = (
    re.compile(r"\b(?:Element|Module)=<(\w+)>"),
    re.compile(r"\battribute <([^<>]{1,64})>"),
    re.compile(r"(\(0x[0-9a-fA-F]{4},0x[0-9a-fA-F]{4}\))"),
)
_VALUE = re.compile(r"[<\"'(=]| - | but ")


def installed() -> str | None:
    """Path of dciodvfy (dicom3tools), if this machine has it."""
    return shutil.which(PROGRAM)


def errors_of(program: str, source: bytes | Path) -> set[str]:
    """The errors that dciodvfy reports, as kind and place; the values that it quotes are left out.

    Raises:
        TransientError: it did not end.
    """
    try:
        with _opened(source) as file:
            done = subprocess.run(  # noqa: S603  the program was found on PATH; it gets no argument
                [program], stdin=file, capture_output=True, timeout=_SECONDS, check=False
            )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TransientError(f"{PROGRAM} did not end: {type(error).__name__}") from None
    lines = done.stderr.decode("latin-1").splitlines() + done.stdout.decode("latin-1").splitlines()
    return {_without_values(line.removeprefix("Error - ")) for line in lines if line.startswith("Error - ")}


@contextmanager
def _opened(source: bytes | Path) -> Iterator[IO[bytes]]:
    """A file to read ``source`` from; dciodvfy moves about in its input, so a pipe will not do."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file
    else:
        with tempfile.TemporaryFile() as temporary:
            temporary.write(source)
            temporary.seek(0)
            yield temporary


def _without_values(text: str) -> str:
    kind = re.sub(r"\s*\S*\d+(?:\.\d+)+\S*", "", _VALUE.split(text, maxsplit=1)[0]).strip().removesuffix("Element")
    places = [place for pattern in _PLACES for place in pattern.findall(text)]
    return " ".join([kind.strip(), *places])
