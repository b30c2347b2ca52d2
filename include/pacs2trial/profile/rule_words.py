"""The rules of a trial's own in words, for its conformance statement."""

from __future__ import annotations

from typing import NamedTuple

from pacs2trial.profile.own_rules import OwnRules
from pacs2trial.trials.attributes import attributes
from pacs2trial.trials.rulefaults import Does
from pacs2trial.trials.rules import AttributeRule


class DescribedRule(NamedTuple):
    """One rule: what it names, in which objects, what is done, and why where it passes more than the profile."""

    attributes: str
    objects: str
    action: str
    because: str


def describe_rules(own: OwnRules | None) -> list[DescribedRule]:
    """The rules of the definition in their order, of which the first that matches decides; none in staging."""
    return [
        DescribedRule(_attributes(rule), _objects(rule), _action(rule), rule.because.strip())
        for rule in (own.rules if own else ())
    ]


def _attributes(rule: AttributeRule) -> str:
    named = rule.attribute or (f"private attributes of {rule.private_creator}" if rule.private_creator else "all")
    if rule.names_one and not rule.target.creator:
        tag = rule.target.tag
        number = f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
        *way, _last = named.split(">")
        named = " > ".join([*(step.strip() for step in way), f"{attributes()[tag].keyword} {number}"])
    return named + (f" of VR {rule.vr}" if rule.vr else "")


def _objects(rule: AttributeRule) -> str:
    kinds = [", ".join(names) for names in (rule.sop_class, rule.modality) if names]
    return "; ".join(kinds) or "all"


def _action(rule: AttributeRule) -> str:
    match rule.does:
        case Does.DUMMY if isinstance(rule.dummy, str):
            return f"dummy {rule.dummy!r}"
        case Does.MAP:
            return f"map as {'UID' if rule.map == 'uid' else 'code'}"
        case Does.HASH:
            return "keyed hash, one for the trial"
        case Does.SET:
            where = " on the outermost level" if rule.only_outermost else ""
            return f"set {rule.set!r}{where}"
        case Does.REPLACE:
            cases = [
                f"{one.text!r} by {one.by!r}" if one.pattern is None else f"/{one.pattern}/ by {one.by!r}"
                for one in rule.replace or ()
            ]
            return f"replaced: {', '.join(cases)}; other values as without this rule"
        case does:
            return does.value
