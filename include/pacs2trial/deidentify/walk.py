"""One walk over an encoded header: what stays is cut out in runs, what changes becomes a piece of its own."""

from __future__ import annotations

from collections.abc import Collection
from struct import Struct
from typing import Final

from pacs2trial.deidentify.asked import Asked
from pacs2trial.deidentify.compiled import ItemOperations, Operation, Operations, Result
from pacs2trial.deidentify.dummy_items import remainder
from pacs2trial.deidentify.harvest import PERSON_CODES
from pacs2trial.deidentify.judge import Judge
from pacs2trial.deidentify.keeping import settled, stray_name
from pacs2trial.deidentify.notes import NO_NUMBER, Notes
from pacs2trial.deidentify.pieces import Piece, Sequence, Slot, element
from pacs2trial.deidentify.pixels import is_of_overlay
from pacs2trial.deidentify.private import PrivateBlocks
from pacs2trial.dicomfile.dictionary import SIGN_DEPENDENT
from pacs2trial.dicomfile.scan import (
    LENGTH32,
    end_of_items,
    item_at,
    refuse,
    refuse_value,
)
from pacs2trial.dicomfile.vr import (
    DELIMITER_GROUP,
    ITEM_END,
    KNOWN,
    LONG,
    MAX_DEPTH,
    SEQUENCE_END,
    SHORT,
    UNDEFINED,
)
from pacs2trial.profile.rules import Action

_TAG: Final = Struct("<4sL").unpack_from
_TAG_AND_VR: Final = Struct("<6sH").unpack_from
_UNSAID: Final = (b"", b"UN")
_NO_SLOT: Final = 1 << 32
_END_OF_ITEM: Final = DELIMITER_GROUP << 16 | ITEM_END
_MAX_ELEMENTS: Final = 20_000_000
_NOTHING_ASKED: Final = Asked()


