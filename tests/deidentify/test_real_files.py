"""Real files, each compared element by element with what another reader says of its original."""

from __future__ import annotations

import io
import re
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset

from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.errors import UnsafeObjectError
from pacs2trial.profile import Action, Rule, staging_plan
from pacs2trial.profile.private import safe_private
from pacs2trial.profile.structured import CONTENT_SEQUENCES
from support.objects import TableOfPseudonyms
from support.shared import SHARED
from support.stages import PATIENT_CODE, both_stages, file_of, stage1

SHIPPED = Path(pydicom.__file__).parent / "data" / "test_files"
REFUSALS = {
    "not-dicom",
    "no-uid",
    "truncated",
    "malformed",
    "transfer-syntax",
    "pixel-encoding",
    "pixel-length",
    "order",
}

CHECKED = (b"CS", b"DA", b"DT", b"IS", b"LO", b"SH", b"TM")
FORMED = (b"CS", b"DA", b"TM")
SAFE = {attribute.key: attribute.vr for attribute in safe_private()}
WRITTEN = {0x00100010, 0x00100020, 0x00120062, 0x00120063, 0x00120064, 0x00280303}
OPTIONS = ("clean_descriptors", "retain_modified_dates", "retain_device_identity")


def files() -> list[Path]:
    """Of the long CT series every tenth slice, of the rest all."""
    found = sorted(path for root in (SHIPPED, SHARED) for path in root.rglob("*") if path.is_file())
    slices = [path for path in found if path.parent.name == "ct-completed"]
    tables = (".csv", ".json", ".txt", ".md", ".py", ".zip")
    return [
        path for path in found if (path not in slices or slices.index(path) % 10 == 0) and path.suffix not in tables
    ]


@pytest.fixture(scope="module")
def outcomes() -> Counter[str]:
    return Counter()


@pytest.mark.parametrize("path", files(), ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_real_file_comes_out_as_the_plan_says_or_is_refused(path: Path, outcomes: Counter[str]) -> None:
    try:
        obj = split_file(path.read_bytes())
        table = TableOfPseudonyms()
        made = stage1(obj, pseudonyms=table)
    except UnsafeObjectError as refused:
        assert refused.reason in REFUSALS
        outcomes[refused.reason] += 1
        return
    outcomes["clean"] += 1
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        before, after = pydicom.dcmread(path, force=True), pydicom.dcmread(io.BytesIO(file_of(made)))
        compare(before, after, table)
    if made.pixel:
        sent, kept = bytes(obj.pixel[8 if obj.implicit else 12 :]), b"".join(map(bytes, made.pixel[1:]))
        assert len(kept) - len(sent) == len(sent) % 2
        assert sent == kept or all(one in (other, 0) for one, other in zip(kept, sent, strict=False))


def compare(before: Dataset, after: Dataset, table: TableOfPseudonyms, *, depth: int = 0) -> None:
    rules = staging_plan().rules
    for element in after:
        tag = int(element.tag)
        if depth == 0 and tag in WRITTEN:
            continue
        assert tag in before, element.tag
        assert tag in rules or element.tag.group == 0x7FE0 or is_safe_private(element)
    for element in before:
        tag = int(element.tag)
        if (depth == 0 and tag in WRITTEN) or tag >= 0x7FE00000 or tag in CONTENT_SEQUENCES:
            continue
        if element.tag.is_private and tag in after:
            kept = element.VR == "SQ" or after[tag].value == element.value or element.VR in ("UN", "UI")
            assert kept and (after[tag].VR == "LO" or is_safe_private(after[tag]))
            continue
        compare_element(element, after, rules.get(tag), table, depth)
    if depth == 0:
        assert after.PatientID == PATIENT_CODE


def is_safe_private(element: DataElement) -> bool:
    """Whether the table of the standard lists it, with this VR; or it is the creator of a block."""
    if element.tag.element <= 0xFF:
        return True
    key = (element.tag.group, str(element.private_creator), element.tag.element & 0xFF)
    return SAFE.get(key) == element.VR


def compare_element(
    element: DataElement, after: Dataset, rule: Rule | None, table: TableOfPseudonyms, depth: int
) -> None:
    tag = element.tag
    action = rule.action if rule else Action.REMOVE
    if action in (Action.REMOVE, Action.WRITE):
        assert tag not in after
    elif action in (Action.EMPTY, Action.PATIENT):
        assert not after[tag].value
    elif action is Action.MAP:
        assert texts(after[tag].value) == [mapped(uid, table) for uid in texts(element.value)]
    elif action is Action.KEEP and element.VR == "SQ":
        assert len(after[tag].value) == len(element.value)
        for one, two in zip(element.value, after[tag].value, strict=True):
            compare(one, two, table, depth=depth + 1)
    elif (
        action is Action.KEEP and rule is not None and rule.vr not in (b"LO", b"SH", b"CS", b"DA", b"DT", b"TM", b"IS")
    ):
        is_no_class = rule.vr == b"UI" and not str(element.value).startswith("1.2.840.10008.")
        assert same(after[tag].value, element.value) or (is_no_class and not after[tag].value), element
    elif tag in after and action in (Action.KEEP, Action.CLEAN, Action.ROI_NAME):
        kept = texts(after[tag].value)
        replaced = ([], ["REMOVED"])
        formed = rule is not None and rule.vr in FORMED
        assert kept == texts(element.value) or kept in replaced or formed or less(kept, texts(element.value))


def mapped(uid: str, table: TableOfPseudonyms) -> str:
    return uid if uid.startswith("1.2.840.10008.") else table.uid(uid)


def texts(value: Any) -> list[str]:
    if value is None or value == "":
        return []
    values = value if isinstance(value, (list, pydicom.multival.MultiValue)) else [value]
    return [str(one).rstrip(" \0") for one in values]


def less(kept: list[str], values: list[str]) -> bool:
    """Whether every value has lost words and won none."""
    pairs = list(zip(kept, values, strict=True))
    return all(words(one) <= words(whole) for one, whole in pairs)


def words(text: str) -> Counter[str]:
    return Counter(re.findall(r"[^\W_]+", text))


def same(one: Any, two: Any) -> bool:
    return bool(one == two) or str(one) == str(two) or texts(one) == texts(two)


def test_most_real_files_pass(outcomes: Counter[str]) -> None:
    assert outcomes["clean"] > 40
    objects = outcomes.total() - outcomes["not-dicom"] - outcomes["no-uid"]
    assert outcomes["clean"] / objects > 0.9


@pytest.mark.parametrize("path", files()[::5], ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_staged_real_file_can_be_collected(path: Path) -> None:
    try:
        obj = split_file(path.read_bytes())
        staged = stage1(obj)
    except UnsafeObjectError:
        return
    collected = both_stages(obj, *OPTIONS)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = pydicom.dcmread(io.BytesIO(file_of(collected)))
        str(found)
    assert b"".join(map(bytes, collected.pixel)) == b"".join(map(bytes, staged.pixel))
    assert staged.sop_instance not in str(found)
