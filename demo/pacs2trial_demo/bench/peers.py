"""Other programs on the same files. They do different amounts of work: dcmodify, for one, applies no profile."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pydicom

_FIVE = ("0010,0010", "0010,0020", "0010,0030", "0008,0050", "0008,0090")

Run = Callable[[list[Path], Path], None]


class Peer(NamedTuple):
    """A program to compare with.

    Attributes:
        name: as it is printed.
        run: takes files into a folder.
        most_bytes: how many bytes of the files it gets; its speed is told from those. At least one file.
        rounds: it takes part in so many rounds at most.
    """

    name: str
    run: Run
    most_bytes: int = 1 << 62
    rounds: int = 1 << 62


def peers(folder: Path) -> list[Peer]:
    """What can be measured on this machine.

    Args:
        folder: for what a program needs besides, as a certificate; making it is not timed.
    """
    found = [
        Peer("cp -r", _cp),
        Peer("pydicom read + write", _pydicom),
        Peer("dicom-anonymizer (Kitware)", _kitware, most_bytes=8_000_000),
        Peer("deid (pydicom)", _deid, most_bytes=3_000_000, rounds=2),
    ]
    if shutil.which("gdcmanon") and shutil.which("openssl"):
        found.append(Peer("gdcmanon -e", _gdcmanon(folder / "certificate.pem")))
    if shutil.which("dcmodify"):
        found.append(Peer("dcmodify, 5 attributes", _dcmodify))
    return found


def _cp(files: list[Path], out: Path) -> None:
    subprocess.run(["cp", "-r", str(files[0].parent), str(out / "copy")], check=True)


def _pydicom(files: list[Path], out: Path) -> None:
    for path in files:
        pydicom.dcmread(path).save_as(out / path.name)


def _kitware(files: list[Path], out: Path) -> None:
    from dicomanonymizer import anonymize_dicom_file

    for path in files:
        anonymize_dicom_file(str(path), str(out / path.name))


def _deid(files: list[Path], out: Path) -> None:
    from deid.config import DeidRecipe
    from deid.dicom import get_identifiers, replace_identifiers

    names = [str(path) for path in files]
    replace_identifiers(
        dicom_files=names,
        ids=get_identifiers(names),
        deid=DeidRecipe(),
        save=True,
        overwrite=True,
        remove_private=True,
        output_folder=str(out),
    )


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
