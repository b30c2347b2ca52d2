"""Text beside the image within compressed frames is found, and other decoders see the same image without it."""

from __future__ import annotations

import hashlib
import struct
import subprocess
from pathlib import Path

import pydicom
import pytest
from pydicom.encaps import generate_frames

from pacs2trial.dicomfile.codestreams import hidden_in_jpeg, hidden_in_jpeg_2000
from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.dicomfile.syntaxes import JPEG, JPEG_2000, JPEG_LS
from pacs2trial.errors import UnsafeObjectError
from support.programs import need
from support.stages import file_of, stage1

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"
MARKER = b"ZZPHI^Comment 19610407"
JPEG_FILES = ["SC_rgb_jpeg_dcmtk.dcm", "JPEG-lossy.dcm", "SC_rgb_jpeg_app14_dcmd.dcm", "JPGExtended.dcm"]
LS_FILES = ["MR_small_jpeg_ls_lossless.dcm", "JPEGLSNearLossless_16.dcm"]
FILES_2000 = ["693_J2KI.dcm", "MR_small_jp2klossless.dcm", "J2K_pixelrep_mismatch.dcm", "GDCMJ2K_TextGBR.dcm"]


def frame(name: str) -> bytes:
    ds = pydicom.dcmread(SHIPPED / name)
    return next(generate_frames(ds.PixelData, number_of_frames=1))


def segment(marker: int, content: bytes) -> bytes:
    return bytes((0xFF, marker)) + struct.pack(">H", len(content) + 2) + content


def without(stream: bytes, hidden: list[tuple[int, int]]) -> bytes:
    cleaned = bytearray(stream)
    for start, stop in hidden:
        cleaned[start:stop] = bytes(stop - start)
    return bytes(cleaned)


@pytest.mark.parametrize("name", JPEG_FILES + LS_FILES)
@pytest.mark.parametrize("marker", [0xFE, 0xE0, 0xE1, 0xE2, 0xED, 0xEE, 0xE8])
def test_comments_and_application_segments_are_found(name: str, marker: int) -> None:
    clean = frame(name)
    lossless_ls = name in LS_FILES
    content = {0xE1: b"Exif\0\0", 0xE0: b"JFXX\0", 0xEE: b"Adobe"}.get(marker, b"") + MARKER
    stream = clean[:2] + segment(marker, content) + clean[2:]
    again = without(stream, hidden_in_jpeg(stream, lossless_ls=lossless_ls))
    assert MARKER not in again
    assert len(again) == len(stream)
    plain = without(clean, hidden_in_jpeg(clean, lossless_ls=lossless_ls))
    assert again[:2] + again[2 + 4 + len(content) :] == plain


@pytest.mark.parametrize("name", JPEG_FILES + LS_FILES)
def test_a_comment_between_scans_is_found(name: str) -> None:
    stream = frame(name)
    end = stream.rindex(b"\xff\xd9")
    stream = stream[:end] + segment(0xFE, MARKER) + stream[end:]
    assert MARKER not in without(stream, hidden_in_jpeg(stream, lossless_ls=name in LS_FILES))


@pytest.mark.parametrize("name", JPEG_FILES + LS_FILES + FILES_2000)
def test_bytes_behind_the_end_of_the_image_are_found(name: str) -> None:
    for tail in (MARKER, b"\0\0" + MARKER, b"\xff" + MARKER):
        stream = frame(name) + tail
        try:
            found = (
                hidden_in_jpeg_2000(stream)
                if name in FILES_2000
                else hidden_in_jpeg(stream, lossless_ls=name in LS_FILES)
            )
        except UnsafeObjectError:
            continue
        assert MARKER not in without(stream, found)


@pytest.mark.parametrize("name", FILES_2000)
def test_comments_of_jpeg_2000_are_found_in_main_and_tile_headers(name: str) -> None:
    clean = frame(name)
    start = clean.index(b"\xff\x4f\xff\x51")
    comment = segment(0x64, b"\0\1" + MARKER)
    quantisation = clean.index(b"\xff\x5c", start)
    data = clean.index(b"\xff\x93", start)
    tile = clean.rindex(b"\xff\x90", start, data)
    length = int.from_bytes(clean[tile + 6 : tile + 10], "big")
    longer = struct.pack(">L", length + len(comment)) if length else bytes(4)
    in_main = clean[:quantisation] + comment + clean[quantisation:]
    in_tile = clean[: tile + 6] + longer + clean[tile + 10 : data] + comment + clean[data:]
    for stream in (in_main, in_tile):
        if start:  # the box around it is as long as it says
            box = start - 8
            size = int.from_bytes(stream[box : box + 4], "big")
            stream = stream[:box] + struct.pack(">L", size + len(comment) if size else 0) + stream[box + 4 :]
        assert MARKER not in without(stream, hidden_in_jpeg_2000(stream))


