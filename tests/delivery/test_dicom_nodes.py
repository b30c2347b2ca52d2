"""Delivery by C-STORE and STOW-RS to Orthanc: what it holds then is what stands in the package, object by object."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pydicom
import pytest

from pacs2trial.delivery import Receipt, deliver_subject, kinds
from pacs2trial.errors import PermanentError, TransientError
from support.far_ends import Line
from support.hospital import LUNG, SECOND_DAY, Hospital, small_study
from support.peers import Orthanc, need_dicomweb


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "WAITS", (0.0, 0.0))


@pytest.fixture(params=["c-store", "stow-rs"])
def line(request: pytest.FixtureRequest, hospital: Hospital, orthanc: Orthanc) -> Iterator[Line]:
    """A line to Orthanc, over which LUNGART delivers by C-STORE or STOW-RS."""
    to: str = request.param
    if to == "stow-rs":
        need_dicomweb()
    found = Line(orthanc.dicom_port if to == "c-store" else orthanc.http_port)
    node = {"conn_type": "dicom", "host": "127.0.0.1", "port": found.port, "extra": {"aet": "ORTHANC"}}
    service = {"conn_type": "http", "host": "127.0.0.1", "port": found.port, "schema": "http"}
    connect(hospital, node if to == "c-store" else service | {"extra": {"path": "dicom-web"}})
    hospital.define(LUNG, deliver=[{"to": to, "connection": "far"}])
    yield found
    found.close()


def connect(hospital: Hospital, fields: dict[str, Any]) -> None:
    path = hospital.ws.settings.connections_path
    path.write_text(json.dumps({"far": fields}))
    path.chmod(0o600)


def package(hospital: Hospital) -> Path:
    made = hospital.package(LUNG, "LA-001")
    hospital.verify(made)
    return made.path


def deliver(hospital: Hospital) -> Receipt:
    (receipt,) = deliver_subject(hospital.ws, hospital.ws.definition(LUNG), "LA-001")
    return receipt


def inside(path: Path) -> dict[str, str]:
    """Digest of each object's data set by SOP Instance UID."""
    with zipfile.ZipFile(path) as archive:
        members = [archive.read(name) for name in archive.namelist() if name.endswith(".dcm")]
    return dict(map(digest, (pydicom.dcmread(BytesIO(one)) for one in members)))


def digest(ds: pydicom.FileDataset) -> tuple[str, str]:
    """Orthanc writes its own file meta information; the data set has to be the same, element by element."""
    content = ds.to_json(bulk_data_threshold=1 << 30)
    return str(ds.SOPInstanceUID), hashlib.sha256(content.encode()).hexdigest()


def held(orthanc: Orthanc) -> dict[str, str]:
    return dict(
        digest(pydicom.dcmread(BytesIO(orthanc.rest("GET", f"/instances/{one}/file"))))
        for one in orthanc.rest("GET", "/instances")
    )


def test_every_object_arrives_as_it_stands_in_the_package_and_once(
    hospital: Hospital, orthanc: Orthanc, line: Line
) -> None:
    path = package(hospital)
    assert deliver(hospital).new
    assert held(orthanc) == inside(path)
    assert not deliver(hospital).new
    assert not [hidden for hidden in path.parent.iterdir() if hidden.name.startswith(".")]


def test_a_line_that_breaks_is_tried_again_and_every_object_arrives(
    hospital: Hospital, orthanc: Orthanc, line: Line
) -> None:
    path = package(hospital)
    with zipfile.ZipFile(path) as archive:
        line.breaks_after = sum(one.file_size for one in archive.infolist() if one.filename.endswith(".dcm")) // 2
    deliver(hospital)
    assert line.breaks_after is None
    assert held(orthanc) == inside(path)
    delivered = json.loads(path.with_name("LA-001.zip.receipt.json").read_text())["deliveries"][-1]
    receipt = delivered["receipt"]
    assert receipt["objects"] == len(inside(path))
    if delivered["destination"].startswith("c-store"):
        assert 0 < receipt["sent before"] < receipt["objects"], "what was confirmed is not sent again"


def test_a_node_that_is_gone_fails_for_now(hospital: Hospital, line: Line) -> None:
    package(hospital)
    line.close()
    with pytest.raises(TransientError, match="cannot be reached"):
        deliver(hospital)


def test_new_data_are_added(hospital: Hospital, orthanc: Orthanc, line: Line) -> None:
    package(hospital)
    deliver(hospital)
    hospital.stage(small_study(when=SECOND_DAY))
    path = package(hospital)
    assert deliver(hospital).new
    assert held(orthanc) == inside(path)


def test_a_node_that_does_not_know_us_refuses_for_good(hospital: Hospital, orthanc: Orthanc) -> None:
    fields = {"conn_type": "dicom", "host": "127.0.0.1", "port": orthanc.dicom_port, "extra": {"aet": "SOMEBODY"}}
    connect(hospital, fields)
    hospital.define(LUNG, deliver=[{"to": "c-store", "connection": "far"}])
    package(hospital)
    with pytest.raises((PermanentError, TransientError), match=r"0 of \d+ objects arrived"):
        deliver(hospital)
    assert held(orthanc) == {}
