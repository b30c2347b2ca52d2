"""The rules of a trial's own, laid over the profile: first match wins, and where none matches the profile decides."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache, partial
from typing import Any, Final

from pacs2trial.profile.objections import Dates, objection, private_objection, weakens
from pacs2trial.profile.paths import START, State, ends_in, step
from pacs2trial.profile.rules import Action, ItemRules, Rule, RuleSet
from pacs2trial.profile.structured import values_of_items
from pacs2trial.trials.attributes import attributes, name_of, tags_of
from pacs2trial.trials.rulefaults import Does
from pacs2trial.trials.rules import AttributeRule
from pacs2trial.trials.template import Template

PrivateKey = tuple[int, str, int]
"""Group, private creator, low byte of the element number."""

_ACTIONS: Final[Mapping[Does, Action]] = {
    Does.KEEP: Action.KEEP,
    Does.REMOVE: Action.REMOVE,
    Does.EMPTY: Action.EMPTY,
    Does.DUMMY: Action.DUMMY,
    Does.REPLACE: Action.REPLACE,
    Does.HASH: Action.HASH,
    Does.SHIFT: Action.SHIFT,
    Does.CLEAN: Action.CLEAN,
    Does.SET: Action.SET,
}


@dataclass(frozen=True, eq=False)
class OwnRules:
    """The rules of a definition in their order.

    Attributes:
        rules: as the definition has them.
        staged: what staging does with each attribute.
        dates: what the chosen options make of dates.
    """

    rules: tuple[AttributeRule, ...]
    staged: RuleSet = field(repr=False)
    dates: Dates

    def over(self, profile: RuleSet, sop_class: str, modality: str) -> RuleSet:
        """``profile`` with these rules over it, for objects of this SOP Class UID and Modality."""
        chosen = tuple(number for number, rule in enumerate(self.rules) if _concerns(rule, sop_class, modality))
        return _laid_over(self, profile, chosen) if chosen else profile

    def templates_for(self, sop_class: str, modality: str) -> list[Template]:
        """What the rules set in objects of this SOP Class UID and Modality."""
        return [rule.template for rule in self.rules if rule.template and _concerns(rule, sop_class, modality)]

    def canonical(self) -> list[dict[str, Any]]:
        """What of the rules decides bytes, as JSON knows it."""
        return [rule.model_dump(mode="json", exclude_defaults=True, exclude={"because"}) for rule in self.rules]

    def dates_said(self, profile: RuleSet) -> Dates:
        """What becomes of dates, as (0028,0303) says it: a mixture counts as modified."""
        for rule in self.rules:
            for tag in reached(rule):
                before = profile.tags.get(tag) or removed(tag)
                if before.vr not in (b"DA", b"DT") or self.objection(rule, tag, before):
                    continue
                passes = action_of(rule) in (Action.KEEP, Action.SHIFT)
                if (self.dates == "REMOVED") == passes and self.dates != "MODIFIED":
                    return "MODIFIED"
        return self.dates

    def objection(self, rule: AttributeRule, tag: int, profile: Rule, *, content: bool = False) -> str | None:
        """Why a rule may not be applied to a standard attribute, in a content item or elsewhere; None if it may."""
        if content and rule.does is Does.SET:
            return f"set would write {name_of(tag)} into every content item, whatever it holds; use dummy or replace"
        staged = self._staged_values if content and tag in self._staged_values else self.staged.tags
        return objection(rule, tag, profile, staged.get(tag), self.dates)

    @cached_property
    def _staged_values(self) -> Mapping[int, Rule]:
        return values_of_items(self.staged)

    def private_objection(self, rule: AttributeRule, key: PrivateKey, profile: Rule) -> str | None:
        """The same for a private attribute."""
        return private_objection(rule, key, profile, self.staged.private.get(key), self.dates)


def action_of(rule: AttributeRule) -> Action:
    """What the engine does for a rule."""
    if rule.does is Does.MAP:
        return Action.MAP if rule.map == "uid" else Action.CODE
    return _ACTIONS[rule.does]


def reached(rule: AttributeRule) -> Iterator[int]:
    """The standard attributes that a rule names and whose values its action fits."""
    return (tag for tag in tags_of(rule.target) if rule.fits(attributes()[tag].vr))


def removed(tag: int) -> Rule:
    """The rule of an attribute for which the profile has none."""
    known = attributes()[tag]
    return Rule(Action.REMOVE, known.vr.encode("ascii"), Action.EMPTY, known.keyword)


def _concerns(rule: AttributeRule, sop_class: str, modality: str) -> bool:
    classes, modalities = rule.sop_classes, rule.modalities
    return (not classes or sop_class in classes) and (not modalities or modality in modalities)


@lru_cache(maxsize=256)
def _laid_over(own: OwnRules, profile: RuleSet, chosen: tuple[int, ...]) -> RuleSet:
    return _Layer(own, chosen).level(profile, START, profile.written, outermost=True)


@cache
def _sequences() -> frozenset[int]:
    return frozenset(tag for tag, known in attributes().items() if known.vr == "SQ")


class _Layer:
    """The rules that concern one kind of object, while they are laid over the tree of the profile."""

    def __init__(self, own: OwnRules, chosen: Iterable[int]) -> None:
        self._own = own
        self._rules = {number: own.rules[number] for number in chosen}
        self._paths = {number: rule.path for number, rule in self._rules.items()}
        self._reached = {number: frozenset(reached(rule)) for number, rule in self._rules.items()}
        self._made: dict[tuple[RuleSet, State, tuple[int, ...], bool, bool], RuleSet] = {}
        self._items_made: dict[tuple[ItemRules, State], ItemRules] = {}

    def level(
        self, profile: RuleSet, state: State, written: tuple[int, ...], *, outermost: bool, content: bool = False
    ) -> RuleSet:
        """The rules of one level; one that is reached again, as by a path with ``*``, is made once.

        Args:
            profile: its rules without those of the trial.
            state: how far the paths have come.
            written: what the plan itself writes there.
            outermost: whether it is the outermost level.
            content: whether it is a content item.
        """
        key = (profile, state, written, outermost, content)
        if key in self._made:
            return self._made[key]
        active = [
            number
            for number, rule in self._rules.items()
            if ends_in(number, self._paths[number], state) and (outermost or not rule.only_outermost)
        ]
        tags = dict(profile.tags)
        touched = {tag for number in active for tag in self._reached[number]}
        for tag in touched:
            before = profile.tags.get(tag)
            decided = self._decided(tag, before or removed(tag), active, content=content)
            if before is not None or decided.action is not Action.REMOVE:
                tags[tag] = decided
        own_slots = {tag for tag in touched if tag in tags and tags[tag].action is Action.SET}
        left = {tag for tag in written if tags[tag] is profile.tags[tag]}
        inside = _Inside(self, profile, state, everywhere=bool(own_slots) and not outermost)
        self._made[key] = made = RuleSet(tags, self._private(profile, active), inside, tuple(sorted(left | own_slots)))
        return made

    def below(self, tag: int, profile: RuleSet, state: State, *, everywhere: bool) -> RuleSet | ItemRules | None:
        """The rules of the items of a sequence; None where they are those of the level itself."""
        below = profile.inside.get(tag)
        after = step(tag, state, self._paths)
        if isinstance(below, ItemRules):
            return self._items(below, after)
        if below is not None:
            return below if below.written else self.level(below, after, (), outermost=False)
        return self.level(profile, after, (), outermost=False) if after != state or everywhere else None

    def _items(self, profile: ItemRules, state: State) -> ItemRules:
        """The rules of content items: those of each kind of item, with the trial's rules over them."""
        key = (profile, state)
        if key not in self._items_made:
            sets: dict[str, RuleSet] = {}
            self._items_made[key] = replace(profile, sets=sets)
            for name, one in profile.sets.items():
                sets[name] = self.level(one, state, (), outermost=False, content=True)
        return self._items_made[key]

    def _decided(self, tag: int, profile: Rule, rules: Sequence[int], *, content: bool) -> Rule:
        """What the first rule that matches makes of a standard attribute."""
        for place, number in enumerate(rules):
            if tag not in self._reached[number]:
                continue
            rule = self._rules[number]
            objected = self._own.objection(rule, tag, profile, content=content)
            if objected or (weakens(rule, profile) and not rule.because):
                continue
            return _made(rule, profile, partial(self._decided, tag, profile, rules[place + 1 :], content=content))
        return profile

    def _private(self, profile: RuleSet, active: Sequence[int]) -> Mapping[PrivateKey, Rule]:
        """Private attributes: those of the profile, and those that staging holds and a rule keeps."""
        mine = [self._rules[number] for number in active if self._rules[number].target.creator]
        if not mine:
            return profile.private
        found: dict[PrivateKey, Rule] = {}
        for key, staged in {**self._own.staged.private, **profile.private}.items():
            before = profile.private.get(key)
            decided = self._privately(key, before or staged._replace(action=Action.REMOVE), mine)
            if before is not None or decided.action is not Action.REMOVE:
                found[key] = decided
        return found

    def _privately(self, key: PrivateKey, profile: Rule, rules: Sequence[AttributeRule]) -> Rule:
        """What the first rule that matches makes of a private attribute."""
        for place, rule in enumerate(rules):
            if not names_private(rule, key, profile):
                continue
            if self._own.private_objection(rule, key, profile):
                continue
            if weakens(rule, profile) and not rule.because:
                continue
            return _made(rule, profile, partial(self._privately, key, profile, rules[place + 1 :]))
        return profile


