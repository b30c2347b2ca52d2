"""Private attributes that a rule names stay, by creator; every other is removed (PS3.5 7.8.1, PS3.15 E.3.10)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest
from pydicom.dataset import Dataset

from pacs2trial.deidentify import deidentify
from pacs2trial.dicomfile.encoding import split_dataset
from pacs2trial.profile import Action, Plan, Rule, staging_plan
from support.objects import TableOfPseudonyms, ct_slice, encoded, raw_element, raw_items, with_raw
from support.stages import PATIENT_CODE, file_of, reread

RULES = {
    (0x0029, "ACME 1.0", 0x01): Rule(Action.KEEP, b"LO", Action.REMOVE, "Kernel", vm="1"),
    (0x0029, "ACME 1.0", 0x02): Rule(Action.KEEP, b"DS", Action.REMOVE, "Slopes", vm="2"),
    (0x0029, "ACME 1.0", 0x03): Rule(Action.KEEP, b"SQ", Action.REMOVE, "Steps", vm="1"),
    (0x0029, "ACME 1.0", 0x04): Rule(Action.KEEP, b"FD", Action.REMOVE, "Factors", vm="1-n"),
    (0x0029, "ACME 1.0", 0x05): Rule(Action.MAP, b"UI", Action.REMOVE, "Frame", vm="1"),
    (0x0029, "OTHER", 0x01): Rule(Action.KEEP, b"US", Action.REMOVE, "Count", vm="1"),
}
IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"


def plan(rules: Mapping[tuple[int, str, int], Rule] = RULES) -> Plan:
    return replace(staging_plan(), rule_set=replace(staging_plan().rule_set, private=rules))


def made(data: bytes, syntax: str = EXPLICIT) -> Dataset:
    return reread(_made(data, syntax))


def _made(data: bytes, syntax: str = EXPLICIT):
    return deidentify(split_dataset(data, syntax), plan(), TableOfPseudonyms(), patient=PATIENT_CODE)


def with_private(*elements: tuple[int, str, bytes]) -> bytes:
    raw = {tag: raw_element(tag, vr, value + b" " * (len(value) % 2)) for tag, vr, value in elements}
    return with_raw(encoded(ct_slice()), raw)


def private_tags(ds: Dataset) -> list[str]:
    return [f"{int(element.tag):08X}" for element in ds if element.tag.is_private]


def test_a_private_attribute_with_a_rule_stays_with_its_creator() -> None:
    found = made(with_private((0x00290010, "LO", b"ACME 1.0"), (0x00291001, "LO", b"B30f"), (0x00291009, "LO", b"x")))
    assert private_tags(found) == ["00290010", "00291001"]
    assert (found[0x00290010].value, found[0x00291001].value) == ("ACME 1.0", "B30f")


@pytest.mark.parametrize("block", [0x10, 0x11, 0x7F, 0xFF])
def test_the_number_of_the_block_does_not_matter(block: int) -> None:
    data = with_private(
        (0x00290000 | block, "LO", b"ACME 1.0"),
        (0x00290000 | block << 8 | 1, "LO", b"B30f"),
    )
    assert private_tags(made(data)) == [f"002900{block:02X}", f"0029{block:02X}01"]


def test_what_stands_in_the_block_of_another_goes() -> None:
    data = with_private(
        (0x00290010, "LO", b"ELSE"),
        (0x00290011, "LO", b"ACME 1.0"),
        (0x00291001, "LO", b"no"),
        (0x00291101, "LO", b"yes"),
    )
    found = made(data)
    assert private_tags(found) == ["00290011", "00291101"]
    assert found[0x00291101].value == "yes"


def test_a_creator_goes_if_nothing_of_its_block_stays() -> None:
    assert private_tags(made(with_private((0x00290010, "LO", b"ACME 1.0"), (0x00291077, "LO", b"x")))) == []
    assert private_tags(made(with_private((0x00290010, "LO", b"ACME 1.0")))) == []


@pytest.mark.parametrize(
    "creators",
    [
        {},
        {0x10: b""},
        {0x10: b"   "},
        {0x10: b"ACME 1.0", 0x11: b"ACME 1.0"},
        {0x10: b"ACME 1.0", 0x11: b"ACME 1.0", 0x12: b"ACME 1.0"},
        {0x10: b"acme 1.0"},
        {0x10: b"ACME 1.0\\OTHER"},
        {0x11: b"ACME 1.0"},
    ],
)
def test_without_one_known_owner_of_the_block_everything_goes(creators: dict[int, bytes]) -> None:
    elements = [(0x00290000 | number, "LO", value) for number, value in creators.items()]
    blocks = (0x10, 0x11, 0x12) if len(creators) > 1 else (0x10,)
    data = with_private(*elements, *((0x00290000 | block << 8 | 1, "LO", b"B30f") for block in blocks))
    assert private_tags(made(data)) == []


def test_the_same_creator_in_another_group_is_another_block() -> None:
    data = with_private(
        (0x00190010, "LO", b"ACME 1.0"),
        (0x00191001, "LO", b"x"),
        (0x00290010, "LO", b"ACME 1.0"),
        (0x00291001, "LO", b"y"),
    )
    assert private_tags(made(data)) == ["00290010", "00291001"]


@pytest.mark.parametrize(
    ("low", "vr", "value", "stays"),
    [
        (1, "LO", b"B30f", True),
        (1, "LO", b"B30f\\B31f", False),
        (1, "SH", b"B30f", False),
        (1, "LO", b"", True),
        (2, "DS", b"1.5\\2", True),
        (2, "DS", b"1.5", False),
        (2, "DS", b"1.5\\2\\3", False),
        (2, "DS", b"1.5\\ZZPHI", False),
        (4, "FD", bytes(8), True),
        (4, "FD", bytes(24), True),
        (4, "FD", bytes(12), False),
        (4, "FL", bytes(8), False),
        (2, "SQ", b"", False),
    ],
)
def test_a_value_stays_only_if_vr_and_multiplicity_fit(low: int, vr: str, value: bytes, stays: bool) -> None:
    found = made(with_private((0x00290010, "LO", b"ACME 1.0"), (0x00291000 | low, vr, value)))
    assert private_tags(found) == (["00290010", f"002910{low:02X}"] if stays else [])


def test_own_identifiers_are_searched_in_private_text_too() -> None:
    found = made(with_private((0x00290010, "LO", b"ACME 1.0"), (0x00291001, "LO", b"for ZZPHI-4711")))
    assert private_tags(found) == []


def test_private_values_sent_as_un_or_in_implicit_vr_come_out_the_same() -> None:
    ds = ct_slice()
    block = ds.private_block(0x0029, "ACME 1.0", create=True)
    block.add_new(0x01, "LO", "B30f")
    block.add_new(0x02, "DS", [1.5, 2.5])
    block.add_new(0x04, "FD", [0.25, 3])
    block.add_new(0x05, "UI", "1.2.3.4")
    inner = Dataset()
    inner.private_block(0x0029, "OTHER", create=True).add_new(0x01, "US", 7)
    inner.InstanceNumber = 3
    block.add_new(0x03, "SQ", [inner])
    explicit, implicit = encoded(ds), encoded(ds, implicit=True)
    ds[0x00291003].is_undefined_length = True
    delimited = [encoded(ds), encoded(ds, implicit=True)]
    content = raw_items(encoded(inner, implicit=True))
    values = {0x00291001: b"B30f", 0x00291002: b"1.5\\2.5 ", 0x00291005: b"1.2.3.4\0", 0x00291003: content}
    hidden = with_raw(explicit, {tag: raw_element(tag, "UN", value) for tag, value in values.items()})
    expected = _made(explicit)
    assert private_tags(reread(expected)) == ["00290010", *(f"0029100{low}" for low in range(1, 6))]
    steps = reread(expected)[0x00291003].value[0]
    assert (steps.InstanceNumber, steps[0x00291001].value) == (3, 7)
    assert reread(expected)[0x00291005].value == TableOfPseudonyms().uid("1.2.3.4")
    assert [file_of(_made(data, EXPLICIT)) == file_of(expected) for data in (hidden, delimited[0])] == [True, True]
    assert [file_of(_made(data, IMPLICIT)) == file_of(expected) for data in (implicit, delimited[1])] == [True, True]


def test_a_private_sequence_without_a_rule_goes_whatever_it_holds() -> None:
    inner = Dataset()
    inner.PatientName = "ZZPHI^X"
    ds = ct_slice()
    ds.private_block(0x0029, "ACME 1.0", create=True).add_new(0x33, "SQ", [inner])
    ds[0x00291033].is_undefined_length = True
    assert private_tags(made(encoded(ds))) == []


def test_counts_tell_what_became_of_private_attributes() -> None:
    plain = _made(encoded(ct_slice())).counts
    data = with_private((0x00290010, "LO", b"ACME 1.0"), (0x00291001, "LO", b"B30f"), (0x00291009, "LO", b"x"))
    counts = _made(data).counts
    assert (counts["keep"] - plain["keep"], counts["remove"] - plain["remove"]) == (2, 1)


def test_one_uid_in_two_private_attributes_and_blocks_stays_in_each() -> None:
    data = with_private(
        (0x00290010, "LO", b"ACME 1.0"),
        (0x00291005, "UI", b"1.2.3.4\0"),
        (0x0029100A, "UI", b"1.2.3.4\0"),
    )
    rules = RULES | {(0x0029, "ACME 1.0", 0x0A): RULES[0x0029, "ACME 1.0", 0x05]}
    obj = split_dataset(data, EXPLICIT)
    found = reread(deidentify(obj, plan(rules), TableOfPseudonyms(), patient=PATIENT_CODE))
    assert found[0x00291005].value == found[0x0029100A].value == TableOfPseudonyms().uid("1.2.3.4")