class Walk(Notes):
    """One walk over one header, stretch by stretch.

    Attributes:
        asked: what rules ask of other elements of the outermost level.
        sees_all: what it found depends on the whole header and not only on the stretches that it has walked.
    """

    def __init__(
        self,
        header: bytes,
        operations: Operations,
        judge: Judge,
        *,
        days: int = 0,
        blocked: Collection[bytes] = (),
        asked: Asked = _NOTHING_ASKED,
    ) -> None:
        super().__init__(judge, days=days, blocked=blocked)
        self.buffer = header
        self.operations = operations
        self.asked = asked
        self.sees_all = False

    def stretch(self, start: int, stop: int, slots: tuple[Slot, ...], *, implicit: bool) -> list[Piece]:
        """Walk the elements of the outermost level from ``start`` to ``stop``; ``slots`` are written among them.

        Raises:
            UnsafeObjectError: ``truncated``, ``malformed``, ``order``, ``too-deep`` or ``too-large``.
        """
        return self._data_set(start, stop, self.operations, slots, implicit=implicit)[0]

    def _data_set(  # noqa: C901 - the hot loop stays one piece: a call per element costs as much as its work
        self,
        position: int,
        end: int,
        operations: Operations,
        slots: tuple[Slot, ...],
        *,
        implicit: bool,
        delimited: bool = False,
    ) -> tuple[list[Piece], int, bool]:
        """The pieces of one data set, where it ends, and whether it is one run of unchanged bytes."""
        buffer, operation_for = self.buffer, operations.tags.__getitem__
        plain, head_at = (
            (operations.implicit_heads.__getitem__, _TAG) if implicit else (operations.heads.__getitem__, _TAG_AND_VR)
        )
        out: list[Piece] = []
        piece: Piece | None
        first = keep = position
        last_head = end - 8
        last = -1
        blocks = PrivateBlocks(operations, out) if operations.private else None
        slot_index = 0
        slot = slots[0].tag if slots else _NO_SLOT
        counted = 0
        closed = False
        while position < end:
            start = position
            if start > last_head:
                refuse("truncated", "the object ends within the head of an element")
            position = start + 8
            head, length = head_at(buffer, start)
            known = plain(head)
            if known is not None and length != UNDEFINED:
                tag, vr, apply, action = known
            else:
                known, vr = None, head[4:]
                tag = (head[1] << 8 | head[0]) << 16 | head[3] << 8 | head[2]
                if tag >> 16 == DELIMITER_GROUP:
                    if tag != _END_OF_ITEM or not delimited:
                        refuse("malformed", "a delimiter stands where an element should")
                    closed = True
                    break
                if vr in LONG:
                    position = start + 12
                    if position > end:
                        refuse("truncated", "the object ends within the head of an element")
                    (length,) = LENGTH32(buffer, start + 8)
                elif vr not in SHORT and not implicit:
                    refuse("malformed", "an element has no value representation of DICOM")
            if tag <= last:
                refuse("order", f"({tag >> 16:04X},{tag & 0xFFFF:04X}) stands twice or behind its place")
            last = tag
            counted += 1
            if tag >= slot:
                if start > keep:
                    out.append(buffer[keep:start])
                    keep = start
                while tag >= slot:
                    out.append(slots[slot_index])
                    slot_index += 1
                    slot = slots[slot_index].tag if slot_index < len(slots) else _NO_SLOT
            if known is not None:
                stop = position + length
                if stop > end:
                    refuse_value(tag)
                value = buffer[position:stop]
                result = apply(self, value)
                if result is value:
                    if not (length & 1 or implicit):
                        position = stop
                        continue
                    piece = element(tag, vr, value)
                else:
                    piece = self._changed(tag, vr, action, result)
                if start > keep:
                    out.append(buffer[keep:start])
                keep = position = stop
                if piece is not None:
                    out.append(piece)
                continue
            operation = operation_for(tag)
            if blocks is not None and tag & 0x10000 and operation is None:
                if start > keep:
                    out.append(buffer[keep:start])
                keep = position = self._private(
                    tag, vr, position, length, end, operations, blocks, out, implicit=implicit
                )
                continue
            if length == UNDEFINED or vr == b"SQ" or (operation is not None and operation[0] == b"SQ"):
                stop, piece, same = self._sequence(
                    tag, vr, operation, position, length, end, operations, implicit=implicit
                )
                if same:
                    position = stop
                    continue
            else:
                stop = position + length
                if stop > end:
                    refuse_value(tag)
                if operation is None:
                    piece = None
                    self._note_unknown(tag, vr, position, stop)
                else:
                    out_vr, apply, action = operation
                    value = buffer[position:stop]
                    if vr != out_vr and (vr not in _UNSAID or out_vr == SIGN_DEPENDENT):
                        out_vr, apply = settled(operation, vr, self.asked.pixel_representation)
                    result = apply(self, value)
                    if result is value:
                        if vr == out_vr and not length & 1:
                            position = stop
                            continue
                        piece = element(tag, out_vr, value)
                    else:
                        piece = self._changed(tag, out_vr, action, result)
            if start > keep:
                out.append(buffer[keep:start])
            keep = position = stop
            if piece is not None:
                out.append(piece)
        if delimited and not closed:
            refuse("truncated", "the object ends within an item")
        run_end = start if closed else position
        if run_end > keep:
            out.append(buffer[keep:run_end])
        self._count_elements(counted)
        out.extend(slots[slot_index:])
        return out, position, keep == first and not closed and not slots

    def _private(
        self,
        tag: int,
        vr: bytes,
        position: int,
        length: int,
        end: int,
        operations: Operations,
        blocks: PrivateBlocks,
        out: list[Piece],
        *,
        implicit: bool,
    ) -> int:
        """Add what stays of a private element to ``out``; where the value ends."""
        operation = blocks.operation(tag, vr)
        if length == UNDEFINED or vr == b"SQ" or (operation is not None and operation[0] == b"SQ"):
            stop, piece, same = self._sequence(tag, vr, operation, position, length, end, operations, implicit=implicit)
            if same:
                piece = element(tag, b"SQ", self.buffer[position:stop])
        else:
            stop = position + length
            if stop > end:
                refuse_value(tag)
            value = self.buffer[position:stop]
            if operation is None:
                piece = None
                self._note_unknown(tag, vr, position, stop)
                blocks.reserve(tag, value)
            else:
                out_vr, apply, action = operation
                result = apply(self, value)
                piece = element(tag, out_vr, value) if result is value else self._changed(tag, out_vr, action, result)
        if piece is not None:
            if blocks.keep_creator(tag):
                self.counts[Action.REMOVE] -= 1
            out.append(piece)
        return stop

    def _count_elements(self, counted: int) -> None:
        self.elements += counted
        if self.elements > _MAX_ELEMENTS:
            refuse("too-large", f"the object has more than {_MAX_ELEMENTS} elements")

    def _changed(self, tag: int, vr: bytes, action: Action, result: Result) -> Piece | None:
        if result is None:
            self.count(Action.REMOVE)
            return None
        if isinstance(result, bytes):
            if result or action is Action.EMPTY:
                if action is not Action.KEEP:
                    self.count(action)
            else:
                self.count(Action.EMPTY)
            return element(tag, vr, result)
        self.count(action)
        result.tag = tag
        return result

    # ---- sequences --------------------------------------------------------------------------------------------

    def _sequence(
        self,
        tag: int,
        vr: bytes,
        operation: Operation | None,
        position: int,
        length: int,
        end: int,
        operations: Operations,
        *,
        implicit: bool,
    ) -> tuple[int, Piece | None, bool]:
        """Where the value ends, the piece for it (None if removed), and whether it stayed byte for byte."""
        undefined = length == UNDEFINED
        stop = end if undefined else position + length
        if stop > end:
            refuse("truncated", f"the sequence ({tag >> 16:04X},{tag & 0xFFFF:04X}) is longer than what is there")
        inner_implicit = implicit or (vr == b"UN" and (undefined or self._looks_implicit(position, stop)))
        wanted = operation is not None and operation[0] == b"SQ" and vr in (b"SQ", b"UN", b"")
        action = operation[2] if operation is not None and wanted else Action.REMOVE
        if action is Action.WRITE and self.level:
            action = Action.REMOVE
        if action in (Action.REMOVE, Action.EMPTY, Action.DUMMY):
            return self._left_out(
                tag, action, position, stop, implicit=inner_implicit, undefined=undefined, known=wanted
            )
        inside = operations.inside[tag] or operations.below
        items, stop, same = self._items(position, stop, inside, implicit=inner_implicit, undefined=undefined)
        if action is Action.WRITE:
            self.foreign_items = items
            self.foreign[tag] = self.buffer[position:stop]
            self.count(Action.WRITE)
            return stop, None, False
        if same and vr == b"SQ":
            return stop, None, True
        return stop, Sequence(tag, items), False

    def _left_out(
        self, tag: int, action: Action, position: int, stop: int, *, implicit: bool, undefined: bool, known: bool
    ) -> tuple[int, Piece | None, bool]:
        if known:
            stop = self._harvest_items(tag, position, stop, implicit=implicit, undefined=undefined)
        elif undefined:
            stop = end_of_items(self.buffer, position, stop, implicit=implicit)
        self.count(action)
        return stop, remainder(tag, action), False

    def _items(
        self, position: int, stop: int, operations: Operations | ItemOperations, *, implicit: bool, undefined: bool
    ) -> tuple[list[list[Piece]], int, bool]:
        if self.level >= MAX_DEPTH:
            refuse("too-deep", f"sequences are nested more than {MAX_DEPTH} times")
        items: list[list[Piece]] = []
        same = not undefined and not implicit
        buffer, charset = self.buffer, self.charset
        self.level += 1
        while undefined or position < stop:
            number, length, position = item_at(buffer, position, stop)
            if number == SEQUENCE_END:
                if not undefined:
                    refuse("malformed", "a sequence of defined length holds a delimiter")
                break
            delimited = length == UNDEFINED
            end = stop if delimited else position + length
            if end > stop:
                refuse("truncated", "an item is longer than what is there")
            if type(operations) is Operations:
                chosen: Operations | None = operations
            else:
                self.sees_all = True
                chosen = operations.for_item(buffer, position, end, implicit=implicit, delimited=delimited)
            if chosen is None:
                aside = self._aside()
                _, position, _ = aside._data_set(
                    position, end, self.operations.below, (), implicit=implicit, delimited=delimited
                )
                self.count(Action.REMOVE)
                same = False
                continue
            pieces, position, item_same = self._data_set(
                position, end, chosen, chosen.slots, implicit=implicit, delimited=delimited
            )
            same = same and item_same and not delimited
            items.append(pieces)
            if self.charset != charset:
                self.use_charset(charset)
            self.item_number = NO_NUMBER
        self.level -= 1
        return items, position, same

    def _looks_implicit(self, position: int, stop: int) -> bool:
        """Whether the items of a sequence that was sent as UN are in implicit VR, as PS3.5 6.2.2 wants them."""
        return stop - position < 14 or self.buffer[position + 12 : position + 14] not in KNOWN

    # ---- what identifies, in what is left out -------------------------------------------------------------------

    def _note_unknown(self, tag: int, vr: bytes, position: int, stop: int) -> None:
        self.count(Action.REMOVE)
        if vr == b"PN":
            stray_name(self, self.buffer[position:stop])
        if not self.level and is_of_overlay(tag):
            self.top[tag] = self.buffer[position : position + 2]

    def _harvest_items(self, tag: int, position: int, stop: int, *, implicit: bool, undefined: bool) -> int:
        """Gather names and IDs from a sequence that is removed, such as Other Patient IDs Sequence; where it ends."""
        aside = self._aside()
        aside.names_persons = tag == PERSON_CODES
        _, stop, _ = aside._items(position, stop, self.operations.below, implicit=implicit, undefined=undefined)
        self.sees_all |= aside.sees_all
        return stop

    def _aside(self) -> Walk:
        """A walk of the same object that leaves nothing behind but what it harvests."""
        aside = Walk(self.buffer, self.operations, self.judge, asked=self.asked)
        aside.harvest = self.harvest
        aside.use_charset(self.charset)
        aside.level = self.level
        return aside
