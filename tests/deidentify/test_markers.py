"""What was planted is in no output, wherever it stood and however it is looked for."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs2trial.dicomfile.dictionary import dictionary
from pacs2trial.dicomfile.encoding import PIXEL_TAGS
from pacs2trial.dicomfile.scan import elements
from pacs2trial.dicomfile.vr import TEXT
from pacs2trial.profile import staging_plan
from pacs2trial.profile.table import uid_treatment
from support.objects import (
    BIRTH_DATE,
    MARKER,
    PLANTED,
    ct_slice,
    encoded,
    raw_element,
    raw_items,
    structure_set,
    with_raw,
)
from support.programs import need
from support.stages import both_stages, file_of, reread, stage1, stage2

TRIAL_OPTIONS = (
    "clean_descriptors",
    "retain_full_dates",
    "retain_device_identity",
    "retain_institution_identity",
    "retain_patient_characteristics",
)

FORMED = {"DA": BIRTH_DATE, "DT": BIRTH_DATE + "101500", "UI": "1.2.826.0.1.3680043.10.999.1.77"}
SOME_SEQUENCE = 0x00081115


def planted() -> dict[int, bytes]:
    """Every text attribute of the dictionary, holding the marker; as UN, so that any value can be written."""
    found = {}
    for tag, (vr, _) in dictionary().items():
        if vr in TEXT and tag not in PIXEL_TAGS and uid_treatment().get(tag) != "keep":
            value = FORMED.get(vr.decode(), f"{MARKER} {tag:08X}").encode()
            found[tag] = raw_element(tag, "UN", value + b" " * (len(value) % 2))
    return found


def planted_everywhere() -> bytes:
    """A CT image with all of them, at its outermost level."""
    data = encoded(ct_slice())
    present = {tag for tag, *_ in elements(data, 0, len(data), implicit=False)}
    return with_raw(data, {tag: raw for tag, raw in planted().items() if tag not in present})


def leaks(data: bytes, *, but: str = "") -> list[str]:
    lower = data.lower()
    return [value for value in PLANTED if value.lower().encode() in lower and value != but]


def test_planted_in_every_text_attribute() -> None:
    assert leaks(file_of(stage1(planted_everywhere())), but=BIRTH_DATE) == []
    assert leaks(file_of(stage2(planted_everywhere(), "clean_descriptors"))) == []


@pytest.mark.parametrize("depth", [1, 2, 5, 20])
def test_planted_at_every_depth(depth: int) -> None:
    item = b"".join(raw for _, raw in sorted(planted().items()))
    for _ in range(depth):
        item = raw_element(SOME_SEQUENCE, "SQ", raw_items(item, b""))
    data = with_raw(encoded(ct_slice()), {SOME_SEQUENCE: item})
    made = stage1(data)
    assert SOME_SEQUENCE in reread(made)
    assert leaks(file_of(made), but=BIRTH_DATE) == []
    assert leaks(file_of(stage2(data, "clean_descriptors"))) == []


def test_planted_in_a_trial_with_every_option() -> None:
    assert leaks(file_of(both_stages(planted_everywhere(), *TRIAL_OPTIONS)), but=BIRTH_DATE) == []


def test_the_planted_object_is_no_straw_man() -> None:
    """It holds every text attribute that staging would keep."""
    kept = {tag for tag, rule in staging_plan().rules.items() if rule.vr in TEXT - {b"UI"} and rule.action == "keep"}
    data = planted_everywhere()
    assert kept <= {tag for tag, *_ in elements(data, 0, len(data), implicit=False)}
    assert len(kept) > 1000


def test_what_another_reader_sees() -> None:
    for ds in (ct_slice(), structure_set(["GTVp", "ZZPHIson lung"])):
        text = str(reread(stage1(ds))) + str(reread(both_stages(ds, *TRIAL_OPTIONS)))
        assert leaks(text.encode()) == []


def test_what_dcmdump_sees(tmp_path: Path) -> None:
    dcmdump = need("dcmdump")
    path = tmp_path / "x.dcm"
    for made in (stage1(planted_everywhere()), both_stages(structure_set(["ZZPHIson lung"]), "clean_descriptors")):
        path.write_bytes(file_of(made))
        shown = subprocess.run([dcmdump, "+L", "-q", path], capture_output=True, check=True)
        assert leaks(shown.stdout, but=BIRTH_DATE) == []
        assert shown.stderr == b""


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [
        (0x00091002, "LO", MARKER),
        (0x00091003, "UN", MARKER.encode() + b" "),
        (0x00091004, "PN", "ZZPHI^Private"),
        (0x00091005, "OB", MARKER.encode() + b" "),
        (0x60003000, "OW", MARKER.encode() + b" "),
        (0x60014000, "LT", MARKER),
        (0x601E0022, "LO", MARKER),
        (0x50003000, "OW", MARKER.encode() + b" "),
        (0x501E2500, "LO", MARKER),
        (0x00080000, "UL", 0x5A5A5A5A),
        (0x0040FFFE, "LO", MARKER),
    ],
)
def test_unknown_private_repeating_and_group_length_elements_go(tag: int, vr: str, value: object) -> None:
    ds = ct_slice()
    ds.add_new(tag, vr, value)
    made = stage1(ds)
    assert leaks(file_of(made)) == []
    assert tag not in reread(made)


def test_private_sequences_go_with_all_they_hold() -> None:
    ds = ct_slice()
    inner = Dataset()
    inner.PatientName = "ZZPHI^Nested"
    ds.add_new(0x00091010, "SQ", Sequence([inner, Dataset()]))
    ds[0x00091010].is_undefined_length = True
    ds.add_new(0x00091011, "SQ", Sequence([inner]))
    assert leaks(file_of(stage1(ds))) == []


def test_the_icon_goes() -> None:
    ds = ct_slice()
    icon = Dataset()
    icon.Rows = icon.Columns = 2
    icon.BitsAllocated = 8
    icon.PixelData = b"ZZPHI "
    ds.IconImageSequence = Sequence([icon])
    made = reread(stage1(ds))
    assert "IconImageSequence" not in made


def test_pixel_data_within_a_sequence_goes() -> None:
    ds = ct_slice()
    item = Dataset()
    item.BitsAllocated = 8
    item.PixelData = b"ZZPHI "
    ds.ReferencedSeriesSequence = Sequence([item])
    assert leaks(file_of(stage1(ds))) == []


def test_staging_keeps_what_helps() -> None:
    found = reread(stage1(ct_slice()))
    before = ct_slice()
    for keyword in (
        *("StudyDescription", "SeriesDescription", "Manufacturer", "ManufacturerModelName", "StationName", "StudyDate"),
        *("PatientSex", "PatientAge", "BodyPartExamined", "ImageType", "KVP", "ImagePositionPatient", "Rows"),
        *("InstitutionName", "Modality", "InstanceNumber", "SliceThickness", "SpecificCharacterSet"),
    ):
        assert found[keyword].value == before[keyword].value, keyword
