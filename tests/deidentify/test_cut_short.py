"""Objects that end too early, cut at every byte: refused with a reason, or what is whole comes out clean."""

from __future__ import annotations

import zlib
from collections.abc import Iterator

import pytest
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ImplicitVRLittleEndian

from pacs2trial.deidentify.identity import Outermost
from pacs2trial.dicomfile.encoding import split_dataset, split_file
from pacs2trial.dicomfile.syntaxes import EXPLICIT_LITTLE
from pacs2trial.errors import UnsafeObjectError
from support.objects import MARKER, PATIENT_ID, ct_slice, encoded, part10, structure_set, undefined_lengths
from support.stages import file_of, stage1

REASONS = {"truncated", "malformed", "no-uid", "no-patient-id", "pixel-length", "not-dicom", "transfer-syntax", "order"}


def ways() -> Iterator[tuple[str, bytes, str]]:
    for name, make in (("CT", ct_slice), ("RTSTRUCT", structure_set)):
        yield f"{name} explicit", encoded(make()), EXPLICIT_LITTLE
        yield f"{name} implicit", encoded(make(), implicit=True), ImplicitVRLittleEndian
        yield f"{name} big endian", encoded(make(), little=False), ExplicitVRBigEndian
        yield f"{name} undefined lengths", encoded(undefined_lengths(make())), EXPLICIT_LITTLE


def outcome(data: bytes, syntax: str) -> str:
    """The reason of refusal, or empty when a clean object came out."""
    try:
        obj = split_dataset(data, syntax) if syntax else split_file(data)
        outermost = Outermost(obj)
        outermost.facts()
        outermost.identity()
        outermost.person()
        made = stage1(obj)
    except UnsafeObjectError as refused:
        assert MARKER not in str(refused)
        assert refused.__cause__ is None
        return refused.reason
    written = file_of(made).lower()
    assert MARKER.lower().encode() not in written
    assert PATIENT_ID.lower().encode() not in written
    return ""


@pytest.mark.parametrize("way", ways(), ids=lambda way: way[0])
def test_cut_at_every_byte(way: tuple[str, bytes, str]) -> None:
    _, data, syntax = way
    found = [outcome(data[:end], syntax) for end in range(len(data))]
    assert set(found) <= REASONS | {""}
    passed = [end for end, reason in enumerate(found) if not reason]
    assert len(passed) < len(data) / 20, "only where an element ends can a cut go unseen"
    assert outcome(data, syntax) == ""


def test_a_file_cut_at_every_byte_of_its_meta_information() -> None:
    data = part10(ct_slice())
    found = [outcome(data[:end], "") for end in range(400)]
    assert set(found) <= REASONS


def test_within_the_pixel_data_no_cut_goes_unseen() -> None:
    data = encoded(ct_slice(rows=8, columns=8))
    start = data.index(b"\xe0\x7f\x10\x00")
    assert {outcome(data[:end], EXPLICIT_LITTLE) for end in range(start + 1, len(data))} == {"truncated"}


def test_a_deflated_object_cut_at_every_byte_is_refused() -> None:
    deflater = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    data = deflater.compress(encoded(ct_slice())) + deflater.flush()
    found = {outcome(data[:end], DeflatedExplicitVRLittleEndian) for end in range(len(data))}
    assert found <= {"truncated", "malformed"}


def test_every_byte_of_the_header_bent() -> None:
    """Each byte in turn set to values that lengths, tags and VRs turn on."""
    for data, syntax in (
        (encoded(ct_slice()), EXPLICIT_LITTLE),
        (encoded(ct_slice(), implicit=True), "1.2.840.10008.1.2"),
    ):
        head = data.index(b"\xe0\x7f\x10\x00")
        for place in range(head):
            for value in (0x00, 0xFF):
                bent = bytearray(data)
                bent[place] = value
                obj = bytes(bent)
                try:
                    made = stage1(split_dataset(obj, syntax))
                except UnsafeObjectError:
                    continue
                assert b"Zoltan" not in file_of(made)
