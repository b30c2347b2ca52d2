"""What is wrong with a rule by itself, before any profile is asked."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum
from typing import TYPE_CHECKING, Final

from pacs2trial.trials.attributes import attributes, tags_of
from pacs2trial.trials.source import Location
from pacs2trial.trials.template import template_of
from pacs2trial.trials.valueform import NUMBERS, SETTABLE, encoded_value

if TYPE_CHECKING:
    from pacs2trial.trials.rules import AttributeRule

Fault = tuple[Location, str]


class Does(StrEnum):
    """What a rule does, as the definition writes it."""

    KEEP = "keep"
    REMOVE = "remove"
    EMPTY = "empty"
    DUMMY = "dummy"
    REPLACE = "replace"
    MAP = "map"
    HASH = "hash"
    SHIFT = "shift"
    CLEAN = "clean"
    SET = "set"


_CODES: Final = frozenset(("AE", "CS", "LO", "LT", "PN", "SH", "ST", "UC", "UT"))
_FITTING: Final = {
    Does.REPLACE: frozenset(SETTABLE - NUMBERS.keys()),
    Does.MAP: _CODES,
    Does.HASH: _CODES,
    Does.SHIFT: frozenset(("DA", "DT")),
    Does.CLEAN: frozenset(("LO", "LT", "SH", "ST", "UC", "UT")),
    Does.SET: SETTABLE,
}
_NO_DUMMY: Final = frozenset(("SQ", "UI"))
_UNFIT: Final = {
    Does.DUMMY: "there is no such dummy for it",
    Does.REPLACE: "only text and numbers written as text are replaced",
    Does.MAP: "uid maps UIDs, code maps short texts",
    Does.HASH: "the keyed hash is a code of 14 letters and digits, which does not fit",
    Does.SHIFT: "only dates are shifted",
    Does.CLEAN: "only free text is cleaned",
    Does.SET: "its value cannot be written out",
}


def fits(does: Does, vr: str, *, variant: str | bool) -> bool:
    """Whether an action can be done with values of ``vr``.

    Args:
        does: the action.
        vr: of the attribute; ``xs`` for US or SS.
        variant: what ``map`` maps to; whether ``dummy`` brings a text of its own.
    """
    if does in (Does.KEEP, Does.REMOVE, Does.EMPTY):
        return True
    if does is Does.DUMMY:
        return vr in SETTABLE if variant else vr not in _NO_DUMMY
    if does is Does.MAP and variant == "uid":
        return vr == "UI"
    return vr in _FITTING[does]


def rule_faults(rule: AttributeRule) -> Iterator[Fault]:
    """What is wrong, each with the field of the rule that it concerns."""
    done = [does for does in Does if getattr(rule, does) is not None]
    if not done:
        yield (), f"says nothing to do: add one of {', '.join(Does)}"
    elif len(done) > 1:
        yield (), f"says {' and '.join(done)}: a rule does one thing; write two rules"
    if rule.attribute is None and rule.vr is None and rule.private_creator is None:
        yield (), "names no attribute: add attribute, vr or private_creator"
        return
    try:
        target = rule.target
    except ValueError as error:
        yield ("attribute",), str(error)
        return
    if len(done) != 1:
        return
    if done == [Does.SET] and (target.creator or not rule.names_one):
        yield ("set",), "writes one standard attribute: name it by its keyword"
        return
    found = {rule.vr} if target.creator else {attributes()[tag].vr for tag in tags_of(target)}
    yield from _of_action(rule, sorted(vr for vr in found if vr))


def _of_action(rule: AttributeRule, vrs: list[str]) -> Iterator[Fault]:
    """The faults of the action, given the VRs of the attributes that the rule names."""
    name = rule.target.text
    fitting = [vr for vr in vrs if rule.fits(vr)]
    if vrs and not fitting:
        found = " or ".join("US or SS" if vr == "xs" else vr for vr in vrs)
        if rule.vr is not None and rule.vr not in vrs:
            yield ("vr",), f"never matches: {name} has VR {found}"
        else:
            yield (rule.does.value,), f"{_UNFIT[rule.does]}: {name} has VR {found}"
        return
    try:
        written = list(_constants(rule))
    except ValueError as error:
        yield (rule.does.value,), str(error)
        return
    for location, text in written:
        for vr in fitting:
            try:
                encoded_value(vr, text)
            except ValueError as error:
                yield location, f"{name}: {error}"
                break


def _constants(rule: AttributeRule) -> Iterator[tuple[Location, str]]:
    """The texts that the rule writes whatever the subject and the value that was there."""
    if rule.set is not None:
        template = template_of(rule.set)
        if not rule.set.strip():
            raise ValueError("there is nothing to write; to empty the attribute, say empty: true")
        if not template.names:
            yield ("set",), template.filled({})
    elif isinstance(rule.dummy, str):
        if not rule.dummy.strip():
            raise ValueError("a dummy is not empty; to empty the attribute, say empty: true")
        yield ("dummy",), rule.dummy
    for place, one in enumerate(rule.replace or ()):
        if one.by and not one.passes_parts:
            yield ("replace", place, "by"), one.by
