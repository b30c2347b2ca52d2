"""How originals and pseudonyms stand in the vault's largest table: UIDs below 2.25 as the 128 bits that they spell.

A pseudonym of 44 characters is at a random place of its index, so that the size of an entry decides how many pages a
batch touches; as 17 bytes it takes a little more than a third.
"""

from __future__ import annotations

from sqlalchemy import Dialect, LargeBinary
from sqlalchemy.types import TypeDecorator

_ROOT = "2.25."
_MOST_DIGITS = 39  # of a number of 128 bits
_TEXT, _NUMBER = b"\x00", b"\x01"


def packed(value: str) -> bytes:
    """The bytes that stand for a text, the same for ever; different texts have different ones."""
    if value.startswith(_ROOT):
        digits = value[len(_ROOT) :]
        if digits.isascii() and digits.isdigit() and len(digits) <= _MOST_DIGITS:
            number = int(digits)
            if number >> 128 == 0 and str(number) == digits:
                return _NUMBER + number.to_bytes(16, "big")
    return _TEXT + value.encode("utf-8")


def unpacked(stored: bytes) -> str:
    """The text that :func:`packed` was given."""
    if stored[:1] == _NUMBER:
        return f"{_ROOT}{int.from_bytes(stored[1:], 'big')}"
    return stored[1:].decode("utf-8")


class CompactText(TypeDecorator[str]):
    """A column of texts most of which are UIDs; compared for equality only, because its order is not that of texts."""

    impl = LargeBinary
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> bytes | None:
        return None if value is None else packed(value)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> str | None:
        return None if value is None else unpacked(bytes(value))
