from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pacs2trial.errors import PermanentError
from pacs2trial.vault import encryption
from pacs2trial.vault.encryption import SEGMENT_BYTES, new_data_key, seal, sealing, unseal

KEY = new_data_key()


@given(st.binary(max_size=200))
def test_what_was_sealed_comes_back(data: bytes) -> None:
    assert unseal(KEY, seal(KEY, data)) == data


def test_the_same_data_is_sealed_differently_each_time() -> None:
    assert seal(KEY, b"data") != seal(KEY, b"data")


@pytest.mark.parametrize("size", [SEGMENT_BYTES - 1, SEGMENT_BYTES, SEGMENT_BYTES + 1, 2 * SEGMENT_BYTES])
def test_a_large_object_comes_back(size: int) -> None:
    data = bytes([7]) * size
    assert unseal(KEY, seal(KEY, memoryview(data))) == data


@pytest.mark.parametrize(
    "sizes", [(0,), (), (5, 0, 3), (SEGMENT_BYTES - 2, 5, SEGMENT_BYTES, 1), (SEGMENT_BYTES, SEGMENT_BYTES)]
)
def test_parts_come_back_as_one(sizes: tuple[int, ...]) -> None:
    parts = [bytes([number + 1]) * size for number, size in enumerate(sizes)]
    assert unseal(KEY, b"".join(sealing(KEY, parts))) == b"".join(parts)


@given(st.data())
def test_a_changed_byte_is_noticed(data: st.DataObject) -> None:
    sealed = bytearray(seal(KEY, b"the patient"))
    place = data.draw(st.integers(0, len(sealed) - 1))
    sealed[place] ^= data.draw(st.integers(1, 255))
    with pytest.raises(PermanentError):
        unseal(KEY, sealed)


def test_a_cut_value_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encryption, "SEGMENT_BYTES", 16)
    sealed = seal(KEY, b"x" * 40)
    for length in range(len(sealed)):
        with pytest.raises(PermanentError):
            unseal(KEY, sealed[:length])


def test_another_key_does_not_open_it() -> None:
    with pytest.raises(PermanentError):
        unseal(new_data_key(), seal(KEY, b"data"))
