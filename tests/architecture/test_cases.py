"""docs/cases.md names every adversarial case and every promise, and only tests that there are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "cases.md").read_text("utf-8")
CASES, PROMISES = (re.findall(r"^\| (\d+) \| (.+) \|$", part, re.MULTILINE) for part in TEXT.split("## Promises"))


def test_no_case_and_no_promise_is_left_out() -> None:
    assert [int(number) for number, _ in CASES] == list(range(1, 73))
    assert [int(number) for number, _ in PROMISES] == list(range(1, 11))


@pytest.mark.parametrize(("number", "row"), [*CASES, *((f"promise {number}", row) for number, row in PROMISES)])
def test_every_test_that_is_named_exists(number: str, row: str) -> None:
    named = re.findall(r"`([\w/]+\.py)::(\w+)`", row)
    assert named, number
    for file, name in named:
        assert re.search(rf"^ *def test_{name}\(", (ROOT / "tests" / file).read_text("utf-8"), re.MULTILINE), name
