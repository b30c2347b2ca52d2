"""Stepping over encoded data elements without taking them apart (DICOM PS3.5 chapter 7)."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NoReturn

from pacs2trial.dicomfile.vr import DELIMITER_GROUP, ITEM, ITEM_END, LONG, MAX_DEPTH, SEQUENCE_END, SHORT, UNDEFINED
from pacs2trial.errors import UnsafeObjectError

Bytes = bytes | memoryview

EXPLICIT_HEAD = struct.Struct("<HH2sH").unpack_from
IMPLICIT_HEAD = struct.Struct("<HHL").unpack_from
LENGTH32 = struct.Struct("<L").unpack_from


Element = tuple[int, bytes, int, int, int, bool]
"""Tag, VR (empty in implicit VR), where element, value and what follows begin, whether its length is undefined."""


def refuse(reason: str, detail: str) -> NoReturn:
    raise UnsafeObjectError(reason, detail)


def refuse_value(tag: int) -> NoReturn:
    refuse("truncated", f"the value of ({tag >> 16:04X},{tag & 0xFFFF:04X}) is longer than what is there")


def elements(buffer: Bytes, start: int, end: int, *, implicit: bool) -> Iterator[Element]:
    """The elements of one data set, outermost level; the value of an undefined length is stepped over.

    Raises:
        UnsafeObjectError: ``truncated`` when the buffer ends within an element, ``malformed`` when it is no data set.
    """
    position = start
    while position < end:
        if not implicit and end - position >= 8:
            group, number, vr, length = EXPLICIT_HEAD(buffer, position)
            value = position + 8
            if vr in SHORT and group != DELIMITER_GROUP and value + length <= end:
                yield group << 16 | number, vr, position, value, value + length, False
                position = value + length
                continue
        element = element_at(buffer, position, end, implicit=implicit)
        yield element
        position = element[4]


def element_at(buffer: Bytes, start: int, end: int, *, implicit: bool, depth: int = 0) -> Element:
    """The element that begins at ``start``; raises as :func:`elements`."""
    tag, vr, value, length = head_at(buffer, start, end, implicit=implicit)
    if length == UNDEFINED:
        stop = end_of_items(buffer, value, end, implicit=implicit or vr == b"UN", depth=depth)
        return tag, vr, start, value, stop, True
    if length > end - value:
        refuse_value(tag)
    return tag, vr, start, value, value + length, False


def head_at(buffer: Bytes, start: int, end: int, *, implicit: bool) -> tuple[int, bytes, int, int]:
    """Tag, VR, where the value begins and its length, of the element that begins at ``start``."""
    if end - start < 8:
        refuse("truncated", "the object ends within the head of an element")
    if implicit:
        group, number, length = IMPLICIT_HEAD(buffer, start)
        vr, value = b"", start + 8
    else:
        group, number, vr, length = EXPLICIT_HEAD(buffer, start)
        value = start + 8
        if vr in LONG:
            value = start + 12
            if value > end:
                refuse("truncated", "the object ends within the head of an element")
            (length,) = LENGTH32(buffer, start + 8)
        elif vr not in SHORT:
            refuse("malformed", "an element has no value representation of DICOM")
    if group == DELIMITER_GROUP:
        refuse("malformed", "a delimiter stands where an element should")
    return group << 16 | number, vr, value, length


def end_of_items(buffer: Bytes, start: int, end: int, *, implicit: bool, depth: int = 0) -> int:
    """The position behind the Sequence Delimitation Item of a value of undefined length that begins at ``start``.

    Serves sequences and the fragments of encapsulated pixel data alike; raises as :func:`elements`.
    """
    if depth > MAX_DEPTH:
        refuse("too-deep", f"sequences are nested more than {MAX_DEPTH} times")
    position = start
    while True:
        number, length, position = item_at(buffer, position, end)
        if number == SEQUENCE_END:
            return position
        if length == UNDEFINED:
            position = end_of_item(buffer, position, end, implicit=implicit, depth=depth)
        elif length > end - position:
            refuse("truncated", "an item is longer than what is there")
        else:
            position += length


def item_at(buffer: Bytes, start: int, end: int) -> tuple[int, int, int]:
    """Element number (item or end of sequence), length and where the content begins, of the item at ``start``."""
    if end - start < 8:
        refuse("truncated", "the object ends within a sequence")
    group, number, length = IMPLICIT_HEAD(buffer, start)
    if group != DELIMITER_GROUP or number not in (ITEM, SEQUENCE_END):
        refuse("malformed", "a sequence holds something that is no item")
    return number, length, start + 8


def end_of_item(buffer: Bytes, start: int, end: int, *, implicit: bool, depth: int = 0) -> int:
    """The position behind the Item Delimitation Item of an item of undefined length whose content begins at ``start``.

    Raises as :func:`elements`.
    """
    position = start
    while True:
        if end - position < 8:
            refuse("truncated", "the object ends within an item")
        group, number, _ = IMPLICIT_HEAD(buffer, position)
        if group == DELIMITER_GROUP and number == ITEM_END:
            return position + 8
        position = element_at(buffer, position, end, implicit=implicit, depth=depth + 1)[4]
