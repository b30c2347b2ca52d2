"""What stands in place of a sequence that must not be empty: one item that is valid and says nothing."""

from __future__ import annotations

from functools import cache
from typing import Final

from pacs2trial.deidentify.identifiers import DUMMY_WORD
from pacs2trial.deidentify.pieces import element, item_head
from pacs2trial.profile import structured
from pacs2trial.profile.rules import Action


class _Tags:
    WAVEFORM_ANNOTATION: Final = 0x0040B020
    INSTITUTION: Final = 0x00080080
    INSTITUTION_CODES: Final = 0x00080082
    OPERATORS: Final = 0x00081072
    PERSON_CODES: Final = 0x00401101


def remainder(tag: int, action: Action) -> bytes | None:
    """What is left of a sequence that is removed, emptied or replaced by a dummy."""
    if action is Action.REMOVE:
        return None
    return element(tag, b"SQ", dummy_items(tag) if action is Action.DUMMY else b"")


@cache
def dummy_items(tag: int) -> bytes:
    """The encoded items of the dummy for a sequence; none where an empty sequence serves.

    A report without its content says so in a comment (TEXT, PS3.3 C.17.3.2), which every report IOD allows; a waveform
    without its annotations in one that belongs to all channels of the first group (PS3.3 C.10.10). A person, an
    operator and an institution become unknown ones (PS3.3 10.1).
    """
    match tag:
        case structured.CONTENT_SEQUENCE:
            return _item(_comment(DUMMY_WORD))
        case _Tags.WAVEFORM_ANNOTATION:
            return _item(_annotation(DUMMY_WORD))
        case _Tags.PERSON_CODES | _Tags.INSTITUTION_CODES:
            return _item(_code(*structured.UNKNOWN_CODE))
        case _Tags.OPERATORS:
            institution = element(_Tags.INSTITUTION, b"LO", DUMMY_WORD.encode())
            return _item(institution + element(_Tags.PERSON_CODES, b"SQ", _item(_code(*structured.UNKNOWN_CODE))))
        case _:
            return b""


def _comment(text: str) -> bytes:
    return b"".join(
        (
            element(0x0040A010, b"CS", b"CONTAINS"),
            element(0x0040A040, b"CS", b"TEXT"),
            element(0x0040A043, b"SQ", _item(_code("121106", "DCM", "Comment"))),
            element(0x0040A160, b"UT", text.encode()),
        )
    )


def _annotation(text: str) -> bytes:
    return element(0x0040A0B0, b"US", b"\1\0\0\0") + element(0x00700006, b"ST", text.encode())


def _code(value: str, scheme: str, meaning: str) -> bytes:
    return b"".join(
        (
            element(0x00080100, b"SH", value.encode()),
            element(0x00080102, b"SH", scheme.encode()),
            element(0x00080104, b"LO", meaning.encode()),
        )
    )


def _item(content: bytes) -> bytes:
    return item_head(len(content)) + content
