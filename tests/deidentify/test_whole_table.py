"""Every row of Table E.1-1, every option and every pair of options: what is planted comes out as the standard says.

The expectation is worked out here from the standard's own table; nothing of the product's choice is asked.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from importlib import resources

import pytest

from pacs2trial.deidentify import deidentify
from pacs2trial.deidentify.harvest import HARVESTED
from pacs2trial.dicomfile.dictionary import dictionary
from pacs2trial.dicomfile.encoding import EXPLICIT_LITTLE, split_dataset
from pacs2trial.dicomfile.scan import elements
from pacs2trial.profile import Plan, SubjectValues
from pacs2trial.profile.plan import plan_with
from support.definitions import trial
from support.objects import TableOfPseudonyms, raw_element, raw_items
from support.stages import PATIENT_CODE, SHIFT, SUBJECT_KEY
from support.standard import Row, rows

OPTIONS = sorted({option for row in rows() for option in row.options})
UNKNOWN_CLASS = "1.2.826.0.1.3680043.10.999.77"
CT_IMAGE = "1.2.840.10008.5.1.4.1.1.2"
ATTRIBUTE_TYPES = json.loads(
    (resources.files("pacs2trial.profile") / "data" / "attribute_types.json").read_text("utf-8")
)

SAFE, UNSAFE = b"Thorax", b"Quxwort"
CODE = raw_element(0x00080100, "SH", b"T-28000 ") + raw_element(0x00080102, "SH", b"SRT ")
PLANTED = {
    b"AE": b"ARCHIVE9",
    b"AS": b"057Y",
    b"AT": b"\x08\x00\x20\x00",
    b"CS": b"PLANTED ",
    b"DA": b"20190312",
    b"DS": b"12.5",
    b"DT": b"20190312101500",
    b"FD": b"\1\2\3\4\5\6\7\10",
    b"FL": b"\1\2\3\4",
    b"IS": b"12",
    b"OB": b"\1\2\3\4",
    b"OW": b"\1\2\3\4",
    b"PN": b"Wxyzabc^Vutsrqp ",
    b"SQ": raw_items(CODE + raw_element(0x00081030, "LO", SAFE + b" " + UNSAFE)),
    b"TM": b"101500",
    b"UL": b"\1\2\3\4",
    b"UN": b"\1\2\3\4",
    b"UR": b"http://archive.example",
    b"US": b"\1\2",
}
REPEATED = (0x50003000, 0x50100010, 0x501E2500, 0x60003000, 0x60004000, 0x60203000, 0x601E0022)
PRIVATE = {0x00190010: b"ACME 1.0", 0x00191001: b"planted!"}

NOT_OURS_TO_KEEP = {
    0x00080015: "an archive's coercion",
    0x00080054: "where an archive keeps the object",
    0x00880140: "an archive's file-set",
    0x00100047: "VR UR: an address can hold anything",
}
"""Options that the engine does not follow: it does what the Basic Profile does, or removes."""
DEVICE_UIDS = {0x00181002, 0x0018100B}
"""Retain Device Identity does not keep them: they are UIDs, and after stage 1 there are only pseudonyms."""
REMOVED_GROUPS = {
    0x0014: "non-destructive testing of things",
    0x0100: "authorisations by an archive",
    0x0400: "signatures and their certificates, encrypted and original attributes",
    **dict.fromkeys(range(0x2000, 0x2131, 0x10), "printing"),
    0x2200: "labels of media",
}
"""Groups that go as a whole: nothing of an image or plan is in them (PS3.15 E.1.1, or no part of a storage IOD)."""
REFERENCES = {0x00081110, 0x00081111, 0x00081140, 0x00082112}
"""Sequences of references: they stay, their UIDs mapped, so that links survive."""


def vr_of(tag: int) -> bytes:
    return dictionary()[tag].vr if tag in dictionary() else b"UI"


def planted(tag: int) -> bytes:
    vr = vr_of(tag)
    if vr == b"UI":
        return f"1.2.826.0.1.3680043.10.999.{tag}".encode()
    if tag == 0x00100030:
        return b"19610407"
    if tag == 0x00401101:  # codes of persons are searched like names
        return raw_items(raw_element(0x00080100, "SH", b"STAFF77 "))
    if tag == 0x00340007:
        return b"\1\2\3\4\5\6\7\1\2\3"
    if tag == 0x00080201:
        return b"+0100 "
    if tag == 0x00100012:
        return b"Zyxwvut "
    if tag in HARVESTED:  # searched everywhere else: it must not be the words that are planted elsewhere
        return b"QK7%08X" % tag
    return PLANTED.get(vr, SAFE + b" " + UNSAFE)


PLACED = {0x00080018, 0x0020000D, 0x0020000E}


def an_object(sop_class: str, tags: Iterable[int] | None = None) -> bytes:
    """Every row's attribute (or those of ``tags``) with its planted value, and what makes it an object."""
    tags = {row.number for row in rows() if row.number is not None} if tags is None else PLACED.union(tags)
    values = {tag: (vr_of(tag).decode(), planted(tag)) for tag in tags if tag >> 16 not in (0x0000, 0x0002, 0x0004)}
    values |= {tag: ("LO", value) for tag, value in PRIVATE.items()}
    values |= {tag: ("OW" if tag & 0xFFFF == 0x3000 else "LT", b"planted!") for tag in REPEATED}
    values |= {0x00080016: ("UI", sop_class.encode()), 0x00080060: ("CS", b"CT")}
    return b"".join(
        raw_element(tag, vr, value + (b"\0" if vr == "UI" else b" ") * (len(value) % 2))
        for tag, (vr, value) in sorted(values.items())
    )


