"""What a walk leaves behind: encoded bytes, and places for what is known only when every original was looked up."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final

from pacs2trial.dicomfile.vr import LONG, UNDEFINED
from pacs2trial.vault.pseudonyms import Original

_SHORT_HEAD: Final = struct.Struct("<HH2sH").pack
_LONG_HEAD: Final = struct.Struct("<HH2sHL").pack
_ITEM_HEAD: Final = struct.Struct("<HHL").pack
_LONGEST_SHORT: Final = 0xFFFE


class Uids:
    """A UI element whose values are to be mapped. ``value`` is as encoded, less padding.

    One piece may stand in many places, also of several objects.
    """

    __slots__ = ("tag", "value")

    def __init__(self, value: bytes) -> None:
        self.tag = 0
        self.value = value


class Code:
    """An element each of whose values is replaced by a pseudonym; None stands for an empty value."""

    __slots__ = ("originals", "tag", "vr")

    def __init__(self, vr: bytes, *originals: Original | None) -> None:
        self.tag = 0
        self.vr = vr
        self.originals = originals


class Sequence:
    """A sequence that did not stay byte for byte."""

    __slots__ = ("items", "tag")

    def __init__(self, tag: int, items: list[list[Piece]]) -> None:
        self.tag = tag
        self.items = items


class Slot:
    """The place of an attribute that the plan writes: with ``text``, or None for what the engine knows itself.

    ``filled`` tells that the text has places for values of the subject.
    """

    __slots__ = ("filled", "tag", "text", "vr")

    def __init__(self, tag: int, vr: bytes, text: str | None, *, filled: bool = False) -> None:
        self.tag = tag
        self.vr = vr
        self.text = text
        self.filled = filled


Piece = bytes | Uids | Code | Sequence | Slot


def element(tag: int, vr: bytes, value: bytes) -> bytes:
    """An element in explicit VR little endian (PS3.5 7.1.2), its value filled up to even length."""
    if len(value) & 1:
        value += b"\0" if vr == b"UI" or vr == b"OB" or vr == b"UN" else b" "
    return head(tag, vr, len(value)) + value


def head(tag: int, vr: bytes, length: int) -> bytes:
    """Tag, VR and length. A value that is too long for the length field of its VR goes as UN (PS3.5 6.2.2)."""
    group, number = tag >> 16, tag & 0xFFFF
    if vr in LONG:
        return _LONG_HEAD(group, number, vr, 0, length)
    if length > _LONGEST_SHORT:
        return _LONG_HEAD(group, number, b"UN", 0, length)
    return _SHORT_HEAD(group, number, vr, length)


def item_head(length: int) -> bytes:
    return _ITEM_HEAD(0xFFFE, 0xE000, length)


class Encoder:
    """Puts pieces together once the pseudonyms are known; lengths come from the inside outwards."""

    def __init__(
        self,
        uids: Mapping[bytes, bytes],
        codes: Mapping[Original, str],
        slots: Mapping[int, Piece],
        fill: Callable[[bytes, str], bytes] | None,
    ) -> None:
        """Take what a walk left open.

        Args:
            uids: value of a UI element → what it becomes.
            codes: original → pseudonym.
            slots: attribute of the outermost level → what is written for a slot without a text.
            fill: gives the value of a slot with places for values of the subject, from its VR and text; absent in
                stage 1.
        """
        self._fill = fill
        self._uids = uids
        self._codes = codes
        self._slots = slots
        self._encoded: dict[Uids, bytes] = {}

    def encode(self, pieces: list[Piece]) -> bytes:
        out: list[bytes] = []
        self._data_set(pieces, out)
        return b"".join(out)

    def _data_set(self, pieces: list[Piece], out: list[bytes]) -> int:
        total, known = 0, self._encoded.get
        for piece in pieces:
            if type(piece) is bytes:
                encoded = piece
            elif type(piece) is Uids:
                encoded = known(piece) or self._mapped(piece)
            elif type(piece) is Sequence:
                total += self._sequence(piece, out)
                continue
            else:
                total += self._pending(piece, out)
                continue
            out.append(encoded)
            total += len(encoded)
        return total

    def _mapped(self, piece: Uids) -> bytes:
        encoded = self._encoded[piece] = element(piece.tag, b"UI", self._uids[piece.value])
        return encoded

    def _pending(self, piece: Piece, out: list[bytes]) -> int:
        if isinstance(piece, Slot):
            written = self._written(piece)
            if not isinstance(written, bytes):
                return self._data_set([written], out)
            out.append(written)
            return len(written)
        assert isinstance(piece, Code)
        encoded = element(piece.tag, piece.vr, self._codes_of(piece))
        out.append(encoded)
        return len(encoded)

    def _codes_of(self, code: Code) -> bytes:
        return "\\".join(self._codes[one] if one else "" for one in code.originals).encode("ascii")

    def _written(self, slot: Slot) -> Piece:
        if slot.text is None:
            return self._slots[slot.tag]
        value = self._fill(slot.vr, slot.text) if slot.filled and self._fill else slot.text.encode("ascii")
        return element(slot.tag, slot.vr, value)

    def _sequence(self, sequence: Sequence, out: list[bytes]) -> int:
        place = len(out)
        out.append(b"")
        total = 0
        for item in sequence.items:
            item_place = len(out)
            out.append(b"")
            length = self._data_set(item, out)
            if length >= UNDEFINED:
                raise OverflowError("an item of a sequence is longer than DICOM can say")
            out[item_place] = item_head(length)
            total += 8 + length
        out[place] = head(sequence.tag, b"SQ", total)
        return len(out[place]) + total