class _Inside(Mapping[int, RuleSet | ItemRules]):
    """The rules of the items of sequences below one level, made when a sequence is asked for."""

    def __init__(self, layer: _Layer, profile: RuleSet, state: State, *, everywhere: bool) -> None:
        self._below = partial(layer.below, profile=profile, state=state, everywhere=everywhere)

    def __getitem__(self, tag: int) -> RuleSet | ItemRules:
        below = self._below(tag) if tag in _sequences() else None
        if below is None:
            raise KeyError(tag)
        return below

    def __iter__(self) -> Iterator[int]:
        return (tag for tag in _sequences() if self._below(tag) is not None)

    def __len__(self) -> int:
        return sum(1 for _ in self)


def names_private(rule: AttributeRule, key: PrivateKey, known: Rule) -> bool:
    """Whether a rule names a private attribute whose VR is that of ``known``."""
    group, creator, low = key
    return rule.target.matches(group << 16 | low, creator) and rule.fits(known.vr.decode("ascii"))


def _made(rule: AttributeRule, profile: Rule, rest: Callable[[], Rule]) -> Rule:
    """The rule of the plan for a rule of the trial; ``rest`` gives what decides where it does not."""
    made = profile._replace(action=action_of(rule), text=None, cases=(), otherwise=None)
    if rule.does is Does.REPLACE:
        return made._replace(cases=rule.replace or (), otherwise=rest())
    if rule.does is Does.SET:
        return made._replace(text=rule.set, otherwise=rest() if rule.only_outermost else None)
    return made._replace(text=rule.dummy) if isinstance(rule.dummy, str) else made
