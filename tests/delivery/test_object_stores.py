"""Delivery to object storage: an S3 server, and a file system that fsspec knows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pacs2trial.delivery import Receipt, deliver_subject, kinds
from pacs2trial.errors import InputError, PermanentError, TransientError
from support.far_ends import Line
from support.hospital import LUNG, SECOND_DAY, Hospital, small_study
from support.object_stores import Bucket


@pytest.fixture
def far(bucket: Bucket, hospital: Hospital, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """The trial centre's bucket."""
    monkeypatch.setattr(kinds, "WAITS", (0.0, 0.0))
    connect(hospital, bucket.connection())
    return bucket


def connect(hospital: Hospital, fields: dict[str, Any]) -> None:
    path = hospital.ws.settings.connections_path
    path.write_text(json.dumps({"far": fields}))
    path.chmod(0o600)


def package(hospital: Hospital, **destination: Any) -> bytes:
    hospital.define(LUNG, deliver=[{"to": "s3", "connection": "far", "path": "trial/in", **destination}])
    made = hospital.package(LUNG, "LA-001")
    hospital.verify(made)
    return made.path.read_bytes()


def deliver(hospital: Hospital) -> Receipt:
    (receipt,) = deliver_subject(hospital.ws, hospital.ws.definition(LUNG), "LA-001")
    return receipt


def test_a_package_and_then_its_next_version(hospital: Hospital, far: Bucket) -> None:
    first = package(hospital)
    assert deliver(hospital).path == "s3://trial/in/LA-001.zip"
    assert far.held() == {"in/LA-001.zip": first}
    assert not deliver(hospital).new
    hospital.stage(small_study(when=SECOND_DAY))
    second = package(hospital)
    assert deliver(hospital).new
    assert far.held() == {"in/LA-001.zip": second}
    assert first != second


def test_a_foreign_object_stays(hospital: Hospital, far: Bucket) -> None:
    package(hospital)
    far.it.put_object(Key="in/LA-001.zip", Body=b"somebody's")
    with pytest.raises(PermanentError, match="did not deliver for this subject"):
        deliver(hospital)
    assert far.held() == {"in/LA-001.zip": b"somebody's"}


def test_an_upload_that_did_not_end_is_made_again(hospital: Hospital, far: Bucket) -> None:
    whole = package(hospital)
    far.it.put_object(Key="in/.LA-001.zip.part", Body=whole[:100])
    deliver(hospital)
    assert far.held() == {"in/LA-001.zip": whole}


def test_a_line_that_breaks_in_the_middle_is_tried_again(hospital: Hospital, far: Bucket) -> None:
    line = Line(int(far.endpoint.rsplit(":", 1)[1]))
    connect(hospital, far.connection(port=line.port))
    whole = package(hospital)
    line.breaks_after = len(whole) // 2
    assert deliver(hospital).new
    assert line.breaks_after is None
    assert far.held() == {"in/LA-001.zip": whole}
    line.close()


def test_a_bucket_that_is_not_there_is_named(hospital: Hospital, far: Bucket) -> None:
    package(hospital, path="elsewhere/in")
    with pytest.raises(PermanentError, match="does not have that bucket"):
        deliver(hospital)


def test_a_server_that_is_gone_fails_for_now(hospital: Hospital, far: Bucket) -> None:
    package(hospital)
    connect(hospital, far.connection(port=9))
    with pytest.raises(TransientError, match="'far' broke off"):
        deliver(hospital)


def test_any_file_system_of_fsspec(hospital: Hospital, tmp_path: Path) -> None:
    connect(hospital, {"conn_type": "fsspec", "extra": {"auto_mkdir": True}})
    whole = package(hospital, to="fsspec", path=f"file://{tmp_path}/there")
    deliver(hospital)
    assert (tmp_path / "there" / "LA-001.zip").read_bytes() == whole


def test_a_protocol_that_nobody_knows_is_refused(hospital: Hospital) -> None:
    connect(hospital, {"conn_type": "fsspec"})
    package(hospital, to="fsspec", path="nonsense://there")
    with pytest.raises(InputError, match="nonsense"):
        deliver(hospital)
