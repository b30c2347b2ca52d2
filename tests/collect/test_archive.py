"""The zip: a function of its members."""

from __future__ import annotations

import hashlib
import io
import os
import subprocess
import sys
import time
import zipfile
import zlib
from pathlib import Path

import pytest

from pacs2trial.collect import squeezing, ziprecords
from pacs2trial.collect.archive import Archive
from pacs2trial.dicomfile.mapped import MappedFile, MappedPart, parts_of

MEMBERS = {"K-1/1.2/1.3/1.4.dcm": b"first" * 1000, "K-1/1.2/1.3/1.5.dcm": b"second" * 1000}


def made(compression: str = "store") -> bytes:
    file = io.BytesIO()
    with Archive(file, compression) as archive:
        for name, content in sorted(MEMBERS.items()):
            archive.add(name, [content[:7], memoryview(content)[7:]])
        archive.close_with([("manifest.json", b"{}")])
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
        archive.add("K-1/1.2/1.3/1.4.dcm", [content])
        (member,) = archive.settle()
    assert (member.size, member.sha256) == (len(content), hashlib.sha256(content).hexdigest())


def test_size_and_digest_of_the_whole_are_those_of_the_file() -> None:
    file = io.BytesIO()
    with Archive(file, "fast") as archive:
        for name, content in sorted(MEMBERS.items()):
            archive.add(name, [content])
    assert (archive.size, archive.sha256) == (len(file.getvalue()), hashlib.sha256(file.getvalue()).hexdigest())


def test_member_that_is_compressed_already_is_stored_in_a_fast_zip() -> None:
    file = io.BytesIO()
    with Archive(file, "fast") as archive:
        archive.add("a", [b"x" * 5000], stored=True)
        archive.add("b", [b"x" * 5000])
    with zipfile.ZipFile(file) as opened:
        assert [info.compress_type for info in opened.infolist()] == [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]
        assert opened.testzip() is None


def test_zip64_fields_stand_where_sizes_and_places_need_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ziprecords, "LARGEST", 1000)
    path = tmp_path / "large.zip"
    with path.open("wb") as file, Archive(file, "store") as archive:
        archive.add("large", [b"x" * 2000])
        archive.add("small", [b"x"])
    with zipfile.ZipFile(path) as opened:
        large, small = opened.infolist()
        assert (large.extract_version, large.file_size) == (zipfile.ZIP64_VERSION, 2000)
        assert (small.extract_version, small.header_offset) == (zipfile.ZIP64_VERSION, 2055)
        assert opened.testzip() is None


def test_more_members_than_a_small_zip_can_count_read_back() -> None:
    number, file = 66_000, io.BytesIO()
    entries = []
    for each in range(number):
        entries.append(ziprecords.Entry(f"{each:06}", ziprecords.STORED, zlib.crc32(b"x"), 1, 1, file.tell()))
        file.write(ziprecords.local_header(entries[-1]) + b"x")
    file.write(ziprecords.central_directory(entries, file.tell()))
    with zipfile.ZipFile(file) as opened:
        assert len(opened.namelist()) == number
        assert opened.read(f"{number - 1:06}") == b"x"


def test_bytes_of_a_mapped_file_are_copied_by_the_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, target = tmp_path / "staged.dcm", tmp_path / "package.zip"
    pixels = os.urandom(3 << 20)
    source.write_bytes(b"head" + pixels + b"tail")
    copied = []
    real = os.copy_file_range
    monkeypatch.setattr(os, "copy_file_range", lambda *given: copied.append(real(*given)) or copied[-1])
    staged = MappedFile(source, whole=True)
    with target.open("wb") as file, Archive(file, "store") as archive:
        archive.add("a.dcm", [b"new head", *parts_of(staged, [staged.view[4:-4]])])
        archive.add("b.dcm", [b"after it"])
    assert sum(copied) == len(pixels)
    with zipfile.ZipFile(target) as opened:
        assert opened.read("a.dcm") == b"new head" + pixels
        assert opened.read("b.dcm") == b"after it"
    assert archive.sha256 == hashlib.sha256(target.read_bytes()).hexdigest()


