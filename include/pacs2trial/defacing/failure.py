"""Why a face was not removed."""

from __future__ import annotations

from typing import Final, Never

ABSENT: Final = "the program is not there"
"""The one reason that is asked again although nothing that the site said of the program has changed."""


class NotRemovedError(Exception):
    """A face was not removed; ``reason`` says why in a few words, and names no value of an object."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(reason)


def fail(reason: str) -> Never:
    """Give up."""
    raise NotRemovedError(reason)
