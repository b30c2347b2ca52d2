"""Explicit VR Big Endian (retired) turned into Explicit VR Little Endian; nothing changes its length on the way."""

from __future__ import annotations

import struct

import numpy as np

from pacs2trial.dicomfile.dictionary import SIGN_DEPENDENT, dictionary
from pacs2trial.dicomfile.scan import end_of_items, refuse
from pacs2trial.dicomfile.vr import (
    DELIMITER_GROUP,
    ITEM,
    ITEM_END,
    LONG,
    MAX_DEPTH,
    SEQUENCE_END,
    SHORT,
    UNDEFINED,
    WORD,
)

_HEAD = struct.Struct(">HH2sH").unpack_from
_ITEM = struct.Struct(">HHL").unpack_from
_LENGTH32 = struct.Struct(">L").unpack_from


def to_little_endian(data: bytes | memoryview) -> bytearray:
    """The data set in little endian (PS3.5 section 7.3).

    Raises:
        UnsafeObjectError: ``truncated``, ``malformed`` or ``too-deep``.
    """
    swapped = bytearray(data)
    _swap_elements(swapped, 0, len(swapped), depth=0, until_delimiter=False)
    return swapped


def _swap_elements(data: bytearray, start: int, end: int, *, depth: int, until_delimiter: bool) -> int:
    if depth > MAX_DEPTH:
        refuse("too-deep", f"sequences are nested more than {MAX_DEPTH} times")
    position = start
    while position < end:
        if end - position < 8:
            refuse("truncated", "the object ends within the head of an element")
        group, number, _, _ = _HEAD(data, position)
        if group == DELIMITER_GROUP:
            if not (until_delimiter and number == ITEM_END):
                refuse("malformed", "a delimiter stands where an element should")
            _swap(data, position, 2, 2)
            return position + 8
        position = _swap_element(data, position, end, depth)
    if until_delimiter:
        refuse("truncated", "the object ends within an item")
    return position


def _swap_element(data: bytearray, position: int, end: int, depth: int) -> int:
    length: int
    group, number, vr, length = _HEAD(data, position)
    _swap(data, position, 2, 2)
    if vr in LONG:
        if end - position < 12:
            refuse("truncated", "the object ends within the head of an element")
        (length,) = _LENGTH32(data, position + 8)
        _swap(data, position + 8, 4, 1)
        value = position + 12
    elif vr in SHORT:
        _swap(data, position + 6, 2, 1)
        value = position + 8
    else:
        refuse("malformed", "an element has no value representation of DICOM")
    if length == UNDEFINED:
        if vr == b"UN":  # PS3.5 6.2.2: always little endian within
            return end_of_items(memoryview(data), value, end, implicit=True, depth=depth)
        return _swap_items(data, value, end, depth, delimited=True, sequence=vr == b"SQ")
    if length > end - value:
        refuse("truncated", "a value is longer than what is there")
    if vr == b"SQ":
        return _swap_items(data, value, value + length, depth, delimited=False, sequence=True)
    word = _word(vr, group << 16 | number)
    if word > 1:
        _swap(data, value, word, length // word)
    return value + length


def _swap_items(data: bytearray, start: int, end: int, depth: int, *, delimited: bool, sequence: bool) -> int:
    position = start
    while delimited or position < end:
        if end - position < 8:
            refuse("truncated", "the object ends within a sequence")
        group, number, length = _ITEM(data, position)
        if group != DELIMITER_GROUP or number not in (ITEM, SEQUENCE_END):
            refuse("malformed", "a sequence holds something that is no item")
        _swap(data, position, 2, 2)
        _swap(data, position + 4, 4, 1)
        position += 8
        if number == SEQUENCE_END:
            return position
        if length == UNDEFINED:
            position = _swap_elements(data, position, end, depth=depth + 1, until_delimiter=True)
        elif length > end - position:
            refuse("truncated", "an item is longer than what is there")
        else:
            if sequence:
                _swap_elements(data, position, position + length, depth=depth + 1, until_delimiter=False)
            position += length
    return position


def _word(vr: bytes, tag: int) -> int:
    if vr == b"UN" and tag in dictionary():
        vr = dictionary()[tag].vr
    return 2 if vr == SIGN_DEPENDENT else WORD.get(vr, 1)


def _swap(data: bytearray, start: int, width: int, count: int) -> None:
    view = np.frombuffer(data, dtype=f"u{width}", count=count, offset=start)
    view.byteswap(inplace=True)