def test_where_the_kernel_does_not_copy_the_bytes_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = tmp_path / "staged.dcm"
    source.write_bytes(os.urandom(1 << 20))
    staged = MappedFile(source, whole=True)
    made = []
    for number in range(2):
        with (tmp_path / f"{number}.zip").open("wb") as file, Archive(file, "store") as archive:
            archive.add("a.dcm", parts_of(staged, [staged.view[7:]]))
        made.append((tmp_path / f"{number}.zip").read_bytes())
        monkeypatch.delattr(os, "copy_file_range", raising=False)
    assert made[0] == made[1]


def test_parts_that_are_no_slices_of_the_file_are_left_as_they_are(tmp_path: Path) -> None:
    source = tmp_path / "staged.dcm"
    source.write_bytes(bytes(range(256)))
    staged = MappedFile(source, whole=True)
    slice_, other = parts_of(staged, [staged.view[10:20], b"other"])
    assert isinstance(slice_, MappedPart)
    assert (slice_.offset, bytes(slice_.view)) == (10, bytes(range(10, 20)))
    assert bytes(other) == b"other"


def test_a_large_compressed_member_waits_on_disk_without_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(squeezing, "KEPT_IN_MEMORY", 1000)
    content = os.urandom(5 << 20)
    with (tmp_path / "a.zip").open("wb") as file, Archive(file, "fast", tmp_path) as archive:
        archive.add("a", [content])
    assert zipfile.ZipFile(tmp_path / "a.zip").read("a") == content
    assert [found.name for found in tmp_path.iterdir()] == ["a.zip"]


MEMORY = """
import resource, sys
from pathlib import Path
from pacs2trial.collect import squeezing, ziprecords
from pacs2trial.collect.archive import Archive
from pacs2trial.dicomfile.mapped import MappedFile, MappedPart, parts_of
from pacs2trial.dicomfile.mapped import MappedFile, parts_of

def anonymous():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

folder, compression = Path(sys.argv[1]), sys.argv[2]
most = before = anonymous()
with (folder / "a.zip").open("wb") as file, Archive(file, compression, folder) as archive:
    for number in range(16):
        staged = MappedFile(folder / "staged.dcm", whole=True)
        archive.add(f"{number:03}", [b"head", *parts_of(staged, [staged.view])])
        most = max(most, anonymous())
print((most - before) // 1024)
"""


@pytest.mark.parametrize("compression", ["store", "fast"])
def test_memory_does_not_grow_with_the_package(tmp_path: Path, compression: str) -> None:
    """16 members of 8 MB: what is held of them is bounded, whatever their number."""
    (tmp_path / "staged.dcm").write_bytes(os.urandom(1 << 20) * 8)
    command = [sys.executable, "-c", MEMORY, tmp_path, compression]
    grown = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert grown < 120


LARGE = """
import hashlib, os, sys
from pathlib import Path
from blake3 import blake3
from pacs2trial.collect.archive import Archive
from pacs2trial.dicomfile.mapped import MappedFile, parts_of

def anonymous():
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon"))

def copied(source, target, count, offset, here):
    os.ftruncate(target, here + count)
    return count

os.copy_file_range = copied
hashlib.sha256 = blake3
folder = Path(sys.argv[1])
staged = MappedFile(folder / "zeros", whole=True)
before = anonymous()
with (folder / "a.zip").open("wb") as file, Archive(file, "store", folder) as archive:
    archive.add("a large one", parts_of(staged, [staged.view] * 65))
    archive.add("b", [b"behind it"])
    archive.settle()
    print((anonymous() - before) // 1024)
"""


def test_a_member_of_more_than_4_gib_reads_back_with_what_stands_behind_it(tmp_path: Path) -> None:
    """65 times a mapped file of 64 MB of zeros. Where they are to be copied a hole of that length stands for them, and
    a faster digest for SHA-256, so that records, places and the CRC of 4 GiB are what takes the time."""
    with (tmp_path / "zeros").open("wb") as file:
        file.truncate(64 << 20)
    command = [sys.executable, "-c", LARGE, tmp_path]
    grown = int(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert grown < 120
    with zipfile.ZipFile(tmp_path / "a.zip") as opened:
        large, small = opened.infolist()
        assert (large.file_size, large.compress_size) == (65 << 26, 65 << 26)
        assert (large.extract_version, small.extract_version) == (zipfile.ZIP64_VERSION, zipfile.ZIP64_VERSION)
        assert small.header_offset > 1 << 32
        assert opened.read("b") == b"behind it"
        with opened.open("a large one") as member:
            assert member.read(1 << 20) == bytes(1 << 20)
