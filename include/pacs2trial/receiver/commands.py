"""Command sets of DIMSE messages (PS3.7 6.3.1 and annex E): always implicit VR little endian, group 0000 only."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import Final

# PS3.7 E.1, table E.1-1: elements of group 0000
AFFECTED_SOP_CLASS: Final = 0x0002
COMMAND_FIELD: Final = 0x0100
MESSAGE_ID: Final = 0x0110
RESPONDED_TO: Final = 0x0120
DATA_SET_TYPE: Final = 0x0800
STATUS: Final = 0x0900
ERROR_COMMENT: Final = 0x0902
AFFECTED_SOP_INSTANCE: Final = 0x1000

C_STORE_RQ: Final = 0x0001
C_ECHO_RQ: Final = 0x0030
C_CANCEL_RQ: Final = 0x0FFF
RESPONSE: Final = 0x8000
NO_DATA_SET: Final = 0x0101

_HEAD = struct.Struct("<HHL")
_US = struct.Struct("<H")

Value = int | str | bytes


class CommandError(ValueError):
    """Bytes that are no command set, or one that lacks what its kind needs."""


class Command(Mapping[int, bytes]):
    """A command set as it came: encoded values by element number."""

    def __init__(self, encoded: bytes | bytearray) -> None:
        self._values: dict[int, bytes] = {}
        position, end = 0, len(encoded)
        while position < end:
            if end - position < _HEAD.size:
                raise CommandError("the command set ends within an element")
            group, element, length = _HEAD.unpack_from(encoded, position)
            position += _HEAD.size
            if group or length > end - position:
                raise CommandError("an element of the command set is no command element, or longer than the rest")
            self._values[element] = bytes(encoded[position : position + length])
            position += length

    def __getitem__(self, element: int) -> bytes:
        return self._values[element]

    def __iter__(self) -> Iterator[int]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def number(self, element: int) -> int:
        """The value of an element with VR US.

        Raises:
            CommandError: it is missing or no US.
        """
        value = self._values.get(element, b"")
        if len(value) != _US.size:
            raise CommandError(f"(0000,{element:04X}) is missing or malformed")
        number: int = _US.unpack(value)[0]
        return number

    def uid(self, element: int) -> str:
        """The value of an element with VR UI, without padding; empty when it is missing or no text."""
        return self._values.get(element, b"").rstrip(b"\0 ").decode("ascii", "ignore")

    def check(self) -> None:
        """Require what every message has: its kind, and the message ID to which its response refers.

        Raises:
            CommandError: one of them is missing or malformed.
        """
        refers = self.field & RESPONSE or self.field == C_CANCEL_RQ
        self.number(RESPONDED_TO if refers else MESSAGE_ID)

    @property
    def field(self) -> int:
        """The kind of message."""
        return self.number(COMMAND_FIELD)

    @property
    def has_data_set(self) -> bool:
        return self.number(DATA_SET_TYPE) != NO_DATA_SET


def encode(elements: Mapping[int, Value]) -> bytes:
    """A command set with its group length; numbers become US, texts UI."""
    body = b"".join(_element(number, elements[number]) for number in sorted(elements))
    return _HEAD.pack(0, 0, 4) + struct.pack("<L", len(body)) + body


def response(request: Command, status: int, more: Mapping[int, Value] | None = None) -> dict[int, Value]:
    """The elements that every response repeats from its request (PS3.7 9.3), with ``more`` of its own.

    Raises:
        CommandError: the request has no message ID.
    """
    elements: dict[int, Value] = {
        COMMAND_FIELD: request.field | RESPONSE,
        RESPONDED_TO: request.number(MESSAGE_ID),
        DATA_SET_TYPE: NO_DATA_SET,
        STATUS: status,
    }
    for repeated in (AFFECTED_SOP_CLASS, AFFECTED_SOP_INSTANCE):
        if repeated in request:
            elements[repeated] = request[repeated]
    return elements | dict(more or {})


def _element(number: int, value: Value) -> bytes:
    if isinstance(value, int):
        encoded = _US.pack(value)
    else:
        encoded = value.encode("ascii") if isinstance(value, str) else value
        encoded += b"\0" * (len(encoded) % 2)
    return _HEAD.pack(0, number, len(encoded)) + encoded
