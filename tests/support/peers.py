"""The far ends that tests speak DICOM with: the demo PACS in process, Debian's Orthanc, dcmtk's programs."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset

from pacs2trial_demo.generate import study, write
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from pacs2trial_demo.pacs import DemoPacs
from support.programs import free_port, need

_START_S = 30.0
_DICOMWEB = Path("/usr/share/orthanc/plugins/libOrthancDicomWeb.so")
_ENVIRONMENT = {**os.environ, "TCP_NODELAY": "1"}
"""Debian's dcmtk leaves Nagle's algorithm on, which costs 40 ms for each C-STORE on loopback."""


@pytest.fixture(scope="session")
def small_archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of :func:`demo_pacs`, to be read and copied, not changed."""
    folder = tmp_path_factory.mktemp("small-archive")
    for identity in (LUCZYNSKA, OXENBARGER):
        for ds in study(identity, when=date(2024, 3, 13), slices=4, matrix=64):
            write(ds, folder / str(identity.number))
    return folder


@pytest.fixture
def demo_pacs(tmp_path: Path, small_archive: Path) -> Iterator[DemoPacs]:
    """A running demo PACS, AE title DEMOPACS, with a small study of 2024-03-13 of each of two patients.

    A test adds C-MOVE destinations to ``destinations`` and faults to ``faults``, and reads ``requests``.
    """
    folder = shutil.copytree(small_archive, tmp_path / "demo-pacs")
    with DemoPacs(folder, "DEMOPACS") as pacs:
        yield pacs


@dataclass(frozen=True)
class Orthanc:
    """A running Orthanc with an empty store of its own."""

    aet: str
    dicom_port: int
    http_port: int
    folder: Path

    @property
    def web(self) -> str:
        """Base of its DICOMweb service."""
        return f"http://127.0.0.1:{self.http_port}/dicom-web"

    def rest(self, method: str, path: str, body: bytes | dict[str, Any] | list[Any] | str | None = None) -> Any:
        """Call the REST API; JSON in and out, bytes as they are.

        Raises:
            urllib.error.HTTPError: Orthanc refused.
        """
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"http://127.0.0.1:{self.http_port}{path}", data=data, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            content = answer.read()
            return json.loads(content) if "json" in answer.headers.get("Content-Type", "") else content

    def add_modality(self, name: str, aet: str, port: int, host: str = "127.0.0.1") -> None:
        """Make ``aet`` known, as C-MOVE destination and for C-STORE."""
        self.rest("PUT", f"/modalities/{name}", {"AET": aet, "Host": host, "Port": port})

    def store(self, *paths: Path) -> None:
        """Import DICOM files; folders are searched."""
        for path in paths:
            for file in sorted(path.rglob("*.dcm")) if path.is_dir() else [path]:
                self.rest("POST", "/instances", file.read_bytes())

    def send(self, modality: str, resources: list[str]) -> None:
        """C-STORE the studies, series or instances with these Orthanc IDs to ``modality``."""
        self.rest("POST", f"/modalities/{modality}/store", {"Resources": resources, "Synchronous": True})

    def studies(self) -> list[str]:
        return list(self.rest("GET", "/studies"))

    def instances(self) -> list[Dataset]:
        """Everything that Orthanc holds."""
        held = self.rest("GET", "/instances")
        return [pydicom.dcmread(BytesIO(self.rest("GET", f"/instances/{i}/file"))) for i in held]


def need_dicomweb() -> None:
    """Skip the test, or fail it in CI, where Orthanc's DICOMweb plugin is absent (package orthanc-dicomweb)."""
    if not _DICOMWEB.exists():
        need("libOrthancDicomWeb.so")


@pytest.fixture
def orthanc(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Orthanc]:
    """A real Orthanc on free loopback ports, AE title ORTHANC."""
    program = need("orthanc")
    found = Orthanc("ORTHANC", free_port(), free_port(), tmp_path / "orthanc")
    found.folder.mkdir()
    configuration = found.folder / "orthanc.json"
    configuration.write_text(json.dumps(_orthanc_configuration(found)))
    with (found.folder / "log").open("wb") as log:
        process = subprocess.Popen([program, configuration], stdout=log, stderr=log, env=_ENVIRONMENT, cwd=found.folder)
    try:
        _wait_until_answering(found, process)
        yield found
    finally:
        process.kill()  # its store is thrown away, and taking leave takes seconds
        process.wait()
        request.node.add_report_section(
            "teardown", "Orthanc", (found.folder / "log").read_text(errors="replace")[-20_000:]
        )


