"""Pixel data pass through untouched and uncopied; only their head is made canonical, and nothing hides in them."""

from __future__ import annotations

import struct

import pytest
from pydicom.dataset import Dataset

from pacs2trial.dicomfile.encoding import split_dataset, split_file
from pacs2trial.dicomfile.syntaxes import ENCAPSULATED_UNCOMPRESSED, EXPLICIT_LITTLE, JPEG_XL, RLE
from pacs2trial.errors import UnsafeObjectError
from support.objects import ct_slice, encoded, raw_element
from support.stages import both_stages, file_of, reread, stage1

JPEG = "1.2.840.10008.1.2.4.50"
JPEG_FRAME = b"\xff\xd8\xff\xda\0\x08\1\1\0\0\x3f\0\x12\x34\xff\0\x56\xff\xd9"
RLE_FRAME = struct.pack("<16L", 1, 64, *[0] * 14) + b"\x03\1\2\3\4"
SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"


def header_of(ds: Dataset) -> bytes:
    del ds.PixelData
    return encoded(ds)


def image(bits: int, *, rows: int = 4, columns: int = 4, frames: int = 0) -> bytes:
    ds = ct_slice(rows=rows, columns=columns)
    ds.BitsAllocated = bits
    if frames:
        ds.NumberOfFrames = frames
    return header_of(ds)


def item(content: bytes) -> bytes:
    return b"\xfe\xff\x00\xe0" + struct.pack("<L", len(content)) + content


def fragments(*contents: bytes, table: bytes = b"") -> bytes:
    return (
        raw_element(0x7FE00010, "OB", b"")[:8]
        + b"\xff\xff\xff\xff"
        + b"".join(map(item, (table, *contents)))
        + SEQUENCE_END
    )


def refused(data: bytes, syntax: str = EXPLICIT_LITTLE) -> str:
    with pytest.raises(UnsafeObjectError) as caught:
        stage1(split_dataset(data, syntax))
    assert "ZZPHI" not in str(caught.value)
    return caught.value.reason


def pixel_of(data: bytes, syntax: str) -> bytes:
    return b"".join(map(bytes, stage1(split_dataset(data, syntax)).pixel))


def test_the_value_is_a_slice_of_what_came() -> None:
    data = encoded(ct_slice())
    made = stage1(data)
    value = made.pixel[1]
    assert isinstance(value, memoryview)
    assert value.obj is data
    assert bytes(value) == ct_slice().PixelData


@pytest.mark.parametrize(
    ("sent", "bits", "written"), [("OB", 16, "OW"), ("OW", 16, "OW"), ("OW", 8, "OB"), ("OB", 1, "OB")]
)
def test_the_vr_follows_the_bits(sent: str, bits: int, written: str) -> None:
    made = stage1(image(bits) + raw_element(0x7FE00010, sent, bytes(2 * bits)))
    assert bytes(made.pixel[0]) == raw_element(0x7FE00010, written, b"")[:8] + struct.pack("<L", 2 * bits)


@pytest.mark.parametrize(("tag", "vr", "bits"), [(0x7FE00008, "OF", 32), (0x7FE00009, "OD", 64)])
def test_float_pixel_data_stay(tag: int, vr: str, bits: int) -> None:
    value = bytes(range(2 * bits))
    made = stage1(image(bits) + raw_element(tag, vr, value))
    assert b"".join(map(bytes, made.pixel)) == raw_element(tag, vr, value)


def test_no_pixel_data_and_empty_pixel_data() -> None:
    assert stage1(header_of(ct_slice())).pixel == []
    made = stage1(header_of(ct_slice()) + raw_element(0x7FE00010, "OW", b""))
    assert b"".join(map(bytes, made.pixel)) == raw_element(0x7FE00010, "OW", b"")


def test_an_odd_length_is_filled_up() -> None:
    made = stage1(image(8, rows=1, columns=3) + raw_element(0x7FE00010, "OB", b"abc"))
    assert b"".join(map(bytes, made.pixel)) == raw_element(0x7FE00010, "OB", b"abc\0")


def test_pixels_that_end_too_early_are_refused() -> None:
    assert refused(image(16) + raw_element(0x7FE00010, "OW", bytes(30))) == "pixel-length"
    assert refused(image(16, frames=2) + raw_element(0x7FE00010, "OW", bytes(32))) == "pixel-length"


def test_bytes_behind_the_last_frame_are_refused_and_zeros_are_padding() -> None:
    assert refused(image(16) + raw_element(0x7FE00010, "OW", bytes(32) + b"ZZPHI ")) == "pixel-length"
    assert pixel_of(image(16) + raw_element(0x7FE00010, "OW", bytes(64)), EXPLICIT_LITTLE)[12:] == bytes(64)


def test_pixels_without_a_description_are_refused() -> None:
    ds = ct_slice()
    del ds.Rows
    assert refused(header_of(ds) + raw_element(0x7FE00010, "OW", b"ZZPHI ")) == "pixel-length"


@pytest.mark.parametrize("frames", ["9" * 12, "9" * 5000, "-1", "x"])
def test_a_number_of_frames_that_is_none_does_no_harm(frames: str) -> None:
    ds = ct_slice()
    header = header_of(ds)
    at = header.index(b"\x28\x00\x10\x00US")
    head = header[:at] + raw_element(0x00280008, "IS", frames.encode() + b" " * (len(frames) % 2)) + header[at:]
    try:
        stage1(head + raw_element(0x7FE00010, "OW", bytes(32)))
    except UnsafeObjectError as unsafe:
        assert unsafe.reason == "pixel-length"


