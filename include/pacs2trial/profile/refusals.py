"""Why the rules of a definition cannot be carried out: each problem with the place of the rule that it concerns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pacs2trial.profile.objections import weakens
from pacs2trial.profile.own_rules import OwnRules, names_private, reached, removed
from pacs2trial.profile.paths import covers, is_within, may_be_within
from pacs2trial.profile.rules import Action, ItemRules, Rule, RuleSet
from pacs2trial.profile.structured import CONTENT_SEQUENCE, CONTENT_SEQUENCES, KEY_OBJECT_SELECTION
from pacs2trial.trials.attributes import Named, attributes, name_of
from pacs2trial.trials.rulefaults import Does
from pacs2trial.trials.rules import AttributeRule
from pacs2trial.trials.source import Location

_SHOWN = 3
"""Attributes that a message names; it counts the others."""


def refusals(own: OwnRules, profile: RuleSet) -> Iterator[tuple[Location, str]]:
    """What is wrong with the rules, given what the profile with the chosen options does; in their order."""
    for number, rule in enumerate(own.rules):
        problem = (
            _private_problem(own, rule, profile) if rule.target.creator else _problem(own, rule, profile)
        ) or _shadowed(own.rules, number)
        if problem:
            field, text = problem
            yield ("profile", "rules", number, *field), text


def _problem(own: OwnRules, rule: AttributeRule, profile: RuleSet) -> tuple[Location, str] | None:
    left_out = _left_out(own, rule, profile)
    if left_out:
        return ("attribute",), left_out
    meant = list(_meant(rule, profile))
    objections = [own.objection(rule, tag, before, content=content) for tag, before, content in meant]
    if meant and all(objections):
        return ("attribute",) if rule.attribute else (), objections[0] or ""
    weakened = {
        name_of(tag): before
        for (tag, before, _), objection in zip(meant, objections, strict=True)
        if not objection and weakens(rule, before)
    }
    return _without_reason(rule, weakened)


def _meant(rule: AttributeRule, profile: RuleSet) -> Iterator[tuple[int, Rule, bool]]:
    """What a rule is about: attribute, what the profile does with it, and whether that is in content items.

    What is done with the value of a content item differs from kind to kind; each is given.
    """
    content = profile.inside.get(CONTENT_SEQUENCE)
    kinds = list(content.sets.values()) if isinstance(content, ItemRules) else []
    only_content = is_within(rule.path, CONTENT_SEQUENCES)
    for tag in reached(rule):
        before = profile.tags.get(tag) or removed(tag)
        if not only_content:
            yield tag, before, False
        if may_be_within(rule.path, CONTENT_SEQUENCES):
            others = dict.fromkeys(kind.tags.get(tag) or removed(tag) for kind in kinds)
            yield from ((tag, one, True) for one in others if only_content or one != before)


def _left_out(own: OwnRules, rule: AttributeRule, profile: RuleSet) -> str | None:
    """Why a rule that passes or writes something is never reached: a sequence on its way does not stay."""
    if rule.does in (Does.REMOVE, Does.EMPTY) or KEY_OBJECT_SELECTION in rule.sop_classes:
        return None
    for sequence in (one for one in rule.path[:-1] if isinstance(one, Named) and one.is_one and not one.creator):
        known = profile.tags.get(sequence.tag) or removed(sequence.tag)
        kept = any(other.does is Does.KEEP and other.target.matches(sequence.tag) for other in own.rules)
        if known.action in (Action.REMOVE, Action.EMPTY, Action.DUMMY) and not kept:
            return (
                f"{rule.attribute}: there is nothing to {rule.does.value}, since the profile with these options does "
                f"not keep {name_of(sequence.tag)} ({known.action.value})"
            )
    return None


def _private_problem(own: OwnRules, rule: AttributeRule, profile: RuleSet) -> tuple[Location, str] | None:
    if rule.does in (Does.REMOVE, Does.EMPTY, Does.DUMMY):
        return None
    held = {
        key: profile.private.get(key) or staged._replace(action=Action.REMOVE)
        for key, staged in own.staged.private.items()
        if names_private(rule, key, staged)
    }
    if not held:
        return (
            ("attribute",) if rule.attribute else ("private_creator",),
            f"{rule.target.text}: there is nothing to {rule.does.value}, since staging holds no such private attribute"
            + (f" of VR {rule.vr}" if rule.vr else ""),
        )
    objections = [own.private_objection(rule, key, before) for key, before in held.items()]
    if all(objections):
        return ("attribute",) if rule.attribute else ("private_creator",), objections[0] or ""
    weakened = {
        f"({group:04X},xx{low:02X}) {creator}": before
        for (group, creator, low), before in held.items()
        if weakens(rule, before)
    }
    return _without_reason(rule, weakened)


def _without_reason(rule: AttributeRule, weakened: dict[str, Rule]) -> tuple[Location, str] | None:
    if not weakened or rule.because.strip():
        return None
    named = [f"{name} ({before.action.value})" for name, before in list(weakened.items())[:_SHOWN]]
    more = f" and {len(weakened) - _SHOWN} more" if len(weakened) > _SHOWN else ""
    return (rule.does.value,), (
        f"would pass what the profile with these options does not: {', '.join(named)}{more}; "
        "say why by adding because: to the rule"
    )


def _shadowed(rules: Sequence[AttributeRule], number: int) -> tuple[Location, str] | None:
    """Whether earlier rules take everything that a rule names, whatever object comes."""
    rule = rules[number]
    before = [(place, earlier) for place, earlier in enumerate(rules[:number]) if _takes_all(earlier, rule)]
    taken: set[int] = set()
    if rule.target.creator:
        taken.update(place for place, earlier in before if _takes_private(earlier, rule))
    else:
        for tag in reached(rule):
            first = next((place for place, earlier in before if _takes(earlier, tag)), None)
            if first is None:
                return None
            taken.add(first)
    if not taken:
        return None
    names = " and ".join(f"profile.rules[{place}]" for place in sorted(taken))
    return (), f"never matches: {names} before it {'takes' if len(taken) == 1 else 'take'} all that it names"


def _takes(earlier: AttributeRule, tag: int) -> bool:
    return earlier.target.matches(tag) and earlier.fits(attributes()[tag].vr)


def _takes_private(earlier: AttributeRule, rule: AttributeRule) -> bool:
    return earlier.target.covers(rule.target) and earlier.vr in (None, rule.vr)


def _takes_all(earlier: AttributeRule, rule: AttributeRule) -> bool:
    """Whether ``earlier`` concerns every object and level that ``rule`` does, and leaves nothing to later rules."""
    if earlier.does is Does.REPLACE or (earlier.only_outermost and not rule.only_outermost):
        return False
    classes, modalities = earlier.sop_classes, earlier.modalities
    return (
        (not classes or (bool(rule.sop_classes) and rule.sop_classes <= classes))
        and (not modalities or (bool(rule.modalities) and rule.modalities <= modalities))
        and covers(earlier.path, rule.path)
    )
