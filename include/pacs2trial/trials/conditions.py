"""Which objects a filter rule speaks of, by what their original header says."""

from __future__ import annotations

from typing import Annotated, Any, Final, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pacs2trial.trials.part import Part, Quoted
from pacs2trial.trials.sopclass import sop_class_uid

_LONGEST: Final = 128


def _several(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else (value,)


def _range(value: Any) -> Any:
    """``512`` means at least and at most 512."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return {"at_least": value, "at_most": value}
    return value


class Range(Part):
    """Numbers from one to another, both included; either may be left out."""

    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.at_least is None and self.at_most is None:
            raise ValueError("needs at_least, at_most, or both")
        if self.at_least is not None and self.at_most is not None and self.at_least > self.at_most:
            raise ValueError("at_least is greater than at_most")
        return self

    def holds(self, number: float) -> bool:
        return (self.at_least is None or number >= self.at_least) and (self.at_most is None or number <= self.at_most)

    def words(self) -> str:
        if self.at_least == self.at_most:
            return f"{self.at_least:g}"
        ends = (("at least", self.at_least), ("at most", self.at_most))
        return " and ".join(f"{word} {number:g}" for word, number in ends if number is not None)


Pattern = Annotated[Quoted, Field(min_length=1, max_length=_LONGEST)]
Patterns = Annotated[tuple[Pattern, ...], BeforeValidator(_several)]
Numbers = Annotated[Range, BeforeValidator(_range)]

TEXTS: Final = (
    *("modality", "manufacturer", "model", "station", "image_type", "series_description", "study_description"),
    *("protocol_name", "body_part", "burned_in", "conversion_type", "photometric", "transfer_syntax"),
)
NUMBERS: Final = ("rows", "columns", "frames", "slice_thickness", "pixel_spacing")


class Conditions(Part):
    """All that are given must hold. Texts are patterns (``*`` any signs, ``?`` one), whatever the case; of several one.

    Attributes:
        sop_class: SOP Class UID (0008,0016), by keyword, name or UID.
        modality: (0008,0060).
        manufacturer, model, station: (0008,0070), (0008,1090), (0008,1010).
        image_type: one of the values of (0008,0008).
        series_description, study_description, protocol_name: (0008,103E), (0008,1030), (0018,1030).
        body_part: Body Part Examined (0018,0015).
        burned_in: Burned In Annotation (0028,0301), which is never believed when it says NO.
        conversion_type: (0008,0064).
        photometric: Photometric Interpretation (0028,0004).
        transfer_syntax: UID in which the object came.
        rows, columns, frames: numbers of pixels and frames.
        slice_thickness: (0018,0050), mm.
        pixel_spacing: the larger value of (0028,0030), mm.
    """

    sop_class: Annotated[tuple[Quoted, ...], BeforeValidator(_several)] = ()
    modality: Patterns = ()
    manufacturer: Patterns = ()
    model: Patterns = ()
    station: Patterns = ()
    image_type: Patterns = ()
    series_description: Patterns = ()
    study_description: Patterns = ()
    protocol_name: Patterns = ()
    body_part: Patterns = ()
    burned_in: Patterns = ()
    conversion_type: Patterns = ()
    photometric: Patterns = ()
    transfer_syntax: Patterns = ()
    rows: Numbers | None = None
    columns: Numbers | None = None
    frames: Numbers | None = None
    slice_thickness: Numbers | None = None
    pixel_spacing: Numbers | None = None

    @field_validator("sop_class")
    @classmethod
    def _known_class(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            sop_class_uid(one)
        return value

    @property
    def sop_classes(self) -> frozenset[str]:
        """UIDs; empty for all."""
        return frozenset(sop_class_uid(one) for one in self.sop_class)

    @property
    def is_unconditional(self) -> bool:
        return not self.sop_class and not any(getattr(self, name) for name in (*TEXTS, *NUMBERS))

    def condition_words(self) -> str:
        """What must hold, for people."""
        said = [f"SOP class {' or '.join(self.sop_class)}"] if self.sop_class else []
        texts = {name: patterns for name in TEXTS if (patterns := getattr(self, name))}
        numbers = {name: given for name in NUMBERS if (given := getattr(self, name)) is not None}
        said += [f"{name.replace('_', ' ')} {' or '.join(map(repr, patterns))}" for name, patterns in texts.items()]
        said += [f"{name.replace('_', ' ')} {given.words()}" for name, given in numbers.items()]
        return ", ".join(said) or "every object"
