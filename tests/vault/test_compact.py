"""Texts of the largest table: a UID below 2.25 as its number, every other text as it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs2trial.vault.compact import packed, unpacked

NEARLY_UIDS = st.from_regex(r"\A2\.25\.[0-9]{0,41}\Z")
TEXTS = st.text(max_size=30) | NEARLY_UIDS | st.integers(0, 1 << 128).map(lambda number: f"2.25.{number}")


@given(TEXTS)
def test_every_text_comes_back(value: str) -> None:
    assert unpacked(packed(value)) == value


@given(TEXTS, TEXTS)
def test_different_texts_differ(one: str, other: str) -> None:
    assert (packed(one) == packed(other)) == (one == other)


@pytest.mark.parametrize("value", ["2.25.0", "2.25.7", f"2.25.{(1 << 128) - 1}"])
def test_a_uid_below_2_25_takes_17_bytes(value: str) -> None:
    assert len(packed(value)) == 17


@pytest.mark.parametrize("value", ["", "2.25.", "2.25.01", "2.25.1.1", f"2.25.{1 << 128}", "2.25.¹", "1.2.840.1"])
def test_what_is_no_such_uid_stands_as_it_is(value: str) -> None:
    assert packed(value)[1:] == value.encode()