def outcome(plan: Plan, data: bytes) -> dict[int, bytes]:
    """What comes out: tag → value, less padding of text."""
    values = SubjectValues(SUBJECT_KEY, PATIENT_CODE, SHIFT, {})
    obj = split_dataset(data, EXPLICIT_LITTLE)
    made = deidentify(obj, plan, TableOfPseudonyms(plan.scope), patient=SUBJECT_KEY, values=values)
    found = {}
    for tag, vr, _, start, end, _ in elements(made.header, 0, len(made.header), implicit=False):
        value = bytes(made.header[start:end])
        found[tag] = (
            value if vr in (b"OB", b"OW", b"SQ", b"UN", b"US", b"UL", b"FD", b"FL", b"AT") else value.rstrip(b" \0")
        )
    return found


def moved(value: bytes) -> bytes:
    from datetime import date, timedelta

    day = date(int(value[:4]), int(value[4:6]), int(value[6:8])) + timedelta(SHIFT)
    return f"{day:%Y%m%d}".encode() + value[8:]


Check = Callable[[int, bytes | None, TableOfPseudonyms], bool]
ACTIONS: dict[str, Check] = {
    "X": lambda _tag, out, _: out is None,
    "Z": lambda tag, out, _: out is not None and out != planted(tag).rstrip(),
    "D": lambda tag, out, _: out is not None and out != planted(tag).rstrip() and (bool(out) or vr_of(tag) == b"SQ"),
    "U": lambda tag, out, table: out == table.uid(planted(tag).decode()).encode(),
    "K": lambda tag, out, _: out == planted(tag).rstrip() or (vr_of(tag) == b"SQ" and CODE in (out or b"")),
}


def is_clean(tag: int, out: bytes | None) -> bool:
    """C: dates moved but those of code sets, text without unknown words, sequences with their items cleaned or gone."""
    vr = vr_of(tag)
    if vr in (b"DA", b"DT"):
        versions_of_codes = tag in (0x00080106, 0x00080107)
        return out == (planted(tag) if versions_of_codes else moved(planted(tag)))
    if vr in (b"LO", b"LT", b"SH", b"ST", b"UC", b"UT") and tag != 0x00080201:
        return out is None or UNSAFE not in out
    if vr == b"SQ":
        return not out or UNSAFE not in out
    return out == planted(tag).rstrip()


def wrong(row: Row, chosen: frozenset[str], out: bytes | None, table: TableOfPseudonyms, kind: int | None) -> str:
    """What ``out`` should have been; empty if it is right.

    Args:
        row: of a tag that was planted.
        chosen: the options.
        out: what came out; None if nothing.
        table: pseudonyms.
        kind: type of the attribute in the IOD; None if the SOP class is unknown.
    """
    tag = row.number
    assert tag is not None
    codes = {row.options[option] for option in chosen if option in row.options}
    if tag >> 16 in REMOVED_GROUPS and kind not in (1, 2):
        return "" if out is None else "removed"
    if tag in NOT_OURS_TO_KEEP:
        return "" if out != planted(tag) else "removed, emptied or replaced"
    if tag in REFERENCES:
        return "" if CODE in (out or b"") else "kept"
    if tag == 0x0040A730:
        return "" if out is not None else "content, replaced or cleaned"
    if tag == 0x00700001 and "clean_graphics" not in chosen:
        return "" if out is None else "removed: a presentation state that shows nothing of it stays valid"
    if tag >> 16 == 0x0012 or tag == 0x00100021:
        return "" if out != planted(tag) else "another trial's removed"
    if tag in DEVICE_UIDS and "retain_uids" not in chosen:
        return "" if ACTIONS["U"](tag, out, table) else "U"
    if "K" in codes:
        return "" if ACTIONS["K"](tag, out, table) else "K"
    if "C" in codes and vr_of(tag) not in (b"OB", b"UN"):
        return "" if is_clean(tag, out) else "C"
    action = basic_action(row, kind)
    return "" if ACTIONS[action](tag, out, table) else action