def _orthanc_configuration(orthanc: Orthanc) -> dict[str, Any]:
    return {
        "Name": orthanc.aet,
        "StorageDirectory": str(orthanc.folder / "storage"),
        "IndexDirectory": str(orthanc.folder / "storage"),
        "Plugins": [str(_DICOMWEB)] if _DICOMWEB.exists() else [],
        "DicomAet": orthanc.aet,
        "DicomPort": orthanc.dicom_port,
        "DicomCheckCalledAet": True,
        "DicomAlwaysAllowEcho": True,
        "DicomAlwaysAllowFind": True,
        "DicomAlwaysAllowGet": True,
        "DicomAlwaysAllowMove": True,
        "DicomAlwaysAllowStore": True,
        "UnknownSopClassAccepted": True,
        "OverwriteInstances": True,
        "HttpServerEnabled": True,
        "HttpPort": orthanc.http_port,
        "RemoteAccessAllowed": False,
        "AuthenticationEnabled": False,
        "StableAge": 1,
        "DefaultEncoding": "Utf8",
    }


def _wait_until_answering(orthanc: Orthanc, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_S
    while True:
        try:
            orthanc.rest("GET", "/system")
            return
        except (urllib.error.URLError, ConnectionError):
            if process.poll() is not None or time.monotonic() > deadline:
                pytest.fail("Orthanc did not start:\n" + (orthanc.folder / "log").read_text()[-2000:])
            time.sleep(0.05)


@dataclass(frozen=True)
class Dcmtk:
    """dcmtk's programs against a peer on loopback. What they say is in the result's ``stdout``."""

    folder: Path
    aet: str = "DCMTK"

    def run(self, program: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run ``program`` to its end; its exit status is the test's to judge."""
        return subprocess.run(
            [need(program), *map(str, arguments)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=_ENVIRONMENT,
            cwd=self.folder,
            timeout=120,
            check=False,
        )

    def echoscu(self, port: int, aec: str) -> subprocess.CompletedProcess[str]:
        return self.run("echoscu", "-aet", self.aet, "-aec", aec, "127.0.0.1", str(port))

    def storescu(self, port: int, aec: str, *paths: Path) -> subprocess.CompletedProcess[str]:
        """C-STORE files and folders, each object in its own transfer syntax where dcmtk can propose it."""
        return self.run("storescu", "-aet", self.aet, "-aec", aec, "+sd", "+r", "127.0.0.1", str(port), *paths)

    def findscu(self, port: int, aec: str, *keys: str, model: str = "-S") -> list[Dataset]:
        """C-FIND with keys such as ``PatientID=1``; ``-P`` is the patient root. The answers as data sets."""
        answers = self.folder / f"answers-{time.monotonic_ns()}"
        answers.mkdir()
        done = self.run(
            *("findscu", model, "-aet", self.aet, "-aec", aec, "-X", "-od", answers),
            *(argument for key in keys for argument in ("-k", key)),
            *("127.0.0.1", str(port)),
        )
        assert done.returncode == 0, done.stdout
        return [pydicom.dcmread(path, force=True) for path in sorted(answers.iterdir())]

    def movescu(self, port: int, aec: str, destination: str, *keys: str) -> subprocess.CompletedProcess[str]:
        """C-MOVE in the study root model to ``destination``."""
        return self.run(
            *("movescu", "-v", "-S", "-aet", self.aet, "-aec", aec, "-aem", destination),
            *(argument for key in keys for argument in ("-k", key)),
            *("127.0.0.1", str(port)),
        )

    def getscu(self, port: int, aec: str, output: Path, *keys: str) -> subprocess.CompletedProcess[str]:
        """C-GET in the study root model into the folder ``output``."""
        output.mkdir(parents=True, exist_ok=True)
        return self.run(
            *("getscu", "-v", "-S", "-aet", self.aet, "-aec", aec, "-od", output),
            *(argument for key in keys for argument in ("-k", key)),
            *("127.0.0.1", str(port)),
        )

    def dcmdump(self, path: Path) -> str:
        """The object as dcmtk reads it.

        Raises:
            AssertionError: dcmtk cannot read it.
        """
        done = self.run("dcmdump", "+L", path)
        assert done.returncode == 0, done.stdout
        return done.stdout

    @contextmanager
    def storescp(self, aet: str) -> Iterator[tuple[int, Path]]:
        """A C-STORE receiver that accepts all transfer syntaxes: its port, and the folder that objects land in."""
        port, received = free_port(), self.folder / f"received-{aet}"
        received.mkdir()
        process = subprocess.Popen(
            [need("storescp"), "-aet", aet, "+xa", "-pm", "-od", received, str(port)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT,
        )
        try:
            deadline = time.monotonic() + _START_S
            while self.echoscu(port, aet).returncode:
                assert process.poll() is None and time.monotonic() < deadline, "storescp did not start"
                time.sleep(0.05)
            yield port, received
        finally:
            _end(process)


@pytest.fixture
def dcmtk(tmp_path: Path) -> Dcmtk:
    """dcmtk's programs, working in a folder of the test."""
    need("echoscu")
    folder = tmp_path / "dcmtk"
    folder.mkdir()
    return Dcmtk(folder)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
