"""A file is whole or absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pacs2trial.dicomfile.durable import write_durably


def test_parts_are_written_one_after_another(tmp_path: Path) -> None:
    parts = [b"head", memoryview(b"xpixelx")[1:6], b"", bytearray(b"tail")]
    write_durably(tmp_path / "a" / "b" / "c.dcm", parts)
    assert (tmp_path / "a" / "b" / "c.dcm").read_bytes() == b"headpixeltail"


def test_more_parts_than_one_call_takes(tmp_path: Path) -> None:
    parts = [bytes([i % 251]) * (i % 7) for i in range(5000)]
    write_durably(tmp_path / "f", parts, durable=False)
    assert (tmp_path / "f").read_bytes() == b"".join(parts)


def test_an_older_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "f").write_bytes(b"old and longer")
    write_durably(tmp_path / "f", [b"new"])
    assert (tmp_path / "f").read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(descriptor: int, parts: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "writev", full)
    with pytest.raises(OSError, match="No space"):
        write_durably(tmp_path / "f", [b"data"])
    assert list(tmp_path.iterdir()) == []


def test_only_the_owner_may_read(tmp_path: Path) -> None:
    write_durably(tmp_path / "x" / "f", [b"data"])
    assert (tmp_path / "x" / "f").stat().st_mode & 0o077 == 0
    assert (tmp_path / "x").stat().st_mode & 0o077 == 0


def test_file_and_folders_are_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    flushed: list[Path] = []
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda fd: (flushed.append(Path(f"/proc/self/fd/{fd}").readlink()), real(fd))[1])
    write_durably(tmp_path / "x" / "y" / "f", [b"data"])
    assert {tmp_path, tmp_path / "x", tmp_path / "x" / "y"} <= set(flushed)
    assert len(flushed) == 4
