"""How much is left of what identifies, and how much stays of what is safe: counted over every attribute of DICOM."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pacs2trial.deidentify.harvest import HARVESTED
from pacs2trial.dicomfile.dictionary import dictionary
from pacs2trial.dicomfile.scan import elements
from pacs2trial.dicomfile.vr import TEXT
from pacs2trial.profile.table import rt_text
from support.objects import ct_slice, encoded, raw_element, with_raw
from support.stages import both_stages, reread, stage1
from support.standard import rows

OPTIONS = ("clean_descriptors", "retain_modified_dates", "retain_device_identity", "retain_patient_characteristics")
FREE_TEXT = {b"LO", b"SH", b"ST", b"LT", b"UT", b"UC"}
FRAMES = 0x00280008
TIME_ZONE = 0x00080201
SAFE = {
    **dict.fromkeys(FREE_TEXT, b"Thorax"),
    b"AS": b"057Y",
    b"CS": b"AXIAL",
    b"DA": b"20190312",
    b"DS": b"1.5",
    b"DT": b"20190312101500",
    b"IS": b"12",
    b"TM": b"101500",
}


def planted(value_of: Callable[[bytes], bytes | None]) -> tuple[bytes, list[int]]:
    """A CT image with a value in every text attribute that harvests nothing; and the attributes."""
    data = encoded(ct_slice())
    taken = {tag for tag, *_ in elements(data, 0, len(data), implicit=False)} | HARVESTED.keys() | {FRAMES}
    extra = {}
    for tag, (vr, _) in dictionary().items():
        value = value_of(vr) if vr in TEXT - {b"PN", b"UI"} and tag not in taken else None
        if value is not None:
            extra[tag] = raw_element(tag, "UN", value + b" " * (len(value) % 2))
    return with_raw(data, extra), list(extra)


def left(data: bytes, tags: list[int], value: str, *options: str) -> list[str]:
    """The attributes that hold ``value`` after both stages."""
    found = reread(both_stages(data, *options))
    return [dictionary()[tag].keyword for tag in tags if tag in found and value in str(found[tag].value).lower()]


def test_nothing_of_the_patient_is_left_in_any_attribute(record_property: Callable[[str, object], None]) -> None:
    data, tags = planted(lambda vr: b"ZOLTAN" if vr in (b"CS", b"AE") else b"for Zoltan" if vr in FREE_TEXT else None)
    record_property("attributes in which the patient's name was planted", len(tags))
    assert len(tags) > 1400
    for options in ((), OPTIONS):
        assert left(data, tags, "zoltan", *options) == []
    assert "zoltan" not in str(reread(stage1(data))).lower()


def test_text_of_strangers_passes_a_trial_only_where_an_option_keeps_the_value(
    record_property: Callable[[str, object], None],
) -> None:
    """A name that nothing in the object tells to be one, such as that of another patient or of staff."""
    data, tags = planted(lambda vr: b"Kowalczyk Wanda" if vr in FREE_TEXT else None)
    assert len(tags) > 650
    assert left(data, tags, "kowalczyk") == []
    found = left(data, tags, "kowalczyk", *OPTIONS)
    record_property("free text attributes in which a stranger's name passes with the options", found)
    kept = {row.number for row in rows() for option in OPTIONS if row.options.get(option) == "K"}
    devices = {tag for tag, text in rt_text().items() if text.kind == "device"} | {TIME_ZONE}
    assert set(found) <= {dictionary()[tag].keyword for tag in (kept | devices) & set(tags)}


@pytest.mark.parametrize(("options", "number"), [((), 1570), (OPTIONS, 1850)])
def test_what_is_safe_stays(
    options: tuple[str, ...], number: int, record_property: Callable[[str, object], None]
) -> None:
    data, tags = planted(SAFE.get)
    found = reread(both_stages(data, *options))
    kept = [tag for tag in tags if tag in found and not found[tag].is_empty and "REMOVED" not in str(found[tag].value)]
    record_property(f"attributes that keep a safe value, of {len(tags)}", len(kept))
    assert len(kept) >= number
