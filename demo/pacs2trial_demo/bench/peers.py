"""Other programs on the same files. They do different amounts of work: dcmodify, for one, applies no profile."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import NamedTuple

from pacs2trial_demo.bench.python_programs import run_apart

_FIVE = ("0010,0010", "0010,0020", "0010,0030", "0008,0050", "0008,0090")

Run = Callable[[list[Path], Path], tuple[float, float, float] | None]
"""Takes files into a folder; what it says of its own times, as
:func:`pacs2trial_demo.bench.python_programs.run_apart` does, or None to be timed from outside, its start included.
"""


class Peer(NamedTuple):
    """A program to compare with.

    Attributes:
        name: as it is printed.
        run: the program.
        most_bytes: how many bytes of the files it gets; its speed is told from those. At least one file.
        rounds: it takes part in so many rounds at most.
    """

    name: str
    run: Run
    most_bytes: int = 1 << 62
    rounds: int = 1 << 62


def in_python(name: str, *, most_bytes: int = 1 << 62, rounds: int = 1 << 62) -> Peer:
    return Peer(name, partial(run_apart, name), most_bytes, rounds)


def peers(folder: Path) -> list[Peer]:
    """What can be measured on this machine.

    Args:
        folder: for what a program needs besides, as a certificate; making it is not timed.
    """
    found = [
        Peer("cp -r", _cp),
        in_python("pydicom read + write"),
        in_python("dicom-anonymizer (Kitware)", most_bytes=8_000_000),
        in_python("deid (pydicom)", most_bytes=3_000_000, rounds=2),
    ]
    if shutil.which("gdcmanon") and shutil.which("openssl"):
        found.append(Peer("gdcmanon -e", _gdcmanon(folder / "certificate.pem")))
    if shutil.which("dcmodify"):
        found.append(Peer("dcmodify, 5 attributes", _dcmodify))
    return found


def _cp(files: list[Path], out: Path) -> None:
    subprocess.run(["cp", "-r", str(files[0].parent), str(out / "copy")], check=True)


def _gdcmanon(certificate: Path) -> Run:
    """GDCM's Basic Profile with encrypted attributes, over the whole folder at once."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "/dev/null", "-subj", "/CN=bench",
         "-out", str(certificate)],
        check=True, capture_output=True,
    )  # fmt: skip

    def run(files: list[Path], out: Path) -> None:
        subprocess.run(
            ["gdcmanon", "-e", "-c", str(certificate), "-i", str(files[0].parent), "-o", str(out / "files")],
            check=True, capture_output=True,
        )  # fmt: skip

    return run


def _dcmodify(files: list[Path], out: Path) -> None:
    """It edits in place, so that a copy is part of its work."""
    _cp(files, out)
    edits = [part for tag in _FIVE for part in ("-m", f"{tag}=")]
    subprocess.run(["dcmodify", "-nb", *edits, *map(str, sorted((out / "copy").iterdir()))], check=True)
