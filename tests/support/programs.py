"""Debian programs that integration tests talk to."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import pytest

_PACKAGES = {
    "Orthanc": "orthanc",
    "tesseract": "tesseract-ocr",
    "dciodvfy": "dicom3tools",
    "chromium": "chromium",
    "dcmcjpeg": "dcmtk",
    "dcm2xml": "dcmtk",
    "dcmconv": "dcmtk",
    "dcmdjpeg": "dcmtk",
    "dcmdump": "dcmtk",
    "echoscu": "dcmtk",
    "findscu": "dcmtk",
    "getscu": "dcmtk",
    "initdb": "postgresql",
    "libOrthancDicomWeb.so": "orthanc-dicomweb",
    "movescu": "dcmtk",
    "pg_ctl": "postgresql",
    "pg_dump": "postgresql",
    "pg_restore": "postgresql",
    "postgres": "postgresql",
    "redis-server": "redis-server",
    "sshd": "openssh-server",
    "storescp": "dcmtk",
    "storescu": "dcmtk",
}
_ALIASES = {"orthanc": "Orthanc"}


def need(name: str) -> Path:
    """The path of a Debian program; without it the test is skipped, or fails where ``CI=true`` promises it."""
    name = _ALIASES.get(name, name)
    found = shutil.which(name, path=_search_path())
    if found is None:
        package = _PACKAGES.get(name)
        reason = f"needs the program {name}" + (f" (apt-get install {package})" if package else "")
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    return Path(found)


def _search_path() -> str:
    """Debian's folders first: pynetdicom installs programs of its own under the names of dcmtk's."""
    postgres = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return os.pathsep.join(["/usr/bin", "/usr/sbin", os.environ.get("PATH", ""), *map(str, postgres)])


def free_port() -> int:
    """A loopback port that nothing listens on at this moment; prefer port 0 where the program can take it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
