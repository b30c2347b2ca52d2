"""An object is cut where its pixel data begin, whatever way it is encoded."""

from __future__ import annotations

import struct
import zlib

import pytest
from pydicom.uid import ExplicitVRBigEndian, ImplicitVRLittleEndian

from pacs2trial.dicomfile.encoding import EXPLICIT_LITTLE, IMPLICIT_LITTLE, split_dataset, split_file
from pacs2trial.errors import UnsafeObjectError
from support.objects import ct_slice, encoded, part10, raw_element

JPEG = "1.2.840.10008.1.2.4.50"
DEFLATED = "1.2.840.10008.1.2.1.99"
PIXEL_TAG = b"\xe0\x7f\x10\x00"


def deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


def encapsulated(fragments: list[bytes]) -> bytes:
    items = [b"\xfe\xff\x00\xe0" + struct.pack("<L", len(f)) + f for f in [b"", *fragments]]
    return PIXEL_TAG + b"OB\0\0\xff\xff\xff\xff" + b"".join(items) + b"\xfe\xff\xdd\xe0\0\0\0\0"


def header_only() -> bytes:
    ds = ct_slice()
    del ds.PixelData
    return encoded(ds)


def test_nothing_is_copied() -> None:
    data = encoded(ct_slice())
    found = split_dataset(data, EXPLICIT_LITTLE)
    assert isinstance(found.header, memoryview)
    assert found.header.obj is data
    assert isinstance(found.pixel, memoryview)
    assert found.pixel.obj is data
    assert bytes(found.header) + bytes(found.pixel) == data


def test_implicit_is_seen_whatever_was_said() -> None:
    data = encoded(ct_slice(), implicit=True)
    assert split_dataset(data, IMPLICIT_LITTLE).implicit
    assert split_dataset(data, EXPLICIT_LITTLE).implicit
    assert not split_dataset(encoded(ct_slice()), IMPLICIT_LITTLE).implicit


def test_deflated_is_inflated() -> None:
    data = encoded(ct_slice())
    found = split_dataset(deflated(data), DEFLATED)
    assert found.transfer_syntax == EXPLICIT_LITTLE
    assert bytes(found.header) + bytes(found.pixel) == data


def test_big_endian_becomes_little_endian() -> None:
    little = encoded(ct_slice())
    ds = ct_slice()
    ds.PixelData = b"".join(ds.PixelData[i : i + 2][::-1] for i in range(0, len(ds.PixelData), 2))
    big = encoded(ds, little=False)
    found = split_dataset(big, ExplicitVRBigEndian)
    assert bytes(found.header) + bytes(found.pixel) == little


def test_what_follows_the_pixel_data_is_left_out() -> None:
    data = encoded(ct_slice())
    trailing = b"\xfc\xff\xfc\xffOB\0\0\x06\0\0\0ZZPHI "
    assert split_dataset(data + trailing, EXPLICIT_LITTLE) == split_dataset(data, EXPLICIT_LITTLE)


def test_fragments_are_followed_to_their_end() -> None:
    pixel = encapsulated([b"\xff\xd8abcd", b"efgh"])
    found = split_dataset(header_only() + pixel + b"\xfc\xff\xfc\xffOB\0\0\0\0\0\0", JPEG)
    assert bytes(found.pixel) == pixel
    assert found.transfer_syntax == JPEG


def test_a_pixel_tag_within_a_sequence_is_no_cut() -> None:
    ds = ct_slice()
    ds.SeriesDescription = "xx" + PIXEL_TAG.decode("latin-1")
    found = split_dataset(encoded(ds), EXPLICIT_LITTLE)
    assert bytes(found.pixel[:4]) == PIXEL_TAG
    assert len(found.pixel) == 12 + 32


def test_zeros_after_the_last_element_are_padding() -> None:
    data = header_only()
    assert bytes(split_dataset(data + bytes(100), EXPLICIT_LITTLE).header) == data


@pytest.mark.parametrize("syntax", [EXPLICIT_LITTLE, ImplicitVRLittleEndian, ExplicitVRBigEndian])
def test_a_file_names_its_own_syntax(syntax: str) -> None:
    ds = ct_slice()
    ds.PixelData = bytes(32)
    found = split_file(part10(ds, syntax))
    assert found.implicit == (syntax == ImplicitVRLittleEndian)
    assert len(found.pixel) >= 32


