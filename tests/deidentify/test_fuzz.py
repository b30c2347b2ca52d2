"""Whatever bytes come, the engine refuses with a reason or gives what another reader can read."""

from __future__ import annotations

import io
import random
import time
from pathlib import Path

import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs2trial.deidentify import Deidentified
from pacs2trial.deidentify.identity import Outermost
from pacs2trial.dicomfile.encoding import EXPLICIT_LITTLE, split_dataset, split_file
from pacs2trial.errors import UnsafeObjectError
from support.objects import MARKER, ct_slice, encoded, part10, raw_element, raw_items, structure_set, with_raw
from support.second_readers import dump
from support.stages import file_of, reread, stage1, stage2

IMPLICIT = "1.2.840.10008.1.2"
SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"
LARGEST = 60_000
HEAD = 2000
EVERY = 50
LONGEST_SECONDS = 10
SEEDS = {
    EXPLICIT_LITTLE: [encoded(ct_slice()), encoded(structure_set())],
    IMPLICIT: [encoded(ct_slice(), implicit=True), encoded(structure_set(), implicit=True)],
}
INTERESTING = (
    b"\xff\xff\xff\xff",
    b"\xfe\xff\x00\xe0",
    b"\xfe\xff\xdd\xe0\0\0\0\0",
    b"\0\0\0\0",
    b"SQ\0\0",
    b"UN\0\0",
    b"\x1b$B",
)


def mutate(data: bytes, draw: random.Random) -> bytes:
    found = bytearray(data)
    for _ in range(draw.randint(1, 6)):
        at = draw.randrange(len(found))
        match draw.randrange(5):
            case 0:
                found[at] = draw.randrange(256)
            case 1:
                del found[at : at + draw.randint(1, 20)]
            case 2:
                found[at:at] = draw.choice(INTERESTING)
            case 3:
                chosen = draw.choice(INTERESTING)
                found[at : at + len(chosen)] = chosen
            case _:
                start = draw.randrange(len(found))
                found[at:at] = found[start : start + draw.randint(1, 60)]
        if not found:
            break
    return bytes(found)


def files_to_bend() -> list[bytes]:
    """Generated objects in several encodings, and small real ones."""
    made = [
        part10(ct_slice()),
        part10(structure_set()),
        encoded(ct_slice(), implicit=True),
        encoded(structure_set(), implicit=True),
        encoded(ct_slice(), little=False),
    ]
    real = (path for path in sorted(SHIPPED.glob("*.dcm")) if path.stat().st_size < LARGEST)
    return [*made, *(path.read_bytes() for path in real)]


def taken_in(data: bytes) -> Deidentified | None:
    """What stage 1 makes of a file, every other reader of its header asked too; None if it is refused."""
    try:
        obj = split_file(data)
        outermost = Outermost(obj)
        outermost.facts()
        outermost.identity()
        outermost.person()
        return stage1(obj)
    except UnsafeObjectError as refused:
        assert MARKER not in str(refused)
        return None


def test_bent_files_come_out_clean_or_are_refused(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    """The same files in the same order, for as long as ``--fuzz-seconds`` says."""
    draw, files = random.Random("bent files"), files_to_bend()
    end = time.monotonic() + request.config.getoption("--fuzz-seconds")
    clean = tried = 0
    while time.monotonic() < end or not tried:
        data = mutate(draw.choice(files), draw)
        if draw.random() < 0.5:
            data = mutate(data[:HEAD], draw) + data[HEAD:]
        started = time.process_time()
        made = taken_in(data)
        assert time.process_time() - started < LONGEST_SECONDS
        tried += 1
        if made is None:
            continue
        clean += 1
        readable(file_of(made))
        assert [name for name in (b"Zoltan", b"Mary-Jane", b"Ursulina", b"ZZPHI-4711") if name in made.header] == []
        if clean % EVERY == 1:
            dump(file_of(made), tmp_path)
            assert file_of(stage1(split_file(data))) == file_of(made)
            stage2(split_file(file_of(made)), "clean_descriptors", "retain_modified_dates")
    assert clean < tried


def readable(data: bytes) -> None:
    """Another reader goes through the whole structure; what single values mean is not asked."""
    found = pydicom.dcmread(io.BytesIO(data))
    last = -1
    for element in found:
        assert int(element.tag) > last
        last = int(element.tag)


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=400))
def test_any_bytes(data: bytes) -> None:
    for syntax in (
        EXPLICIT_LITTLE,
        IMPLICIT,
        "1.2.840.10008.1.2.2",
        "1.2.840.10008.1.2.1.99",
        "1.2.840.10008.1.2.4.50",
    ):
        try:
            stage1(split_dataset(data, syntax))
        except UnsafeObjectError:
            continue


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200))
def test_any_bytes_as_a_file(data: bytes) -> None:
    for prefix in (b"", bytes(128) + b"DICM", part10(ct_slice())[:300]):
        try:
            split_file(prefix + data)
        except UnsafeObjectError:
            continue


TAGS = st.sampled_from(
    [
        0x00080005,
        0x00080008,
        0x00080050,
        0x0008103E,
        0x00081030,
        0x00100010,
        0x00100030,
        0x00180015,
        0x00180050,
        0x00200010,
    ]
)
VRS = st.sampled_from(["LO", "UN", "CS", "PN", "OB", "DS", "UT", "DA"])


@settings(max_examples=300, deadline=None)
@given(st.dictionaries(TAGS, st.tuples(VRS, st.binary(max_size=24)), max_size=6))
def test_any_values_in_any_vr(values: dict[int, tuple[str, bytes]]) -> None:
    extra = {tag: raw_element(tag, vr, value) for tag, (vr, value) in values.items()}
    nested = {0x00081115: raw_element(0x00081115, "SQ", raw_items(b"".join(raw for _, raw in sorted(extra.items()))))}
    made = stage1(with_raw(encoded(ct_slice()), extra | nested))
    readable(file_of(made))
    staged = split_file(file_of(made))
    readable(file_of(stage2(staged, "clean_descriptors")))


def test_the_seeds_themselves_pass() -> None:
    for syntax, seeds in SEEDS.items():
        for data in seeds:
            assert reread(stage1(data, syntax)).PatientID
