"""Names: where packages lie and what their members are called. All parts are pseudonyms of the trial."""

from __future__ import annotations

import re
from pathlib import Path

from pacs2trial.changes import changes_file
from pacs2trial.errors import InputError
from pacs2trial.storage import Packages, receipt_name

MANIFEST = "manifest.json"
CONFORMANCE = "conformance.md"
DICOMDIR = "DICOMDIR"
_BESIDE_OBJECTS = frozenset((MANIFEST, CONFORMANCE, "inventory.csv", "inventory.parquet"))
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")


def safe_part(text: str, meaning: str) -> str:
    """``text`` if it can stand in a path on every system.

    Raises:
        InputError: it holds a separator, a leading dot, a space or anything else that file systems disagree about.
    """
    if not _SAFE.fullmatch(text) or text.endswith("."):
        raise InputError(
            f"{meaning} {text!r} cannot be part of a file name: use letters, digits, '-', '_' and '.', "
            "beginning with a letter or digit"
        )
    return text


def member_name(subject_key: str, study: str, series: str, sop_instance: str) -> str:
    """``<subject key>/<study>/<series>/<instance>.dcm`` inside the zip."""
    return f"{subject_key}/{study}/{series}/{sop_instance}.dcm"


def medium_name(study: int, series: int, instance: int) -> str:
    """The name of a member that a DICOMDIR can refer to (PS3.10 8.2 and 8.5); numbers count from 1."""
    return f"DICOM/ST{study:06}/SE{series:06}/IM{instance:06}"


def package_name(subject_key: str, study: str = "") -> str:
    """File name of a package; ``study`` is the trial's pseudonym, empty where a package holds the whole subject."""
    stem = safe_part(subject_key, "subject key")
    if stem.casefold() in _BESIDE_OBJECTS:
        raise InputError(f"subject key {stem!r} is the name of a file in every package; choose other keys")
    return f"{stem}_{study}.zip" if study else f"{stem}.zip"


def forget_beside(package: Path) -> None:
    """Remove the files beside a package that speak of it: receipt and changes.

    Raises:
        OSError: one cannot be removed.
    """
    package.with_name(receipt_name(package.name)).unlink(missing_ok=True)
    changes_file(package).unlink(missing_ok=True)


def keep_package(packages: Packages, name: str) -> None:
    """Have the package kept that was written under ``name``; what spoke of the one before it goes then.

    Raises:
        PermanentError: its place does not take it.
        TransientError: it could not be reached, or did not take it whole.
    """
    packages.keep(name)
    packages.remove(*_beside(name))


def remove_package(packages: Packages, name: str) -> None:
    """Remove a package and what speaks of it.

    Raises:
        OSError, PermanentError, TransientError: one cannot be removed.
    """
    packages.remove(*_beside(name), name)


def _beside(name: str) -> tuple[str, str]:
    return receipt_name(name), changes_file(Path(name)).as_posix()
