"""A text that was found in an image."""

from __future__ import annotations

from dataclasses import dataclass, field

from pacs2trial.pixels.areas import Area


@dataclass(frozen=True)
class FoundText:
    """One line of text in the pixels.

    Attributes:
        area: where it stands, and in which frames.
        text: as read; not shown by ``repr``, since it may name the patient.
        confidence: of the reading, 0 to 1.
    """

    area: Area
    text: str = field(repr=False)
    confidence: float
