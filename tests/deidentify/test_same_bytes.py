"""However the same object is sent, the same bytes come out (promise 6)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from pacs2trial.dicomfile.encoding import EXPLICIT_LITTLE, split_dataset, split_file
from support.objects import ct_slice, encoded, part10, raw_element, structure_set, undefined_lengths, with_raw
from support.stages import file_of, stage1, stage2


def rich() -> Dataset:
    """An object with what encodings do differently: choices of VR, odd text, empty and nested sequences."""
    ds = ct_slice()
    ds.PixelRepresentation = 1
    ds.SmallestImagePixelValue = -5
    ds.PixelPaddingValue = -2000
    ds.ProtocolName = "odd"
    ds.ImageComments = "lung"
    ds.PatientComments = "x"
    ds.AcquisitionDateTime = "20190312101500.5"
    ds.FrameIncrementPointer = 0x00181063
    ds.RedPaletteColorLookupTableData = b"\x01\x02\x03\x04"
    ds.LossyImageCompressionRatio = ["2.5", "7"]
    ds.AnatomicRegionSequence = Sequence([_code("T-28000", "Lung"), Dataset()])
    ds.ReferencedSeriesSequence = Sequence([])
    lut = Dataset()
    lut.LUTDescriptor = [256, -7, 16]
    lut.LUTExplanation = "none"
    lut.LUTData = b"\x01\0\x02\0"
    ds.ModalityLUTSequence = Sequence([lut])
    return ds


def _code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SRT", meaning
    return item


def swapped_pixels(ds: Dataset) -> Dataset:
    """pydicom does not turn words around when it writes big endian."""
    for keyword in ("PixelData", "RedPaletteColorLookupTableData"):
        if keyword in ds:
            value = ds[keyword].value
            ds[keyword].value = b"".join(value[i : i + 2][::-1] for i in range(0, len(value), 2))
    for item in ds.get("ModalityLUTSequence", []):
        item.LUTData = b"".join(item.LUTData[i : i + 2][::-1] for i in range(0, len(item.LUTData), 2))
    return ds


def with_group_lengths(data: bytes) -> bytes:
    return with_raw(
        data, {group << 16: raw_element(group << 16, "UL", b"\xff\0\0\0") for group in (8, 0x10, 0x20, 0x28)}
    )


def deflated(data: bytes) -> bytes:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return deflater.compress(data) + deflater.flush()


def ways(make: object) -> Iterator[tuple[str, bytes, str]]:
    build = make if callable(make) else rich
    yield "explicit", encoded(build()), EXPLICIT_LITTLE
    yield "implicit", encoded(build(), implicit=True), ImplicitVRLittleEndian
    yield "undefined lengths", encoded(undefined_lengths(build())), EXPLICIT_LITTLE
    yield "implicit, undefined lengths", encoded(undefined_lengths(build()), implicit=True), ImplicitVRLittleEndian
    yield "deflated", deflated(encoded(build())), DeflatedExplicitVRLittleEndian
    yield "big endian", encoded(swapped_pixels(build()), little=False), ExplicitVRBigEndian
    yield "group lengths", with_group_lengths(encoded(build())), EXPLICIT_LITTLE
    yield "trailing padding", encoded(build()) + raw_element(0xFFFCFFFC, "OB", bytes(40)), EXPLICIT_LITTLE


@pytest.mark.parametrize("make", [rich, ct_slice, structure_set])
def test_every_encoding_gives_the_same_file(make: object) -> None:
    stage_one = {name: file_of(stage1(data, syntax)) for name, data, syntax in ways(make)}
    different = [name for name, made in stage_one.items() if made != stage_one["explicit"]]
    assert different == []


def test_the_same_holds_for_trials() -> None:
    options = ("clean_descriptors", "retain_modified_dates")
    made = {file_of(stage2(split_dataset(data, syntax), *options)) for _, data, syntax in ways(rich)}
    assert len(made) == 1


def test_a_file_gives_what_the_network_gives() -> None:
    assert file_of(stage1(split_file(part10(rich())))) == file_of(stage1(rich()))


def test_standard_attributes_sent_as_un_get_their_vr() -> None:
    hidden = {}
    for element in rich():
        if element.VR not in ("SQ", "OW") and " or " not in element.VR and element.tag.group != 9:
            one = Dataset()
            one.add(element)
            raw = encoded(one)
            start = 12 if element.VR in ("UT", "UC", "UR", "OB") else 8
            hidden[int(element.tag)] = raw_element(int(element.tag), "UN", raw[start:])
    made = stage1(with_raw(encoded(rich()), hidden))
    assert file_of(made) == file_of(stage1(rich()))


def test_a_standard_sequence_sent_as_un_is_read() -> None:
    data = encoded(rich(), implicit=False)
    one = Dataset()
    one.AnatomicRegionSequence = rich().AnatomicRegionSequence
    tag = 0x00082218
    for undefined in (False, True):
        inner = encoded(undefined_lengths(one) if undefined else one, implicit=True)
        raw = raw_element(tag, "UN", inner[8:])
        if undefined:
            raw = raw[:8] + b"\xff\xff\xff\xff" + raw[12:]
        assert file_of(stage1(with_raw(data, {tag: raw}))) == file_of(stage1(rich()))


def test_padding_does_not_matter() -> None:
    data = encoded(rich())
    padded = {
        0x0008103E: raw_element(0x0008103E, "LO", b"Thorax 1.0 B30f\0"),
        0x00081030: raw_element(0x00081030, "LO", b"CT Thorax     "),
        0x0020000E: raw_element(0x0020000E, "UI", rich().SeriesInstanceUID.encode() + b"  "),
        0x00080060: raw_element(0x00080060, "CS", b"CT    "),
        0x00180060: raw_element(0x00180060, "DS", b"120.0   "),
        0x00181030: raw_element(0x00181030, "LO", b"odd"),
    }
    assert file_of(stage1(with_raw(data, padded))) == file_of(stage1(rich()))


def test_the_same_input_gives_the_same_bytes_again() -> None:
    assert file_of(stage1(rich())) == file_of(stage1(rich()))


def test_what_an_archive_adds_does_not_matter() -> None:
    ds = rich()
    ds.RetrieveAETitle = "ARCHIVE"
    ds.InstanceAvailability = "ONLINE"
    ds.RetrieveURL = "http://archive/1"
    ds.NumberOfStudyRelatedInstances = 12
    ds.StorageMediaFileSetUID = "1.2.3.4.5"
    assert file_of(stage1(ds)) == file_of(stage1(rich()))


def test_output_holds_no_undefined_length_and_only_even_values() -> None:
    for _, data, syntax in ways(rich):
        made = stage1(data, syntax)
        assert b"\xff\xff\xff\xff" not in made.header
        assert len(made.header) % 2 == 0


def test_staged_output_is_canonical_already() -> None:
    """Reading and writing it again by the walk changes no kept element: a second stage finds what the first wrote."""
    made = stage1(rich())
    again = stage1(split_file(file_of(made)))
    kept = [line for line in file_lines(made) if line[0] not in {"UI", "LO", "SH", "PN"}]
    assert kept == [line for line in file_lines(again) if line[0] not in {"UI", "LO", "SH", "PN"}]


def file_lines(made: object) -> list[tuple[str, str]]:
    from support.stages import reread

    return [(element.VR, str(element)) for element in reread(made)]  # type: ignore[arg-type]
