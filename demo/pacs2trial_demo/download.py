"""Real radiotherapy data that a Python package ships: the source distribution of dicompyler-core (BSD licence)."""

from __future__ import annotations

import hashlib
import importlib.util
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

PACKAGE, RELEASE = "dicompyler-core", "0.5.6"
SHA256 = "0e3c05920a8fa3f1c0ff05a5c21dab3ff3f735e00012b69b38926b219d07faee"
MEMBERS = ("ct.0.dcm", "rtss.dcm", "rtplan.dcm", "rtdose.dcm")
_FOLDER_IN_ARCHIVE = f"{PACKAGE}-{RELEASE}/tests/testdata/example_data"
_LARGEST_MEMBER = 32 * 2**20
_TIMEOUT_S = 120


class DownloadError(Exception):
    """The package cannot be had; one line says why."""


def eclipse_files(downloads: Path) -> dict[str, bytes]:
    """The four files of the plan, by name. ``downloads`` keeps the archive (2.6 MB) for the next time.

    Raises:
        DownloadError: no network, no pip, or not the archive that is expected.
    """
    archive = _cached(downloads) or _download(downloads)
    found = {}
    with tarfile.open(archive, "r:gz") as tar:
        for name in MEMBERS:
            try:
                member = tar.getmember(f"{_FOLDER_IN_ARCHIVE}/{name}")
            except KeyError:
                raise DownloadError(f"{archive.name} lacks {name}") from None
            content = tar.extractfile(member) if member.isfile() and member.size <= _LARGEST_MEMBER else None
            if content is None:
                raise DownloadError(f"{name} in {archive.name} is no file of reasonable size")
            found[name] = content.read()
    return found


def _cached(downloads: Path) -> Path | None:
    for path in sorted(downloads.glob(f"*-{RELEASE}.tar.gz")):
        if hashlib.sha256(path.read_bytes()).hexdigest() == SHA256:
            return path
    return None


def _download(downloads: Path) -> Path:
    """Let pip, with whatever index and proxy it is set up for, fetch the archive and check its digest."""
    downloads.mkdir(parents=True, exist_ok=True)
    wanted = downloads / "requirement.txt"
    wanted.write_text(f"{PACKAGE}=={RELEASE} --hash=sha256:{SHA256}\n", "utf-8")
    arguments = [
        "download",
        "--quiet",
        "--disable-pip-version-check",
        "--retries=1",
        "--timeout=15",
        "--no-deps",
        "--no-binary",
        PACKAGE,
    ]
    complaint = "neither pip nor uv is at hand"
    for pip in _pips():
        try:
            done = subprocess.run(
                [*pip, *arguments, "--require-hashes", "-r", str(wanted), "-d", str(downloads)],
                capture_output=True,
                text=True,
                timeout=_TIMEOUT_S,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            complaint = f"{pip[0]}: {type(error).__name__}"
            continue
        archive = _cached(downloads)
        if archive is not None:
            return archive
        complaint = (done.stderr.strip().splitlines() or [f"{pip[0]} ended with {done.returncode}"])[-1]
    raise DownloadError(f"{PACKAGE} {RELEASE} cannot be downloaded: {complaint}")


def _pips() -> list[list[str]]:
    """Ways to run pip here: this environment's, through uv, the base interpreter's."""
    ways = []
    if importlib.util.find_spec("pip") is not None:
        ways.append([sys.executable, "-m", "pip"])
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv is not None:
        ways.append([uv, "tool", "run", "pip"])
    base = Path(sys.base_prefix) / "bin" / "python3"
    if base.exists():
        ways.append([str(base), "-m", "pip"])
    return ways
