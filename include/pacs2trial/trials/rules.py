"""A rule of ``profile.rules``: which attributes it means, and what becomes of them."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from pacs2trial.trials.attributes import Named, Step, path_of
from pacs2trial.trials.nearest import unknown
from pacs2trial.trials.part import Part, Quoted, faults
from pacs2trial.trials.replacement import Replacement, as_list
from pacs2trial.trials.rulefaults import Does, fits, rule_faults
from pacs2trial.trials.sopclass import sop_class_uid
from pacs2trial.trials.template import Template, template_of

VRS: Final = (
    *("AE", "AS", "AT", "CS", "DA", "DS", "DT", "FD", "FL", "IS", "LO", "LT", "OB", "OD", "OF", "OL", "OV", "OW", "PN"),
    *("SH", "SL", "SQ", "SS", "ST", "SV", "TM", "UC", "UI", "UL", "UN", "UR", "US", "UT", "UV"),
)


def _yes(value: Any) -> Any:
    if value is not None and value is not True:
        raise ValueError("takes only true; leave it out where it is not meant")
    return value


def _yes_or_text(value: Any) -> Any:
    if value is None or value is True or isinstance(value, str):
        return value
    raise ValueError("takes true, or the text of the dummy in quotes")


def _several(value: Any) -> Any:
    return value if isinstance(value, (list, tuple)) else (value,)


Yes = Annotated[bool | None, BeforeValidator(_yes)]
Modality = Annotated[Quoted, Field(pattern=r"^[A-Z0-9_ ]{1,16}$")]


class AttributeRule(Part):
    """One rule. The first that matches an attribute decides; where none matches, the profile does.

    Attributes:
        attribute: keyword, tag, tag with x for any digit, ``(gggg,xxee) CREATOR``, or a path of these.
        vr: only attributes of this VR; for a private attribute, the VR that its value has.
        private_creator: only attributes of this creator.
        sop_class: only in objects of these SOP classes.
        modality: only in objects of these modalities.
        because: why the rule may pass what the profile would not.

    The other fields are the actions, of which a rule has one (:class:`Does`).
    """

    attribute: Quoted | None = None
    vr: Quoted | None = None
    private_creator: Quoted | None = None
    sop_class: Annotated[tuple[Quoted, ...], BeforeValidator(_several)] = ()
    modality: Annotated[tuple[Modality, ...], BeforeValidator(_several)] = ()
    keep: Yes = None
    remove: Yes = None
    empty: Yes = None
    dummy: Annotated[bool | str | None, BeforeValidator(_yes_or_text)] = None
    replace: Annotated[tuple[Replacement, ...], BeforeValidator(as_list)] | None = None
    map: Literal["uid", "code"] | None = None
    hash: Yes = None
    shift: Yes = None
    clean: Yes = None
    set: Quoted | None = None
    because: Quoted = ""

    @field_validator("vr")
    @classmethod
    def _known_vr(cls, value: str | None) -> str | None:
        if value is not None and value not in VRS:
            raise ValueError(unknown("VR", value, VRS))
        return value

    @field_validator("sop_class")
    @classmethod
    def _known_class(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for one in value:
            sop_class_uid(one)
        return value

    @model_validator(mode="after")
    def _right(self) -> Self:
        problems = list(rule_faults(self))
        if problems:
            raise faults(*problems)
        return self

    @property
    def does(self) -> Does:
        return next(does for does in Does if getattr(self, does) is not None)

    @property
    def path(self) -> tuple[Step, ...]:
        """The way to what is meant; its last step names the attributes, all of them where ``attribute`` is absent."""
        if self.attribute is None:
            return (Named(0, 0, (self.private_creator or "").strip(), self.private_creator or f"VR {self.vr}"),)
        return path_of(self.attribute, (self.private_creator or "").strip())

    @property
    def target(self) -> Named:
        """What the last step of the path names."""
        last = self.path[-1]
        assert isinstance(last, Named)
        return last

    @property
    def names_one(self) -> bool:
        """Whether the rule speaks of a single attribute by name."""
        return self.attribute is not None and self.target.is_one

    @property
    def only_outermost(self) -> bool:
        """Whether the rule means the outermost level alone: a value is set there, and elsewhere by a path."""
        return self.does is Does.SET and len(self.path) == 1

    @property
    def sop_classes(self) -> frozenset[str]:
        """UIDs; empty for all."""
        return frozenset(sop_class_uid(one) for one in self.sop_class)

    @property
    def modalities(self) -> frozenset[str]:
        """Modalities; empty for all."""
        return frozenset(one.strip() for one in self.modality)

    @property
    def template(self) -> Template | None:
        """What ``set`` writes."""
        return template_of(self.set) if self.set is not None else None

    def fits(self, vr: str) -> bool:
        """Whether the rule means values of ``vr`` (``xs`` for US or SS) and its action can be done with them."""
        wanted = self.vr is None or vr == self.vr or (vr == "xs" and self.vr in ("US", "SS"))
        return wanted and fits(self.does, vr, variant=self.map or isinstance(self.dummy, str))