def test_boxes_with_text_are_found_and_the_image_boxes_stay() -> None:
    clean = frame("GDCMJ2K_TextGBR.dcm")
    for kind in (b"xml ", b"uuid", b"uinf"):
        stream = clean.rstrip(b"\0") + struct.pack(">L", 8 + len(MARKER)) + kind + MARKER
        cleaned = without(stream, hidden_in_jpeg_2000(stream))
        assert MARKER not in cleaned
        assert b"jp2h" in cleaned
        assert b"ihdr" in cleaned


def test_what_decoders_need_and_what_encoders_sign_stays() -> None:
    clean = frame("SC_rgb_jpeg_dcmtk.dcm")
    for marker, content in ((0xE0, b"JFIF\0\1\2\0\0\1\0\1\0\0"), (0xEE, b"Adobe\0\x64\0\0\0\0\1"), (0xE8, b"mrfx\1")):
        stream = clean[:2] + segment(marker, content) + clean[2:]
        assert content in without(stream, hidden_in_jpeg(stream, lossless_ls=False))
    stream = clean[:2] + segment(0xE0, b"JFIF\0\1\2\0\0\1\0\1\2\2ZZPHI thumbnail") + clean[2:]
    assert b"ZZPHI" not in without(stream, hidden_in_jpeg(stream, lossless_ls=False))
    kakadu = segment(0x64, b"\0\1Kakadu-v8.0")
    clean = frame("693_J2KI.dcm")
    place = clean.index(b"\xff\x5c")
    stream = clean[:place] + kakadu + clean[place:]
    assert kakadu in without(stream, hidden_in_jpeg_2000(stream))


@pytest.mark.parametrize("name", JPEG_FILES + LS_FILES + FILES_2000)
def test_a_frame_that_is_cut_or_bent_is_refused_or_followed_to_its_end(name: str) -> None:
    whole = frame(name)
    for cut in (*range(min(400, len(whole))), len(whole) // 2):
        for broken in (whole[:cut], whole[:cut] + b"\xff\x05" + whole[cut + 2 :]):
            try:
                found = (
                    hidden_in_jpeg_2000(broken)
                    if name in FILES_2000
                    else hidden_in_jpeg(broken, lossless_ls=name in LS_FILES)
                )
            except UnsafeObjectError as refused:
                assert refused.reason == "pixel-encoding"
                continue
            assert all(0 <= start < stop <= len(broken) for start, stop in found if start != stop)
            assert found == sorted(found)


@pytest.mark.parametrize("name", JPEG_FILES)
def test_another_decoder_sees_the_same_image(name: str, tmp_path: Path) -> None:
    program = need("dcmdjpeg")
    ds = pydicom.dcmread(SHIPPED / name)
    clean = frame(name)
    ds.PixelData = pydicom.encaps.encapsulate([clean[:2] + segment(0xFE, MARKER) + segment(0xE1, MARKER) + clean[2:]])
    ds.save_as(tmp_path / "in.dcm")
    made = stage1(split_file((tmp_path / "in.dcm").read_bytes()))
    (tmp_path / "out.dcm").write_bytes(file_of(made))
    assert MARKER not in (tmp_path / "out.dcm").read_bytes()
    images = set()
    for file in ("in.dcm", "out.dcm"):
        subprocess.run([program, tmp_path / file, tmp_path / f"decoded-{file}"], check=True, capture_output=True)
        images.add(hashlib.sha256(pydicom.dcmread(tmp_path / f"decoded-{file}").PixelData).hexdigest())
    assert len(images) == 1


def test_families_of_syntaxes_do_not_overlap() -> None:
    assert not JPEG & JPEG_LS | JPEG_LS & JPEG_2000 | JPEG & JPEG_2000
