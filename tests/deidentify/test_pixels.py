"""Pixel data pass through untouched and uncopied; only their head is made canonical."""

from __future__ import annotations

import struct

import pytest
from pydicom.dataset import Dataset

from pacs2trial.dicomfile.encoding import EXPLICIT_LITTLE, split_dataset, split_file
from support.objects import ct_slice, encoded, raw_element
from support.stages import both_stages, file_of, reread, stage1

JPEG = "1.2.840.10008.1.2.4.50"


def header_of(ds: Dataset) -> bytes:
    del ds.PixelData
    return encoded(ds)


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
    ds = ct_slice()
    ds.BitsAllocated = bits
    made = stage1(header_of(ds) + raw_element(0x7FE00010, sent, bytes(8)))
    assert bytes(made.pixel[0]) == raw_element(0x7FE00010, written, b"")[:8] + struct.pack("<L", 8)


@pytest.mark.parametrize(("tag", "vr"), [(0x7FE00008, "OF"), (0x7FE00009, "OD")])
def test_float_pixel_data_stay(tag: int, vr: str) -> None:
    made = stage1(header_of(ct_slice()) + raw_element(tag, vr, bytes(range(16))))
    assert b"".join(map(bytes, made.pixel)) == raw_element(tag, vr, bytes(range(16)))


def test_no_pixel_data_and_empty_pixel_data() -> None:
    assert stage1(header_of(ct_slice())).pixel == []
    made = stage1(header_of(ct_slice()) + raw_element(0x7FE00010, "OW", b""))
    assert b"".join(map(bytes, made.pixel)) == raw_element(0x7FE00010, "OW", b"")


def test_an_odd_length_is_filled_up() -> None:
    ds = ct_slice()
    ds.BitsAllocated = 8
    made = stage1(header_of(ds) + raw_element(0x7FE00010, "OB", b"abc"))
    assert b"".join(map(bytes, made.pixel)) == raw_element(0x7FE00010, "OB", b"abc\0")


def test_fragments_are_copied_as_they_are() -> None:
    fragments = b"".join(
        b"\xfe\xff\x00\xe0" + struct.pack("<L", len(f)) + f for f in (b"\0\0\0\0", b"\xff\xd8ab", b"cdef\xff\xd9")
    )
    pixel = b"\xe0\x7f\x10\x00OB\0\0\xff\xff\xff\xff" + fragments + b"\xfe\xff\xdd\xe0\0\0\0\0"
    made = stage1(split_dataset(header_of(ct_slice()) + pixel, JPEG))
    assert b"".join(map(bytes, made.pixel)) == pixel
    assert made.transfer_syntax == JPEG
    again = both_stages(split_dataset(header_of(ct_slice()) + pixel, JPEG))
    assert b"".join(map(bytes, again.pixel)) == pixel
    assert reread(again).file_meta.TransferSyntaxUID == JPEG


def test_the_extended_offset_table_stays() -> None:
    ds = ct_slice()
    ds.add_new(0x7FE00001, "OV", bytes(16))
    assert 0x7FE00001 in reread(stage1(ds))


def test_both_stages_leave_the_same_pixels() -> None:
    made = both_stages(ct_slice())
    assert split_file(file_of(made)).pixel[12:] == ct_slice().PixelData
    assert made.transfer_syntax == EXPLICIT_LITTLE