def test_a_data_set_without_preamble_or_meta_is_read() -> None:
    data = encoded(ct_slice())
    assert split_file(data) == split_dataset(data, EXPLICIT_LITTLE)
    assert split_file(encoded(ct_slice(), implicit=True)).implicit
    assert split_file(part10(ct_slice())[128 + 4 :]) == split_file(part10(ct_slice()))


def test_the_same_bytes_are_the_same_object_whatever_was_read_before() -> None:
    series = [ct_slice(number) for number in range(1, 6)]
    for ds in series:
        ds.SeriesInstanceUID = ds.InstitutionName = "2.25.5550001"
    first, *others = [encoded(ds) for ds in series]
    before = split_dataset(first, EXPLICIT_LITTLE)
    for data in others:
        split_dataset(data, EXPLICIT_LITTLE)
    after = split_dataset(first, EXPLICIT_LITTLE)
    assert after.parts != before.parts
    assert after == before


@pytest.mark.parametrize(
    ("data", "syntax", "reason"),
    [
        (encoded(ct_slice())[:-3], EXPLICIT_LITTLE, "truncated"),
        (encoded(ct_slice())[:301], EXPLICIT_LITTLE, "truncated"),
        (encoded(ct_slice()), JPEG, "pixel-encoding"),
        (header_only() + encapsulated([b"abcd"]), EXPLICIT_LITTLE, "pixel-encoding"),
        (encoded(ct_slice()), "1.2.840.113619.5.2", "transfer-syntax"),
        (encoded(ct_slice()), "1.2.840.10008.1.2.4.94", "transfer-syntax"),
        (b"ZZPHI" * 100, EXPLICIT_LITTLE, "truncated"),
        (b"\x08\0\x05\0??\0\0" + bytes(range(64)), JPEG, "malformed"),
        (deflated(bytes(80 << 20)), DEFLATED, "too-large"),
        (deflated(encoded(ct_slice()))[:-9], DEFLATED, "truncated"),
        (b"not deflated", DEFLATED, "malformed"),
    ],
)
def test_doubtful_bytes_are_refused(data: bytes, syntax: str, reason: str) -> None:
    with pytest.raises(UnsafeObjectError) as refused:
        split_dataset(data, syntax)
    assert refused.value.reason == reason
    assert "ZZPHI" not in str(refused.value)


@pytest.mark.parametrize("data", [b"", b"PDF", b"%PDF-1.7" + bytes(200), b"II*\0" + bytes(range(256))])
def test_other_files_are_not_dicom(data: bytes) -> None:
    with pytest.raises(UnsafeObjectError) as refused:
        split_file(data)
    assert refused.value.reason == "not-dicom"


def test_nesting_has_a_limit() -> None:
    deep = b""
    for _ in range(500):
        deep = b"\x40\0\x75\x02SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff" + deep
        deep += b"\xfe\xff\x0d\xe0\0\0\0\0\xfe\xff\xdd\xe0\0\0\0\0"
    with pytest.raises(UnsafeObjectError) as refused:
        split_dataset(deep, EXPLICIT_LITTLE)
    assert refused.value.reason == "too-deep"


def test_the_outermost_elements_are_found_by_tag() -> None:
    for implicit in (False, True):
        obj = split_dataset(
            encoded(ct_slice(), implicit=implicit), "1.2.840.10008.1.2" if implicit else EXPLICIT_LITTLE
        )
        assert obj.value(0x00080060) == b"CT"
        assert obj.value(0x00081030) == b"CT Thorax "
        assert obj.value(0x00091001) == b"ZZPHI private "
        assert obj.value(0x7FE00010) == obj.value(0x00081111) == b""
        assert obj.in_order_to == 0xFFFFFFFF


def test_where_the_order_of_tags_ends_is_told() -> None:
    data = encoded(ct_slice())
    twice = raw_element(0x00080060, "CS", b"MR") + data
    obj = split_dataset(twice, EXPLICIT_LITTLE)
    assert (obj.in_order_to, obj.value(0x00080060)) == (0x00080060, b"MR")


def test_an_endless_outermost_level_is_refused() -> None:
    with pytest.raises(UnsafeObjectError) as refused:
        split_dataset(b"".join(raw_element(0x00090000 | n, "LO", b"") for n in range(0x1000, 0xFFFF)), EXPLICIT_LITTLE)
    assert refused.value.reason == "too-large"