def basic_action(row: Row, kind: int | None) -> str:
    """PS3.15 E.1: X/Z, X/D, Z/D, X/Z/D by the type; the rightmost where it is unknown.

    Without a choice as it stands, less what would leave an invalid object: Type 1 has a value, Type 2 is there.
    """
    choices = row.basic.split("/")
    if kind is None:
        return choices[-1]
    if len(choices) == 1:
        return {("X", 1): "D", ("Z", 1): "D", ("X", 2): "Z"}.get((row.basic, kind), row.basic)
    allowed = {3: ("X", "Z", "D"), 2: ("Z", "D"), 1: ("D",)}[kind]
    return next((choice for choice in choices if choice in allowed), choices[-1])


def problems(chosen: frozenset[str]) -> Iterator[str]:
    plan = plan_with(trial(), chosen)
    found = outcome(plan, an_object(UNKNOWN_CLASS))
    table = TableOfPseudonyms(plan.scope)
    for row in rows():
        if row.number is None or row.number >> 16 in (0x0000, 0x0002, 0x0004):
            continue
        should = wrong(row, chosen, found.get(row.number), table, None)
        if should:
            yield f"({row.tag}) {row.name} [{row.basic}] under {sorted(chosen)}: should be {should}"
    yield from (f"{tag:08X} stayed" for tag in (*REPEATED, *PRIVATE) if tag in found)


def test_the_table_has_all_its_rows() -> None:
    assert len(rows()) == 657
    assert {row.tag for row in rows() if row.number is None} == {"50xxxxxx", "60xx3000", "60xx4000", "PRIVATE"}
    assert len(OPTIONS) == 10
    assert all(row.number in dictionary() for row in rows() if row.number is not None and row.number >= 0x00080000)


@pytest.mark.parametrize("option", ["", *OPTIONS])
def test_each_option_alone(option: str) -> None:
    assert list(problems(frozenset((option,)) - {""})) == []


@pytest.mark.parametrize("option", OPTIONS)
def test_each_pair_of_options(option: str) -> None:
    exclusive = {"retain_full_dates", "retain_modified_dates"}
    for other in OPTIONS[OPTIONS.index(option) + 1 :]:
        if {option, other} != exclusive:
            assert list(problems(frozenset((option, other)))) == []


def test_all_options_together() -> None:
    assert list(problems(frozenset(OPTIONS) - {"retain_modified_dates"})) == []


def types_of(iod: str) -> dict[int, int]:
    return {int(tag, 16): int(kind) for kind, tags in ATTRIBUTE_TYPES["iods"][iod].items() for tag in tags}


@pytest.mark.parametrize("options", [(), ("clean_descriptors", "retain_modified_dates")])
def test_every_kind_of_object_keeps_what_it_must_have(options: tuple[str, ...]) -> None:
    chosen = frozenset(options)
    plan = plan_with(trial(), chosen)
    table = TableOfPseudonyms(plan.scope)
    left_to_the_type = {row.number: row for row in rows() if row.number is not None and "/" in row.basic}
    assert len(left_to_the_type) == 50
    for sop_class, iod in ATTRIBUTE_TYPES["classes"].items():
        types = types_of(iod)
        concerned = left_to_the_type | {row.number: row for row in rows() if row.number in types}
        found = outcome(plan, an_object(sop_class, concerned))
        for tag, row in concerned.items():
            should = wrong(row, chosen, found.get(tag), table, types.get(tag, 3))
            assert not should, f"{iod}: ({row.tag}) {row.name} [{row.basic}] should be {should}"


def test_file_meta_rows_are_rebuilt_and_command_rows_never_pass() -> None:
    plan = plan_with(trial(), frozenset())
    for tag in (0x00001000, 0x00001001, 0x00041511):
        data = raw_element(tag, "UI", b"1.2.826.0.1.99") + an_object(CT_IMAGE)
        assert b"1.2.826.0.1.99" not in b"".join(outcome(plan, data).values())
