"""The compiled form of a plan's rules: what the walk asks for each element."""

from __future__ import annotations

import struct
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Final, Protocol, TypeVar

from pacs2trial.deidentify.pieces import Code, Slot, Uids
from pacs2trial.dicomfile.scan import end_of_item
from pacs2trial.dicomfile.vr import KNOWN, SHORT
from pacs2trial.profile.rules import Action

if TYPE_CHECKING:
    from pacs2trial.deidentify.walk import Walk

_ITEM_END_LENGTH: Final = 8
_TAG: Final = struct.Struct("<HH")
_TAG_AND_VR: Final = struct.Struct("<HH2s")

Gathered = tuple[str, bytes, bytes]
"""What identifies the patient or staff: its kind, the character set in force, the value as encoded less padding."""

Verdict = bool | bytes
"""Whether a value may stay: True as it is, as other bytes in this form, False not at all."""

Result = bytes | Uids | Code | None
"""What an operation gives: the value itself to keep it, another to replace it, None to remove the element."""

Apply = Callable[["Walk", bytes], Result]

Operation = tuple[bytes, Apply, Action]
"""VR to write, function of the walk and the value, action of the rule."""

Plain = tuple[int, bytes, Apply, Action]
"""An operation with its tag, where nothing about the encoding is left to find out."""


Asked = TypeVar("Asked", bound=Hashable)
Made = TypeVar("Made")


class OnDemand(dict[Asked, Made | None]):
    """What is asked for with ``[]`` is made then, once; None where there is nothing, which is not kept.

    Objects use a hundred of the five thousand attributes and a few of the thousand sequences that rules know.
    """

    def __init__(self, make: Callable[[Asked], Made | None]) -> None:
        super().__init__()
        self._make = make

    def __missing__(self, key: Asked) -> Made | None:
        made = self._make(key)
        if made is not None:
            self[key] = made
        return made


@dataclass(eq=False)
class Operations:
    """The operations of one level of a data set, compiled from a :class:`pacs2trial.profile.RuleSet`.

    Attributes:
        tags: attribute of PS3.6 → operation, or None if it is removed for want of a rule.
        private: (group, private creator, low byte of the element number) → operation.
        inside: sequence → operations of its items, or None where they are those of this level.
        slots: attributes written at this level, ascending by tag.
    """

    tags: OnDemand[int, Operation]
    private: Mapping[tuple[int, bytes, int], Operation]
    inside: OnDemand[int, Operations | ItemOperations]
    slots: tuple[Slot, ...] = ()

    @cached_property
    def below(self) -> Operations:
        """For the items of a sequence without rules of its own: the same, and nothing is written."""
        return replace(self, slots=()) if self.slots else self

    @cached_property
    def slot_tags(self) -> tuple[int, ...]:
        return tuple(slot.tag for slot in self.slots)

    @cached_property
    def heads(self) -> OnDemand[bytes, Plain]:
        """For elements in explicit VR that have the VR they are written with: by the six bytes of tag and VR."""
        return OnDemand(self._plain_explicit)

    @cached_property
    def implicit_heads(self) -> OnDemand[bytes, Plain]:
        """For elements in implicit VR that are no sequences: by the four bytes of the tag."""
        return OnDemand(self._plain_implicit)

    def _plain_explicit(self, head: bytes) -> Plain | None:
        group, element, sent = _TAG_AND_VR.unpack(head)
        known = self.tags[group << 16 | element]
        return (group << 16 | element, *known) if known is not None and known[0] == sent in SHORT else None

    def _plain_implicit(self, head: bytes) -> Plain | None:
        group, element = _TAG.unpack(head)
        known = self.tags[group << 16 | element]
        plain = known is not None and known[0] in KNOWN and known[0] != b"SQ"
        return (group << 16 | element, *known) if known is not None and plain else None

    def for_item(self, _header: bytes, _start: int, _end: int, *, implicit: bool, delimited: bool) -> Operations | None:
        """Every item is treated alike."""
        return self


class Chooser(Protocol):
    """Looks at an item and chooses its operations."""

    def __call__(self, header: bytes, start: int, stop: int, *, implicit: bool) -> Operations | None:
        """The operations for the item whose content starts and stops there in the header; None to drop it."""


@dataclass(frozen=True)
class ItemOperations:
    """Operations that are chosen item by item."""

    choose: Chooser

    def for_item(self, header: bytes, start: int, end: int, *, implicit: bool, delimited: bool) -> Operations | None:
        """The operations for the item whose content starts at ``start``; its end has to be found if it is delimited."""
        stop = end_of_item(header, start, end, implicit=implicit) - _ITEM_END_LENGTH if delimited else end
        return self.choose(header, start, stop, implicit=implicit)
