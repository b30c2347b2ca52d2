"""What stands under a path is offered once each, whatever it is wrapped in; what cannot be read is told, not lost."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import socket
import tarfile
import threading
import zipfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from pacs2trial.media import ChangedError, Limits, Member, NoObject, PassedOver, PlainFile, Unread, offered, read_file
from pacs2trial.media.reading import opened

OBJECT = bytes(128) + b"DICM" + b"an object"
OTHER = bytes(128) + b"DICM" + b"another object, and a longer one"
PACKERS: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, bz2.compress, lzma.compress]


def tar_of(*contents: bytes, names: Iterable[str] = ()) -> bytes:
    names = list(names) or [f"folder/{number}" for number in range(len(contents))]
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in zip(names, contents, strict=True):
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return made.getvalue()


def zip_of(*contents: bytes, names: Iterable[str] = (), packed: int = zipfile.ZIP_DEFLATED) -> bytes:
    names = list(names) or [f"folder/{number}" for number in range(len(contents))]
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", packed) as archive:
        for name, content in zip(names, contents, strict=True):
            archive.writestr(name, content)
    return made.getvalue()


def found(path: Path, limits: Limits | None = None) -> list[object]:
    """Contents of objects, else type or fault."""
    told: list[object] = []
    for one in offered([path], limits or Limits()):
        match one:
            case PlainFile():
                told.append(read_file(one.path))
            case Member():
                told.append(one.data)
            case Unread():
                told.append(one.fault)
            case _:
                told.append(type(one))
    return told


@pytest.mark.parametrize("pack", PACKERS)
def test_a_tar_gives_its_members_however_it_is_compressed(pack: Callable[[bytes], bytes], tmp_path: Path):
    path = tmp_path / "archive"
    path.write_bytes(pack(tar_of(OBJECT, b"text", OTHER)))

    assert found(path) == [OBJECT, NoObject, OTHER]


@pytest.mark.parametrize("pack", PACKERS[1:])
def test_a_compressed_file_is_one_member(pack: Callable[[bytes], bytes], tmp_path: Path):
    path = tmp_path / "slice.dcm.gz"
    path.write_bytes(pack(OBJECT))

    assert found(path) == [OBJECT]


def test_nested_archives_are_opened_up_to_a_depth(tmp_path: Path):
    path = tmp_path / "outer.zip"
    path.write_bytes(zip_of(OBJECT, tar_of(OTHER, zip_of(OBJECT, gzip.compress(OTHER)))))

    assert found(path) == [OBJECT, OTHER, OBJECT, "is an archive within 3 others: unpack it first"]


@pytest.mark.parametrize("name", ["../../escaped", "/etc/escaped", "C:\\escaped", "a/../../../escaped"])
@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_the_name_of_a_member_is_no_path(pack: Callable[..., bytes], name: str, tmp_path: Path):
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "archive").write_bytes(pack(OBJECT, names=[name]))

    assert found(folder) == [OBJECT]
    assert {path.name for path in tmp_path.rglob("*")} == {"in", "archive"}


def test_links_in_a_tar_are_not_followed(tmp_path: Path):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
            info = tarfile.TarInfo("link")
            info.type, info.linkname = kind, "/etc/passwd"
            archive.addfile(info)
    (tmp_path / "links.tar").write_bytes(made.getvalue())

    assert found(tmp_path / "links.tar") == [PassedOver] * 4


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, lambda data: zip_of(data)])
def test_a_bomb_ends_the_reading_of_its_archive_before_it_unfolds(pack: Callable[[bytes], bytes], tmp_path: Path):
    path = tmp_path / "bomb"
    path.write_bytes(pack(OBJECT + bytes(8 << 20)))
    told = found(path, Limits(ratio=10, ratio_from=1 << 20))

    assert told == ["unpacks to more than any archive of images does: what follows in it is not read"]


def test_a_bomb_of_zips_within_zips_is_one_bomb(tmp_path: Path):
    path = tmp_path / "bomb.zip"
    inner = zip_of(*[OBJECT + bytes(1 << 20)] * 8)
    path.write_bytes(zip_of(OBJECT, *[inner] * 8))
    told = found(path, Limits(ratio=10, ratio_from=10 << 20))

    assert told[0] == OBJECT
    assert "unpacks to more" in str(told[-1])
    assert sum(isinstance(one, bytes) for one in told) < 12


def test_a_zip_whose_members_share_their_bytes_is_a_bomb(tmp_path: Path):
    """Every entry of the directory leads to the same packed bytes, so that each by itself is in proportion."""
    path = tmp_path / "overlapping.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("0", os.urandom(1 << 10) + bytes(1 << 20))
        first = archive.infolist()[0]
        archive.filelist += [first] * 500
    told = found(path, Limits(ratio=200, ratio_from=1 << 20))

    assert "unpacks to more" in str(told[-1])
    assert len(told) < 100


def test_too_many_members_end_the_reading(tmp_path: Path):
    path = tmp_path / "many.tar"
    path.write_bytes(tar_of(*[OBJECT] * 6))

    told = found(path, Limits(members=4))
    assert told == [OBJECT] * 4 + ["holds more than 4 files: what follows in it is not read"]


@pytest.mark.parametrize("pack", [zip_of, tar_of])
def test_a_member_that_is_larger_than_an_object_can_be_is_told_and_the_next_one_read(
    pack: Callable[..., bytes], tmp_path: Path
):
    path = tmp_path / "archive"
    path.write_bytes(pack(bytes(5000), OBJECT))

    assert found(path, Limits(member=4096)) == ["is larger than an object can be", OBJECT]


def test_an_encrypted_member_is_told_and_the_next_one_read(tmp_path: Path):
    path = tmp_path / "half.zip"
    data = bytearray(zip_of(OBJECT, OTHER))
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)

    assert found(path) == ["is encrypted", OTHER]


@pytest.mark.parametrize("cut", [100, 700, 1400, 2000])
@pytest.mark.parametrize("pack", PACKERS)
def test_a_tar_that_ends_too_early_is_told(pack: Callable[[bytes], bytes], cut: int, tmp_path: Path):
    path = tmp_path / "archive"
    whole = pack(tar_of(OBJECT, os.urandom(3000), OTHER))
    path.write_bytes(whole[: min(cut, len(whole) - 20)])

    assert "is damaged" in str(found(path)[-1]) or found(path) == [NoObject]


def test_a_tar_with_a_damaged_header_in_its_midst_is_not_taken_for_a_whole_one(tmp_path: Path):
    """The reader of the standard library takes such a header for the end of the archive."""
    data = bytearray(tar_of(OBJECT, OTHER))
    data[1024 + 10] ^= 0xFF
    (tmp_path / "bent.tar").write_bytes(data)
    assert found(tmp_path / "bent.tar") == [OBJECT, "is damaged: what follows in it is not read"]

    data[1024:1536] = bytes(512)
    (tmp_path / "gap.tar").write_bytes(data)
    assert found(tmp_path / "gap.tar") == [OBJECT, "is damaged: what follows in it is not read"]


def test_a_compressed_tar_whose_bytes_changed_is_told(tmp_path: Path):
    data = bytearray(gzip.compress(tar_of(OBJECT, os.urandom(2000)), compresslevel=0))
    data[700] ^= 0xFF
    (tmp_path / "bent.tgz").write_bytes(data)

    assert "is damaged" in str(found(tmp_path / "bent.tgz")[-1])


@pytest.mark.parametrize(
    ("head", "kind"),
    [(b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07\x00", "RAR"), (b"\x28\xb5\x2f\xfd", "zstd")],
)
def test_an_archive_that_is_not_read_is_no_file_without_objects(head: bytes, kind: str, tmp_path: Path):
    (tmp_path / "archive").write_bytes(head + bytes(600))
    (told,) = found(tmp_path)

    assert kind in str(told)
    assert "unpack it first" in str(told)


def test_the_image_of_a_disc_is_told(tmp_path: Path):
    (tmp_path / "study.iso").write_bytes(bytes(32769) + b"CD001" + bytes(100))

    assert found(tmp_path) == ["is the image of a disc: unpack it first"]


def test_links_within_a_folder_are_passed_over_and_those_that_lead_out_are_told(tmp_path: Path):
    outside = tmp_path / "outside"
    outside.write_bytes(OTHER)
    folder = tmp_path / "folder"
    (folder / "deep").mkdir(parents=True)
    (folder / "deep" / "object").write_bytes(OBJECT)
    (folder / "a").symlink_to(outside)
    (folder / "b").symlink_to(folder / "deep" / "object")
    (folder / "c").symlink_to(folder / "nowhere")
    (folder / "d").symlink_to(folder)
    told = found(folder)

    assert told[-1] == OBJECT
    assert told[1] is told[3] is PassedOver
    assert "leads out of the folder" in str(told[0])
    assert "leads out of the folder" in str(told[2])


def test_a_link_that_is_named_itself_is_followed(tmp_path: Path):
    (tmp_path / "object").write_bytes(OBJECT)
    (tmp_path / "link").symlink_to(tmp_path / "object")

    assert found(tmp_path / "link") == [OBJECT]


def test_what_is_no_file_is_passed_over_and_never_waited_for(tmp_path: Path):
    folder = tmp_path / "folder"
    folder.mkdir()
    os.mkfifo(folder / "fifo")
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(folder / "socket"))
    (folder / "object").write_bytes(OBJECT)

    assert found(folder) == [PassedOver, OBJECT, PassedOver]
    assert found(Path("/dev/zero")) != [OBJECT]


def test_what_cannot_be_read_is_told_without_the_words_of_the_system():
    assert found(Path("/proc/self/mem")) == ["cannot be read (OSError)"]


def test_a_file_that_is_written_to_meanwhile_is_not_taken(tmp_path: Path):
    path = tmp_path / "growing"
    path.write_bytes(OBJECT)

    def grow() -> None:
        with path.open("ab") as file:
            file.write(b"more")

    with pytest.raises(ChangedError), opened(path) as file:
        file.read()
        writer = threading.Thread(target=grow)
        writer.start()
        writer.join()


def test_labels_tell_places_and_never_names(tmp_path: Path):
    folder = tmp_path / "Kowalski^Anna"
    folder.mkdir()
    (folder / "Kowalski.zip").write_bytes(zip_of(OBJECT, names=["Kowalski/Anna.dcm"]))
    (folder / "Kowalski2.zip").write_bytes(b"PK\x03\x04" + bytes(100))
    labels = [repr(one.at.label) + getattr(one, "fault", "") for one in offered([folder])]

    assert len(labels) == 2
    assert "argument 1, file 1 of 2, member 1 of 1" in labels[0]
    assert not any("Kowalski" in label or "Anna" in label for label in labels)


def test_inputs_stay_as_they_are(tmp_path: Path):
    (tmp_path / "archive.zip").write_bytes(zip_of(OBJECT, tar_of(OTHER)))
    (tmp_path / "object").write_bytes(OBJECT)
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()}
    found(tmp_path)

    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in tmp_path.iterdir()} == before
