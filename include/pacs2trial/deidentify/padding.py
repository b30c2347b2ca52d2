"""Padding of values to even length (PS3.5 6.2)."""

from __future__ import annotations

from typing import Final

PADDING: Final = b" \0"


def trimmed(value: bytes) -> bytes:
    """``value`` less padding; ``value`` itself where it is padded as it should be."""
    stripped = value.rstrip(PADDING)
    extra = len(value) - len(stripped)
    if not extra or (extra == 1 and len(stripped) & 1 and value[-1] == 0x20):
        return value
    return stripped
