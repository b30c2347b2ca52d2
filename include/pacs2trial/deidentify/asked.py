"""What rules ask of an object besides the value that they are about: all of it, so that it is known."""

from __future__ import annotations

from typing import Final, NamedTuple

from pacs2trial.dicomfile.encoding import EncodedObject

_PIXEL_REPRESENTATION: Final = 0x00280103
_DATES_OF_EXAMINATION: Final = (0x00080020, 0x00080021, 0x00080022, 0x00080023)
"""Study, Series, Acquisition and Content Date."""


class Asked(NamedTuple):
    """Values of the outermost level as they came; empty where the object has none.

    Attributes:
        pixel_representation: tells whether numbers are signed whose VR is US or SS (PS3.3 C.7.6.3.1).
        dates: of the examination.
    """

    pixel_representation: bytes = b""
    dates: tuple[bytes, ...] = ()

    @property
    def study_date(self) -> bytes:
        return self.dates[0] if self.dates else b""

    @classmethod
    def of(cls, obj: EncodedObject) -> Asked:
        return cls(obj.value(_PIXEL_REPRESENTATION), tuple(obj.value(tag) for tag in _DATES_OF_EXAMINATION))
