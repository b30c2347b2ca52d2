"""Files that are whole or absent."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pacs2trial.collect.replacing import file_sha256, replacing
from pacs2trial.errors import TransientError


def test_file_appears_only_when_the_block_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "new" / "package.zip"
    with replacing(path) as file:
        file.write(b"content")
        assert not path.exists()
    assert path.read_bytes() == b"content"
    assert [found.name for found in path.parent.iterdir()] == ["package.zip"]


def test_an_error_leaves_the_earlier_file_and_no_rubbish(tmp_path: Path) -> None:
    path = tmp_path / "package.zip"
    path.write_bytes(b"earlier")
    with pytest.raises(RuntimeError), replacing(path) as file:
        file.write(b"half")
        raise RuntimeError
    assert path.read_bytes() == b"earlier"
    assert [found.name for found in tmp_path.iterdir()] == ["package.zip"]


def test_a_killed_writer_leaves_the_earlier_file_and_the_next_one_succeeds(tmp_path: Path) -> None:
    path = tmp_path / "package.zip"
    path.write_bytes(b"earlier")
    program = (
        "import os, sys; from pathlib import Path; from pacs2trial.collect.replacing import replacing\n"
        "with replacing(Path(sys.argv[1])) as file:\n"
        "    file.write(b'half'); file.flush(); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(path)], check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"earlier"
    with replacing(path) as file:
        file.write(b"whole")
    assert path.read_bytes() == b"whole"
    assert [found.name for found in tmp_path.iterdir()] == ["package.zip"]


def test_a_disk_that_refuses_is_a_transient_error(tmp_path: Path) -> None:
    (tmp_path / "no folder").write_bytes(b"")
    with pytest.raises(TransientError, match="cannot be written"), replacing(tmp_path / "no folder" / "x.zip"):
        pass


def test_digest_of_a_file_is_that_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc")
    assert file_sha256(tmp_path / "x") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