def test_chrominance_of_two_pixels_is_stored_once() -> None:
    ds = ct_slice()
    ds.PhotometricInterpretation, ds.SamplesPerPixel, ds.BitsAllocated = "YBR_FULL_422", 3, 8
    stage1(header_of(ds) + raw_element(0x7FE00010, "OB", bytes(32)))


def test_fragments_are_copied_as_they_are() -> None:
    pixel = fragments(JPEG_FRAME[:9], JPEG_FRAME[9:], table=bytes(4))
    data = header_of(ct_slice()) + pixel
    made = stage1(split_dataset(data, JPEG))
    assert b"".join(map(bytes, made.pixel)) == pixel
    assert isinstance(made.pixel[1], memoryview)
    assert made.pixel[1].obj is data
    assert made.transfer_syntax == JPEG
    again = both_stages(split_dataset(data, JPEG))
    assert b"".join(map(bytes, again.pixel)) == pixel
    assert reread(again).file_meta.TransferSyntaxUID == JPEG


@pytest.mark.parametrize(
    ("frames", "contents", "table"),
    [
        (1, [JPEG_FRAME, JPEG_FRAME], b""),
        (3, [JPEG_FRAME, JPEG_FRAME], b""),
        (1, [b"ZZPHI ", JPEG_FRAME], b""),
        (1, [b"ZZPHI "], b""),
        (1, [], b""),
        (1, [JPEG_FRAME[:-2]], b""),
        (1, [JPEG_FRAME[:5]], b""),
    ],
)
def test_fragments_that_are_not_the_frames_are_refused(frames: int, contents: list[bytes], table: bytes) -> None:
    assert refused(image(8, frames=frames) + fragments(*contents, table=table), JPEG) == "pixel-encoding"


def test_an_offset_table_that_is_none_is_overwritten() -> None:
    for table in (b"ZZPHI  \0", b"ZZPH"):
        pixel = pixel_of(image(8) + fragments(JPEG_FRAME, table=table), JPEG)
        assert pixel == fragments(JPEG_FRAME, table=bytes(len(table)))
    two = fragments(JPEG_FRAME, JPEG_FRAME, table=struct.pack("<2L", 0, 8 + len(JPEG_FRAME)))
    assert pixel_of(image(8, frames=2) + two, JPEG) == two


def test_comments_are_overwritten_across_fragments() -> None:
    comment = b"\xff\xfe\0\x0cZZPHI text"
    frame = JPEG_FRAME[:2] + comment + JPEG_FRAME[2:]
    for cut in range(3, len(frame) - 1):
        pixel = pixel_of(image(8) + fragments(frame[:cut], frame[cut:]), JPEG)
        assert pixel == fragments(*_cut(frame.replace(b"ZZPHI text", bytes(10)), cut))


def _cut(frame: bytes, cut: int) -> tuple[bytes, bytes]:
    return frame[:cut], frame[cut:]


def test_run_length_frames_hold_nothing_but_segments() -> None:
    assert pixel_of(image(8) + fragments(RLE_FRAME), RLE) == fragments(RLE_FRAME)
    for bad in (RLE_FRAME[:40] + b"ZZPHI  \0" + RLE_FRAME[48:], RLE_FRAME[:60], b"ZZPHI " * 20, bytes(80)):
        assert refused(image(8) + fragments(bad), RLE) == "pixel-encoding"
    assert refused(image(8) + fragments(RLE_FRAME, RLE_FRAME), RLE) == "pixel-encoding"


def test_uncompressed_frames_in_fragments_have_their_length() -> None:
    good = image(16) + fragments(bytes(32))
    assert pixel_of(good, ENCAPSULATED_UNCOMPRESSED) == fragments(bytes(32))
    assert refused(image(16) + fragments(bytes(32) + b"ZZPHI "), ENCAPSULATED_UNCOMPRESSED) == "pixel-encoding"


def test_a_jpeg_xl_file_of_boxes_is_refused() -> None:
    syntax = min(JPEG_XL)
    assert pixel_of(image(8) + fragments(b"\xff\x0a\1\2"), syntax) == fragments(b"\xff\x0a\1\2")
    assert refused(image(8) + fragments(b"\0\0\0\x0cJXL \r\n\x87\nZZPHI "), syntax) == "pixel-encoding"


def test_the_extended_offset_table_stays() -> None:
    ds = ct_slice()
    ds.add_new(0x7FE00001, "OV", bytes(16))
    assert 0x7FE00001 in reread(stage1(ds))


@pytest.mark.parametrize("group", [0x6000, 0x6002, 0x601E])
def test_an_overlay_within_the_pixels_is_refused(group: int) -> None:
    ds = ct_slice()
    ds.add_new((group << 16) + 0x0100, "US", 16)
    ds.add_new((group << 16) + 0x0102, "US", 12)
    assert refused(encoded(ds)) == "embedded-overlay"
    del ds[(group, 0x0102)]
    assert refused(encoded(ds)) == "embedded-overlay"


def test_an_overlay_apart_from_the_pixels_goes_and_the_image_stays() -> None:
    ds = ct_slice()
    ds.add_new(0x60000100, "US", 1)
    ds.add_new(0x60000102, "US", 0)
    ds.add_new(0x60003000, "OW", b"ZZPHI ")
    made = stage1(ds)
    assert b"ZZPHI" not in file_of(made)
    assert bytes(made.pixel[1]) == ct_slice().PixelData


def test_both_stages_leave_the_same_pixels() -> None:
    made = both_stages(ct_slice())
    assert split_file(file_of(made)).pixel[12:] == ct_slice().PixelData
    assert made.transfer_syntax == EXPLICIT_LITTLE
