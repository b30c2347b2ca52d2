"""``filter:`` of a trial definition: what the trial takes of its studies, and what must be looked at before."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from pacs2trial.trials.conditions import Conditions
from pacs2trial.trials.part import Part, Quoted, faults

_AREA: Final = re.compile(r"\s*(\d{1,5})\s*,\s*(\d{1,5})\s*,\s*([1-9]\d{0,4})\s*,\s*([1-9]\d{0,4})\s*(?::\s*(\S+)\s*)?")
_FRAMES: Final = re.compile(r"([1-9]\d{0,5})(?:-([1-9]\d{0,5}))?")


class Then(StrEnum):
    """What a rule does with an object.

    ``accept``: no later rule of the trial is asked; what the site does not trust is held all the same. ``detect``: text
    in its pixels is looked for, and wiped. ``mask``: likewise, and the areas of the rule are wiped whatever is found.
    """

    ACCEPT = "accept"
    REJECT = "reject"
    HOLD = "hold"
    MASK = "mask"
    DETECT = "detect"


class MaskArea(Part):
    """A rectangle in pixels from the top left, in all frames or in those from ``first`` to ``last``, counted from 1."""

    left: int
    top: int
    width: int
    height: int
    first: int = 1
    last: int = 0


def mask_area(text: str) -> MaskArea:
    """``x,y,width,height``, or with frames behind it: ``x,y,width,height:2-5``.

    Raises:
        ValueError: it is neither.
    """
    found = _AREA.fullmatch(text)
    frames = _FRAMES.fullmatch(found[5]) if found and found[5] else None
    if found is None or (found[5] and frames is None):
        raise ValueError(f"{text!r} is no area; write x,y,width,height in pixels, with :3 or :3-7 behind it for frames")
    first, last = (int(frames[1]), int(frames[2] or frames[1])) if frames else (1, 0)
    if last and last < first:
        raise ValueError(f"{text!r}: the last frame lies before the first")
    left, top, width, height = (int(found[number]) for number in range(1, 5))
    return MaskArea(left=left, top=top, width=width, height=height, first=first, last=last)


def _area(value: Any) -> Any:
    return mask_area(value) if isinstance(value, str) else value


def _areas(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else (value,)


class FilterRule(Conditions):
    """The first rule whose conditions all hold decides. ``name`` is what ledger and screens call it."""

    then: Then
    areas: Annotated[tuple[Annotated[MaskArea, BeforeValidator(_area)], ...], BeforeValidator(_areas)] = ()
    name: Annotated[Quoted, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9 _.-]{0,60}$")] | None = None
    because: Quoted = ""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.then is Then.MASK) != bool(self.areas):
            problem = "mask needs areas, such as ['0,0,1024,70']" if self.then is Then.MASK else "only mask takes areas"
            raise faults((("areas",), problem))
        return self

    def words(self) -> str:
        areas = "; ".join(f"{one.width} x {one.height} at {one.left},{one.top}" for one in self.areas)
        reason = f" because {self.because}" if self.because else ""
        return f"{self.condition_words()}: {self.then}{f' ({areas})' if areas else ''}{reason}"


class Wanted(Conditions):
    """What the trial takes; what matches none of several is not wanted."""

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.is_unconditional:
            raise ValueError("names nothing; give modality, series_description, slice_thickness or another condition")
        return self


class Link(StrEnum):
    """A reference between radiotherapy objects without which a set is incomplete (PS3.3 C.8.8)."""

    PLAN_DOSE = "plan-dose"  # a dose refers to each plan
    PLAN_STRUCTURES = "plan-structures"  # the structure set that a plan names is there
    DOSE_PLAN = "dose-plan"  # the plan that a dose names is there
    STRUCTURES_IMAGES = "structures-images"  # each image that a structure set names is there


class Require(Part):
    """What a subject must have of what was let through; ``otherwise`` says what happens when it is not there.

    Attributes:
        modalities: of each at least one object.
        links: between objects.
        otherwise: ``report``: it is told, and the rest leaves; ``hold``: the subject waits.
    """

    modalities: tuple[Annotated[str, Field(pattern=r"^[A-Z0-9_ ]{1,16}$")], ...] = ()
    links: tuple[Link, ...] = ()
    otherwise: Literal["report", "hold"] = "report"

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.modalities and not self.links:
            raise ValueError("requires nothing; give modalities, links, or both")
        return self

    def words(self) -> str:
        said = [f"at least one object of each of {', '.join(self.modalities)}"] if self.modalities else []
        said += [_LINK_WORDS[link] for link in self.links]
        end = "is held" if self.otherwise == "hold" else "is reported, and the rest leaves"
        return f"Required: {'; '.join(said)}. A subject that lacks it {end}."


_LINK_WORDS: Final = {
    Link.PLAN_DOSE: "a dose for each plan",
    Link.PLAN_STRUCTURES: "the structure set of each plan",
    Link.DOSE_PLAN: "the plan of each dose",
    Link.STRUCTURES_IMAGES: "each image that a structure set names",
}


class Faces(Part):
    """What is done with a series of the head from which a face could be made out; ``accept`` needs ``because``.

    ``deface``: a program of the site says where the face is, and those voxels are blanked.
    """

    then: Literal["hold", "accept", "deface"] = "hold"
    because: Quoted = ""

    @model_validator(mode="after")
    def _reason(self) -> Self:
        if self.then == "accept" and not self.because.strip():
            raise faults((("because",), "faces that leave need a reason, such as 'the dose to the face is studied'"))
        return self


def _faces(value: Any) -> Any:
    """``hold`` alone stands for ``{then: hold}``."""
    return {"then": value} if isinstance(value, str) else value


class Filter(Part):
    """``rules`` in their order, then ``wanted``, ``require`` and ``faces``."""

    rules: tuple[FilterRule, ...] = ()
    wanted: tuple[Wanted, ...] = ()
    require: Require | None = None
    faces: Annotated[Faces, BeforeValidator(_faces)] = Faces()

    def rule_name(self, number: int) -> str:
        """How the ledger names a rule: by its name, or by its place."""
        return self.rules[number].name or f"filter.rules[{number}]"

    def words(self) -> str:
        """What the filter does, for people."""
        said = []
        if self.rules:
            rules = " ".join(f"({number}) {rule.words()}." for number, rule in enumerate(self.rules, 1))
            said.append(f"The first of these rules that fits decides: {rules}")
        if self.wanted:
            wanted = "; or ".join(one.condition_words() for one in self.wanted)
            said.append(f"Taken is only what is asked for: {wanted}. Anything else is set aside and counted.")
        if self.require:
            said.append(self.require.words())
        faces = {
            "hold": "are held for a person",
            "accept": f"are accepted, because {self.faces.because}",
            "deface": "lose the face: a program of the site says which voxels show it, and those are blanked; where "
            "that fails they are held for a person",
        }[self.faces.then]
        said.append(f"Images of the head from which a face could be made out {faces}.")
        return " ".join(said)
