"""Broken and hostile headers are refused with a reason; none passes through, crashes or hangs."""

from __future__ import annotations

import struct
import time

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs2trial.dicomfile.encoding import EXPLICIT_LITTLE, EncodedObject, split_file
from pacs2trial.errors import UnsafeObjectError
from support.objects import ct_slice, encoded, raw_element, raw_items, with_raw
from support.stages import file_of, reread, stage1, stage2

SEQUENCE = 0x00081115
ITEM = b"\xfe\xff\x00\xe0"
ITEM_END = b"\xfe\xff\x0d\xe0\0\0\0\0"
SEQUENCE_END = b"\xfe\xff\xdd\xe0\0\0\0\0"
UNDEFINED = b"\xff\xff\xff\xff"


def header() -> bytes:
    ds = ct_slice()
    del ds.PixelData
    return encoded(ds)


def engine(data: bytes, *, implicit: bool = False) -> bytes:
    """The engine alone, without the split that would refuse some of these first."""
    return file_of(stage1(EncodedObject(EXPLICIT_LITTLE, data, b"", implicit)))


def undefined_sequence(tag: int, content: bytes) -> bytes:
    return raw_element(tag, "SQ", b"")[:8] + UNDEFINED + content + SEQUENCE_END


NAME = raw_element(0x00100010, "PN", b"ZZPHI^Second")


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (header() + NAME, "order"),
        (NAME + header(), "order"),
        (header() + raw_element(0x00280303, "CS", b"X ") * 2, "order"),
        (with_raw(header(), {SEQUENCE: raw_element(SEQUENCE, "SQ", raw_items(NAME + NAME))}), "order"),
        (header()[:-1], "truncated"),
        (header() + b"\x30\0\0", "truncated"),
        (header() + b"\x30\x00\x10\x00UT\0\0", "truncated"),
        (header() + b"\x30\x00\x10\x00??\0\0", "malformed"),
        (header() + b"\x30\x00\x10\x00\0\0\0\0", "malformed"),
        (header() + ITEM_END, "malformed"),
        (with_raw(header(), {SEQUENCE: raw_element(SEQUENCE, "SQ", b"ZZPHI ZZPHI ")}), "malformed"),
        (with_raw(header(), {SEQUENCE: raw_element(SEQUENCE, "SQ", ITEM + b"\xff\0\0\0" + NAME)}), "truncated"),
        (with_raw(header(), {SEQUENCE: raw_element(SEQUENCE, "SQ", raw_items(NAME) + SEQUENCE_END)}), "malformed"),
        (header() + undefined_sequence(0x30060010, ITEM + UNDEFINED + NAME), "malformed"),
        (header() + undefined_sequence(0x30060010, ITEM + UNDEFINED + NAME)[:-8], "truncated"),
        (header() + raw_element(0x30060010, "SQ", b"")[:8] + UNDEFINED + raw_items(NAME), "truncated"),
        (header() + raw_element(0x30060010, "SQ", b"")[:8] + struct.pack("<L", 900), "truncated"),
    ],
)
def test_a_broken_header_is_refused(data: bytes, reason: str) -> None:
    with pytest.raises(UnsafeObjectError) as refused:
        engine(data)
    assert refused.value.reason == reason
    assert "ZZPHI" not in str(refused.value)
    assert refused.value.__cause__ is None


@pytest.mark.parametrize("depth", [65, 300, 5000])
@pytest.mark.parametrize("undefined", [False, True])
def test_deep_nesting_is_refused(depth: int, undefined: bool) -> None:
    content = NAME
    for _ in range(min(depth, 1000)):
        if undefined:
            content = undefined_sequence(SEQUENCE, ITEM + UNDEFINED + content + ITEM_END)
        else:
            content = raw_element(SEQUENCE, "SQ", raw_items(content))
    with pytest.raises(UnsafeObjectError) as refused:
        engine(with_raw(header(), {SEQUENCE: content}) if not undefined else _insert(content))
    assert refused.value.reason == "too-deep"


def _insert(content: bytes) -> bytes:
    data = header()
    at = data.index(struct.pack("<HH", 0x0008, 0x1140))
    return data[:at] + content + data[at:]


def test_sixty_levels_are_walked() -> None:
    content = NAME
    for _ in range(60):
        content = raw_element(SEQUENCE, "SQ", raw_items(content))
    assert b"ZZPHI" not in engine(with_raw(header(), {SEQUENCE: content}))


def test_a_hundred_thousand_items_are_walked() -> None:
    data = with_raw(header(), {SEQUENCE: raw_element(SEQUENCE, "SQ", raw_items(*[b""] * 100_000))})
    assert len(reread(stage1(data)).ReferencedSeriesSequence) == 100_000


def _word(number: int) -> bytes:
    return bytes(97 + int(digit) for digit in f"{number:07d}") + b"q"


@pytest.mark.parametrize("tag", [0x00100010, 0x00100020, 0x00102154])
@pytest.mark.parametrize("several", [False, True])
def test_an_object_that_names_thousands_is_refused_and_not_searched_for_minutes(tag: int, several: bool) -> None:
    values = [b"0%09d" % number if tag == 0x00102154 else _word(number) for number in range(10_000)]
    text = raw_element(0x00081030, "UN", b" ".join(_word(7 * number) for number in range(10_000)))
    if several:
        items = [raw_element(tag, "UN", value) for value in values]
        extra = {SEQUENCE: raw_element(SEQUENCE, "SQ", raw_items(*items))}
    else:
        extra = {tag: raw_element(tag, "UN", (b"^" if tag == 0x00100010 else b"\\").join(values))}
    started = time.process_time()
    with pytest.raises(UnsafeObjectError) as refused:
        stage1(with_raw(encoded(ct_slice()), {0x00081030: text} | extra))
    assert refused.value.reason == "too-large"
    assert time.process_time() - started < 10


