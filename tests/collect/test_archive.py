"""The zip: a function of its members."""

from __future__ import annotations

import hashlib
import io
import os
import time
import zipfile
from pathlib import Path

import pytest

from pacs2trial.collect.archive import Archive

MEMBERS = {"K-1/1.2/1.3/1.4.dcm": b"first" * 1000, "K-1/1.2/1.3/1.5.dcm": b"second" * 1000}


def made(compression: str = "store") -> bytes:
    file = io.BytesIO()
    with Archive(file, compression) as archive:
        for name, content in sorted(MEMBERS.items()):
            archive.add(name, [content[:7], memoryview(content)[7:]])
        archive.close_with("manifest.json", b"{}")
    return file.getvalue()


@pytest.mark.parametrize("compression", ["store", "fast"])
def test_same_members_give_the_same_bytes_at_any_time_and_place(
    compression: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = made(compression)
    monkeypatch.setenv("TZ", "Pacific/Auckland")
    time.tzset()
    before = os.umask(0o077)
    try:
        assert made(compression) == first
    finally:
        os.umask(before)
        monkeypatch.undo()
        time.tzset()


def test_bytes_of_a_stored_zip_are_those_that_were_promised() -> None:
    assert hashlib.sha256(made()).hexdigest() == "30c62347f1647413f240c6d66abea77f0a18257a227253d4c2f59136306ed26c"


def test_members_carry_the_dos_epoch_and_no_comment_or_extra() -> None:
    with zipfile.ZipFile(io.BytesIO(made())) as archive:
        seen = {(info.date_time, info.comment, info.extra, info.external_attr >> 16) for info in archive.infolist()}
        assert seen == {((1980, 1, 1, 0, 0, 0), b"", b"", 0o600)}
        assert archive.comment == b""


def test_members_read_back_and_stand_in_order_with_the_manifest_last() -> None:
    with zipfile.ZipFile(io.BytesIO(made("fast"))) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [*sorted(MEMBERS), "manifest.json"]
        assert {name: archive.read(name) for name in MEMBERS} == MEMBERS


def test_a_member_out_of_order_is_refused() -> None:
    with Archive(io.BytesIO(), "store") as archive:
        archive.add("b", [b""])
        with pytest.raises(ValueError, match="ascending"):
            archive.add("a", [b""])


def test_size_and_digest_of_a_member_are_those_of_its_content() -> None:
    content = MEMBERS["K-1/1.2/1.3/1.4.dcm"]
    with Archive(io.BytesIO(), "fast") as archive:
        member = archive.add("K-1/1.2/1.3/1.4.dcm", [content])
    assert (member.size, member.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_zip64_fields_stand_where_a_member_needs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zipfile, "ZIP64_LIMIT", 1000)
    path = tmp_path / "large.zip"
    with path.open("wb") as file, Archive(file, "store") as archive:
        archive.add("large", [b"x" * 2000])
        archive.add("small", [b"x"])
    with zipfile.ZipFile(path) as opened:
        versions = {info.filename: info.extract_version for info in opened.infolist()}
        assert versions["large"] == zipfile.ZIP64_VERSION
        assert opened.testzip() is None
