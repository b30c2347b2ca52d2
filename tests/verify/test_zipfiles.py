"""A zip is judged before a byte of it is unpacked."""

from __future__ import annotations

import stat
import struct
import warnings
import zipfile
from pathlib import Path

import pytest

from pacs2trial.verify import verify_file
from pacs2trial.verify.zipfiles import dangers, open_package

GOOD = "LA-001/2.25.1/2.25.2/2.25.3.dcm"


def dangers_of(path: Path) -> list[str]:
    with open_package(path) as archive:
        return dangers(archive)


def written(path: Path, *infos: zipfile.ZipInfo | str, content: bytes = b"x") -> Path:
    with warnings.catch_warnings(), zipfile.ZipFile(path, "w") as archive:
        warnings.simplefilter("ignore")
        for info in infos:
            archive.writestr(info, content)
    return path


def test_plain_names_are_safe(tmp_path: Path) -> None:
    assert dangers_of(written(tmp_path / "p.zip", GOOD, "manifest.json")) == []


@pytest.mark.parametrize(
    "name",
    [
        "/etc/passwd",
        "../../LA-001/2.25.1/2.25.2/2.25.3.dcm",
        "LA-001/2.25.1/../2.25.3.dcm",
        "LA-001/2.25.1/2.25.2/../../../2.25.3.dcm",
        "C:/LA-001/2.25.1/2.25.2/2.25.3.dcm",
        "LA-001\\2.25.1\\2.25.2\\2.25.3.dcm",
        "LA-001/2.25.1/2.25.2/",
        "LA-001/2.25.1/2.25.2/2.25.3.exe",
        "other.json",
        ".hidden/2.25.1/2.25.2/2.25.3.dcm",
    ],
)
def test_a_name_that_is_not_a_packages_is_dangerous_and_not_repeated(tmp_path: Path, name: str) -> None:
    findings = dangers_of(written(tmp_path / "p.zip", name))
    assert findings[0].startswith("member 1: its name")
    assert not any(name in finding for finding in findings)


def test_a_name_that_stands_twice_is_dangerous_in_any_case(tmp_path: Path) -> None:
    assert dangers_of(written(tmp_path / "p.zip", GOOD, GOOD.replace("LA-", "la-"))) == [
        f"{GOOD.replace('LA-', 'la-')}: its name stands twice"
    ]


def test_a_symbolic_link_is_dangerous(tmp_path: Path) -> None:
    info = zipfile.ZipInfo(GOOD)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    assert dangers_of(written(tmp_path / "p.zip", info)) == [f"{GOOD}: it is no ordinary file"]


def test_an_encrypted_member_is_dangerous(tmp_path: Path) -> None:
    path = written(tmp_path / "p.zip", GOOD)
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x01\x02")
    data[directory + 8] |= 1
    path.write_bytes(data)
    assert dangers_of(path) == [f"{GOOD}: it is encrypted"]


def test_another_compression_is_dangerous(tmp_path: Path) -> None:
    info = zipfile.ZipInfo(GOOD)
    info.compress_type = zipfile.ZIP_LZMA
    assert dangers_of(written(tmp_path / "p.zip", info)) == [f"{GOOD}: compression method 14 is not used in packages"]


def test_a_member_that_claims_to_unpack_to_more_than_deflate_can_is_dangerous(tmp_path: Path) -> None:
    path = written(tmp_path / "p.zip", GOOD)
    data = bytearray(path.read_bytes())
    directory = data.index(b"PK\x01\x02")
    struct.pack_into("<I", data, directory + 24, 1 << 31)
    path.write_bytes(data)
    assert dangers_of(path) == [f"{GOOD}: it would unpack to more than it can hold"]


def test_members_that_share_bytes_are_dangerous(tmp_path: Path) -> None:
    other = GOOD.replace("2.25.3", "2.25.4")
    path = written(tmp_path / "p.zip", GOOD, other, content=b"x" * 500)
    data = bytearray(path.read_bytes())
    first = data.index(b"PK\x01\x02")
    second = data.index(b"PK\x01\x02", first + 1)
    struct.pack_into("<I", data, second + 42, 0)
    path.write_bytes(data)
    assert dangers_of(path) == ["two members share the same bytes of the zip"]


def test_nothing_more_is_read_of_a_dangerous_zip(tmp_path: Path) -> None:
    (proof,) = verify_file(written(tmp_path / "p.zip", "../x", "manifest.json"))
    assert (proof.name, proof.passed) == ("zip", False)
