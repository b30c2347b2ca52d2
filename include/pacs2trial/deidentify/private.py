"""Private attributes of one level: which block belongs to whom (PS3.5 7.8.1), and which attributes have a rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from pacs2trial.deidentify.compiled import Apply, Operation, Operations, Result
from pacs2trial.deidentify.pieces import Piece, element
from pacs2trial.dicomfile.vr import UNIT
from pacs2trial.profile.rules import Rule

if TYPE_CHECKING:
    from pacs2trial.deidentify.walk import Walk

_FIRST_BLOCK: Final = 0x10
_LAST_BLOCK: Final = 0xFF
_ONE_VALUE: Final = frozenset((b"LT", b"ST", b"UR", b"UT", b"SQ"))
_UNSAID: Final = (b"", b"UN")


class PrivateBlocks:
    """The blocks that are reserved at one level, while it is walked.

    A block is known by its creator alone; its number may differ from object to object. A creator that is blank, or that
    reserves two blocks of a group, says of no element for sure what it is. The element of a creator stays only
    if something of its block stays: it has a place among the pieces, filled by the first that does.
    """

    def __init__(self, operations: Operations, pieces: list[Piece]) -> None:
        self._operations = operations.private
        self._pieces = pieces
        self._creators: dict[int, bytes] = {}
        self._owners: dict[tuple[int, bytes], int] = {}
        self._places: dict[int, int] = {}

    def reserve(self, tag: int, value: bytes) -> None:
        """Note the element if it is that of a creator, and keep a place for it behind the pieces that are there."""
        number, name = tag & 0xFFFF, value.strip(b" \0")
        if not _FIRST_BLOCK <= number <= _LAST_BLOCK or not name:
            return
        group = tag >> 16
        before = self._owners.setdefault((group, name), tag)
        if before != tag:
            self._creators.pop(before, None)
            return
        self._creators[tag] = name
        self._places[tag] = len(self._pieces)
        self._pieces.append(b"")

    def operation(self, tag: int, vr: bytes) -> Operation | None:
        """The operation for a private element, if its block has a known owner and its VR fits."""
        creator = self._creators.get(_creator_tag(tag))
        if creator is None:
            return None
        operation = self._operations.get((tag >> 16, creator, tag & 0xFF))
        return operation if operation is not None and vr in (*_UNSAID, operation[0]) else None

    def keep_creator(self, tag: int) -> bool:
        """Something of the block of ``tag`` stays, so its creator element does; False if that was known."""
        creator = _creator_tag(tag)
        place = self._places.pop(creator, None)
        if place is None:
            return False
        self._pieces[place] = element(creator, b"LO", self._creators[creator])
        return True


def _creator_tag(tag: int) -> int:
    """The creator element of the block of a private element: (gggg,xxyy) belongs to (gggg,00xx)."""
    return tag & 0xFFFF0000 | (tag & 0xFFFF) >> 8


def with_multiplicity(apply: Apply, rule: Rule) -> Apply:
    """``apply`` for values of the rule's multiplicity; others are removed."""
    fits = _fits(rule.vm)

    def checked(walk: Walk, value: bytes) -> Result:
        return apply(walk, value) if not value or fits(_count(rule.vr, value)) else None

    return checked if rule.vm else apply


def _count(vr: bytes, value: bytes) -> int:
    if vr in UNIT:
        return len(value) // UNIT[vr] if vr not in (b"OB", b"OW", b"OF", b"OD", b"OL", b"OV", b"UN") else 1
    return 1 if vr in _ONE_VALUE else value.count(b"\\") + 1


def _fits(vm: str) -> Callable[[int], bool]:
    """``1``, ``3``, ``1-n``, ``1-3`` or ``2-2n`` (PS3.5 6.4): the least number, then the most or the step."""
    least, _, most = vm.partition("-")
    first = int(least or 1)
    if not most:
        return lambda count: count == first
    if most.endswith("n"):
        step = int(most[:-1] or 1)
        return lambda count: count >= first and count % step == 0
    last = int(most)
    return lambda count: first <= count <= last
