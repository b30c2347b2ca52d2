"""The staging store: where a staged file lies, whether there is room for it, and who may write it now."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from blake3 import blake3
from typing_extensions import Buffer

from pacs2trial.dicomfile.durable import TEMPORARY_SUFFIX
from pacs2trial.errors import TransientError
from pacs2trial.settings import Settings

_CLAIMS = 256
_DIGEST_CHARACTERS = 8


def relative_path(patient: str, study: str, series: str, sop_instance: str, *, digest: str = "") -> Path:
    """``<patient>/<study>/<series>/<instance>.dcm`` below the staging folder; every part a staging pseudonym.

    Args:
        patient: code of the patient in staging.
        study: Study Instance UID in staging.
        series: Series Instance UID in staging.
        sop_instance: SOP Instance UID in staging.
        digest: of a content (:func:`digest_of`) that is not the first one under this SOP Instance UID; its first eight
            digits make the name ``<instance>.<digest8>.dcm``.
    """
    suffix = f".{digest[:_DIGEST_CHARACTERS]}.dcm" if digest else ".dcm"
    return Path(patient, study, series, sop_instance + suffix)


def digest_of(parts: Iterable[Buffer]) -> str:
    """What a staged content is known by in the ledger: BLAKE3, 64 hexadecimal digits.

    Every object is hashed when it arrives; where the processor has no instructions of its own for it, SHA-256 takes a
    quarter of the time of stage 1.
    """
    digest = blake3()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


@contextmanager
def claim(settings: Settings, name: str) -> Iterator[None]:
    """Hold the right to write the file of ``name`` and to decide on its ledger rows.

    Receiver threads, C-GET tasks and ``pacs2trial stage`` may bring two contents of one instance at the same time;
    without this the second could be renamed over the first before either is in the ledger. A claim is one of 256
    advisory file locks, freed by the kernel when its holder dies.

    Args:
        settings: where home is.
        name: SOP Instance UID in staging, or token of a quarantined object.

    Raises:
        TransientError: the lock file cannot be made.
    """
    number = int.from_bytes(hashlib.blake2s(name.encode(), digest_size=2).digest(), "big") % _CLAIMS
    with _locked(settings, number):
        yield


@contextmanager
def all_claims(settings: Settings) -> Iterator[None]:
    """Hold every claim, so that nobody is between the first byte of a file and its row; others wait meanwhile.

    Raises:
        TransientError: a lock file cannot be made.
    """
    with ExitStack() as claims:
        for number in range(_CLAIMS):
            claims.enter_context(_locked(settings, number))
        yield


@contextmanager
def _locked(settings: Settings, number: int) -> Iterator[None]:
    try:
        descriptor = _lock_file(settings.home / "claims", f"{number:02x}")
    except OSError as error:
        raise TransientError(f"cannot claim a place in {settings.home}: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _lock_file(folder: Path, name: str) -> int:
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(folder / name, flags, 0o600)
    except FileNotFoundError:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return os.open(folder / name, flags, 0o600)


def need_room(settings: Settings, size: int) -> None:
    """Make sure that ``size`` bytes leave ``minimum_free_mb`` free on the disk of home.

    Raises:
        TransientError: they do not; the message says how much is free and which setting decides.
    """
    try:
        free = shutil.disk_usage(settings.home).free
    except OSError as error:
        raise TransientError(f"cannot examine the free space of {settings.home}: {error.strerror}") from None
    if free - size < settings.minimum_free_mb * 2**20:
        raise TransientError(
            f"{free // 2**20} MB free in {settings.home}, PACS2TRIAL_MINIMUM_FREE_MB asks for "
            f"{settings.minimum_free_mb}: free some space, then send again"
        )


def sweep(settings: Settings) -> int:
    """Remove what killed processes left under temporary names in staging and quarantine.

    Safe while others write: a temporary file that is there before all claims are held, and still there once they are,
    has lost its writer.

    Returns:
        How many files were removed.
    """
    found = [
        path for folder in (settings.staging, settings.quarantine) for path in folder.rglob(f"*{TEMPORARY_SUFFIX}")
    ]
    if not found:
        return 0
    removed = 0
    with all_claims(settings):
        for path in found:
            if path.exists():
                path.unlink()
                removed += 1
    return removed