@pytest.mark.parametrize(
    "unit", [b"1.2", b"a", b"ab ", b"a.", b"@", b"a@", b"-", b"x\\", b"19610407", b"://", b"S M I "]
)
def test_a_text_of_any_make_is_judged_in_time_that_grows_with_its_length(unit: bytes) -> None:
    value = unit * (300_000 // len(unit))
    text = raw_element(0x00204000, "UN", value + b" " * (len(value) % 2))
    started = time.process_time()
    for make in (stage1, lambda data: stage2(data, "clean_descriptors", "retain_modified_dates")):
        make(with_raw(encoded(ct_slice()), {0x00204000: text}))
    assert time.process_time() - started < 20


def test_empty_items_and_empty_sequences_keep_their_places() -> None:
    ds = ct_slice()
    ds.ReferencedSeriesSequence = Sequence([Dataset(), Dataset()])
    ds.SourceImageSequence = Sequence([])
    found = reread(stage1(ds))
    assert len(found.ReferencedSeriesSequence) == 2
    assert len(found.SourceImageSequence) == 0


def test_an_odd_length_becomes_even() -> None:
    data = with_raw(encoded(ct_slice()), {0x0008103E: raw_element(0x0008103E, "LO", b"odd")})
    made = stage1(data)
    assert raw_element(0x0008103E, "LO", b"odd ") in made.header


@pytest.mark.parametrize(("sent", "value"), [("DS", b"lung"), ("UT", b"lung"), ("OB", b"lung"), ("UN", b"lung")])
def test_a_wrong_vr_becomes_the_right_one(sent: str, value: bytes) -> None:
    data = with_raw(encoded(ct_slice()), {0x0008103E: raw_element(0x0008103E, sent, value)})
    assert raw_element(0x0008103E, "LO", b"lung") in stage1(data).header


def test_a_sequence_in_place_of_a_value_goes_and_the_other_way_round() -> None:
    data = with_raw(
        encoded(ct_slice()),
        {
            0x0008103E: raw_element(0x0008103E, "SQ", raw_items(NAME)),
            SEQUENCE: raw_element(SEQUENCE, "LO", b"ZZPHI "),
        },
    )
    made = stage1(data)
    assert b"ZZPHI" not in made.header
    assert "SeriesDescription" not in reread(made)


def test_a_text_too_long_for_its_length_field_goes_as_un() -> None:
    """Contours of more than 65534 bytes come in implicit VR (PS3.5 6.2.2)."""
    points = b"1.5\\" * 20_000 + b"1.50"
    ds = ct_slice()
    del ds.PixelData
    implicit = encoded(ds, implicit=True) + struct.pack("<HHL", 0x3006, 0x0050, len(points)) + points
    made = stage1(implicit, "1.2.840.10008.1.2")
    assert raw_element(0x30060050, "UN", points) in made.header
    again = stage1(made.header)
    assert raw_element(0x30060050, "UN", points) in again.header


def test_numbers_that_break_their_units_go() -> None:
    data = with_raw(encoded(ct_slice()), {0x00181050: raw_element(0x00181050, "DS", b"1.5 ")})
    data = with_raw(data, {0x00189073: raw_element(0x00189073, "FD", b"ZZPHI ")})
    found = reread(stage1(data))
    assert found.SpatialResolution == 1.5
    assert 0x00189073 not in found


@pytest.mark.parametrize("element", [0xE000, 0xE00D, 0xE0DD])
@pytest.mark.parametrize("length", [b"\0\0\0\0", b"OB\0\0", b"SQ\0\0", b"LO\0\0", UNDEFINED])
def test_a_delimiter_is_no_element_whatever_its_length_looks_like(element: int, length: bytes) -> None:
    delimiter = b"\xfe\xff" + element.to_bytes(2, "little") + length
    with pytest.raises(UnsafeObjectError) as refused:
        engine(header() + delimiter + bytes(8))
    assert refused.value.reason == "malformed"


def test_people_and_institutions_that_an_object_must_name_become_unknown_ones() -> None:
    person = Dataset()
    person.CodeValue, person.CodingSchemeDesignator, person.CodeMeaning = "77", "99ZZPHI", "ZZPHI Otto"
    operator = Dataset()
    operator.PersonIdentificationCodeSequence, operator.InstitutionName = [person], "ZZPHI Clinic"
    override = Dataset()
    override.OperatorIdentificationSequence = [operator]
    approval = Dataset()
    approval.InstitutionCodeSequence = [person]
    ds = ct_slice()
    ds.OverrideSequence, ds.ApprovalSequence = [override], [approval]
    made = stage2(split_file(file_of(stage1(ds))))
    assert b"ZZPHI" not in file_of(made)
    found = reread(made)
    (unknown,) = found.OverrideSequence[0].OperatorIdentificationSequence
    (code,) = unknown.PersonIdentificationCodeSequence
    assert (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning) == ("261665006", "SCT", "Unknown")
    assert unknown.InstitutionName == "REMOVED"
    assert found.ApprovalSequence[0].InstitutionCodeSequence[0].CodeMeaning == "Unknown"
