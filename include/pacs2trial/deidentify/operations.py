"""What the rules of a plan do to one value, compiled once a plan and kind of object."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache, partial
from typing import Final

from pacs2trial.deidentify.ages import keep_capped, keep_year
from pacs2trial.deidentify.bulk import FORMS, formed
from pacs2trial.deidentify.charset import decode
from pacs2trial.deidentify.compiled import Apply, ItemOperations, OnDemand, Operation, Operations, Result
from pacs2trial.deidentify.dates import checked_date_times, checked_dates
from pacs2trial.deidentify.descriptors import NUMBER_TAGS, clean, meaning, roi_name
from pacs2trial.deidentify.harvest import HARVESTED, NAME, OF_PERSON_CODES
from pacs2trial.deidentify.items import CHOOSERS
from pacs2trial.deidentify.keeping import (
    dummy_of,
    keep_blob,
    keep_by_vr,
    keep_coded,
    keep_text,
    remove,
    standard_uid,
    without,
)
from pacs2trial.deidentify.own_actions import hashing, replacing, setting
from pacs2trial.deidentify.padding import PADDING
from pacs2trial.deidentify.passing import PASSING_ACTIONS, PASSING_VRS, passing
from pacs2trial.deidentify.pieces import Code, Slot, Uids
from pacs2trial.deidentify.pixels import DESCRIPTION
from pacs2trial.deidentify.private import with_multiplicity
from pacs2trial.deidentify.screening import screen
from pacs2trial.deidentify.walk import Walk
from pacs2trial.dicomfile.encoding import PIXEL_TAGS
from pacs2trial.profile.plan import METHOD, Plan
from pacs2trial.profile.private import PAYLOADS
from pacs2trial.profile.rules import Action, ItemRules, Rule, RuleSet
from pacs2trial.trials.valueform import encoded_value
from pacs2trial.vault.pseudonyms import Original
from pacs2trial.vault.tables import Kind

CHARACTER_SET: Final = 0x00080005
SOP_CLASS: Final = 0x00080016
SOP_INSTANCE: Final = 0x00080018
STUDY_DATE: Final = 0x00080020
ACCESSION: Final = 0x00080050
MODALITY: Final = 0x00080060
STUDY: Final = 0x0020000D
SERIES: Final = 0x0020000E

_NOTED: Final = frozenset((SOP_CLASS, SOP_INSTANCE, STUDY_DATE, MODALITY, STUDY, SERIES, *DESCRIPTION))
_CODING_SCHEME: Final = 0x00080102

_KEEP_TERMS: Final = keep_coded(None)
_LONGEST_UID: Final = 1024


def operations_of(plan: Plan, sop_class: str, modality: str) -> Operations:
    """The compiled form of ``plan`` for objects of this SOP Class UID and Modality (0008,0060)."""
    return _operations(plan, plan.rule_set, sop_class, modality)


@lru_cache(maxsize=1024)
def _operations(plan: Plan, _rules: RuleSet, sop_class: str, modality: str) -> Operations:
    return _compiled(plan, plan.rules_for(sop_class, modality))


@lru_cache(maxsize=256)
def _compiled(plan: Plan, rules: RuleSet) -> Operations:
    return _compiler(plan).compile(rules)


@lru_cache(maxsize=64)
def _compiler(plan: Plan) -> _Compiler:
    return _Compiler(plan)


class _Compiler:
    """Compiles the sets of one plan, each once and as far as objects need it."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._made: dict[RuleSet, Operations] = {}

    def compile(self, rules: RuleSet) -> Operations:
        """A set of rules that is reached again, as by content that holds content, is compiled once."""
        made = self._made.get(rules)
        if made is None:
            made = self._made[rules] = Operations(
                tags=OnDemand(partial(self._of_tag, rules.tags)),
                private={
                    (group, creator.encode("latin-1"), low): _private_operation(rule, self._plan)
                    for (group, creator, low), rule in rules.private.items()
                },
                inside=OnDemand(partial(self._of_items, rules.inside)),
                slots=tuple(_slot(tag, rules.tags[tag]) for tag in rules.written),
            )
        return made

    def _of_tag(self, rules: Mapping[int, Rule], tag: int) -> Operation | None:
        rule = rules.get(tag)
        return _operation(tag, rule, self._plan) if rule is not None else None

    def _of_items(self, rules: Mapping[int, RuleSet | ItemRules], tag: int) -> Operations | ItemOperations | None:
        below = rules.get(tag)
        if isinstance(below, ItemRules):
            sets = {name: self.compile(one) for name, one in below.sets.items()}
            return ItemOperations(CHOOSERS[below.chooser](below, sets))
        return self.compile(below) if below is not None else None


def _slot(tag: int, rule: Rule) -> Slot:
    return Slot(tag, rule.vr, rule.text, filled=rule.action is Action.SET)


def _private_operation(rule: Rule, plan: Plan) -> Operation:
    vr, apply, action = _operation(0, rule, plan)
    if vr in PAYLOADS and action is Action.KEEP:
        apply = keep_blob
    return vr, with_multiplicity(apply, rule), action


def _operation(tag: int, rule: Rule, plan: Plan) -> Operation:
    action = Action.REMOVE if tag in PIXEL_TAGS else rule.action
    apply = _keep_charset if tag == CHARACTER_SET else _ACTIONS[action](tag, rule, plan)
    kind = NAME if rule.vr == b"PN" else HARVESTED.get(tag)
    if kind:
        apply = _harvesting(kind, apply)
    if tag in OF_PERSON_CODES:
        apply = _harvesting_codes(OF_PERSON_CODES[tag], apply)
    if tag in _NOTED:
        apply = _noting(tag, apply)
    if plan.vocabulary is not None and rule.vr in PASSING_VRS and rule.action in PASSING_ACTIONS:
        apply = passing(rule, apply)
    if tag in NUMBER_TAGS:
        apply = _numbering(tag, apply)
    if tag == _CODING_SCHEME:
        apply = _scheme(apply)
    if tag in FORMS:
        apply = formed(tag, apply)
    return rule.vr, apply, action


# ---- what an operation notes besides -----------------------------------------------------------------------------


def _harvesting(kind: str, apply: Apply) -> Apply:
    def harvest(walk: Walk, value: bytes) -> Result:
        if value:
            walk.harvest[kind, walk.charset, value.rstrip(PADDING)] = None
        return apply(walk, value)

    return harvest


def _harvesting_codes(kind: str, apply: Apply) -> Apply:
    harvesting = _harvesting(kind, apply)

    def harvest(walk: Walk, value: bytes) -> Result:
        return harvesting(walk, value) if walk.names_persons else apply(walk, value)

    return harvest


def _noting(tag: int, apply: Apply) -> Apply:
    def note(walk: Walk, value: bytes) -> Result:
        result = apply(walk, value)
        if not walk.level:
            walk.top[tag] = result.value if isinstance(result, Uids) else result if isinstance(result, bytes) else b""
        return result

    return note


def _numbering(tag: int, apply: Apply) -> Apply:
    def number(walk: Walk, value: bytes) -> Result:
        walk.item_number = tag, value.strip(PADDING)
        return apply(walk, value)

    return number


def _scheme(apply: Apply) -> Apply:
    def scheme(walk: Walk, value: bytes) -> Result:
        walk.scheme = value.strip(PADDING)
        return apply(walk, value)

    return scheme


def _keep(_tag: int, rule: Rule, plan: Plan) -> Apply:
    cap = plan.choice.age_cap
    return keep_by_vr(rule) if rule.vr != b"AS" or cap is None else keep_capped(rule, cap)


def _keep_charset(walk: Walk, value: bytes) -> Result:
    stripped = value.rstrip(PADDING)
    walk.use_charset(stripped)
    return _KEEP_TERMS(walk, value) or None


# ---- one factory for each action ----------------------------------------------------------------------------------


def _removing(_tag: int, _rule: Rule, _plan: Plan) -> Apply:
    return remove


def _emptying(_tag: int, _rule: Rule, _plan: Plan) -> Apply:
    return lambda _walk, value: value if not value else b""


def _dummying(_tag: int, rule: Rule, _plan: Plan) -> Apply:
    dummy = dummy_of(rule.vr) if rule.text is None else encoded_value(rule.vr.decode("ascii"), rule.text)
    return lambda _walk, value: value if not value else dummy


def _patient(_tag: int, _rule: Rule, _plan: Plan) -> Apply:
    return lambda walk, _value: b"" if walk.level else None


def _write(tag: int, _rule: Rule, plan: Plan) -> Apply:
    """The value is the plan's. What the object brought is noted; words of another are searched like any text."""
    searched = plan.vocabulary is None and tag == METHOD
    keep = keep_text(None)

    def note(walk: Walk, value: bytes) -> Result:
        if not walk.level:
            kept = keep(walk, value) if searched else value
            walk.foreign[tag] = kept.rstrip(PADDING) if isinstance(kept, bytes) else b""
        return None

    return note


def _map(tag: int, _rule: Rule, _plan: Plan) -> Apply:
    def map_uid(walk: Walk, value: bytes) -> Result:
        known = walk.mapped.get((tag, value))
        if known is not None:
            return known
        standard = standard_uid(value)
        if standard:
            return value if standard is True else standard
        stripped = value.rstrip(PADDING)
        if not stripped:
            return value if not value else b""
        if len(stripped) > _LONGEST_UID and b"\\" not in stripped:
            return b""
        walk.uids[stripped] = None
        piece = Uids(stripped)
        if tag:
            walk.mapped[tag, value] = piece
        return piece

    return map_uid


def _code(tag: int, rule: Rule, _plan: Plan) -> Apply:
    kind = Kind.ACCESSION if tag == ACCESSION else Kind.STUDY_ID

    def code(walk: Walk, value: bytes) -> Result:
        stripped = value.strip(PADDING)
        if not stripped:
            return value if not value else b""
        text = decode(stripped, walk.charset)
        original = Original(kind, (text if text is not None else stripped.decode("latin-1")).strip())
        walk.originals[original] = None
        return Code(rule.vr, original)

    return code


def _shift(_tag: int, rule: Rule, _plan: Plan) -> Apply:
    check = checked_dates if rule.vr == b"DA" else checked_date_times
    fallback = without(rule)

    def shift(walk: Walk, value: bytes) -> Result:
        stripped = value.rstrip(PADDING)
        if not stripped:
            return value if not value else b""
        moved = check(stripped, walk.days)
        return fallback if moved is None else moved

    return shift


def _replacing(tag: int, rule: Rule, plan: Plan) -> Apply:
    assert rule.otherwise is not None
    return replacing(rule, _operation(tag, rule.otherwise, plan)[1])


def _hashing(_tag: int, rule: Rule, _plan: Plan) -> Apply:
    return hashing(rule)


def _setting(tag: int, rule: Rule, plan: Plan) -> Apply:
    return setting(_operation(tag, rule.otherwise, plan)[1] if rule.otherwise else None)


_ACTIONS: Final[Mapping[Action, Callable[[int, Rule, Plan], Apply]]] = {
    Action.CLEAN: clean,
    Action.CODE: _code,
    Action.DUMMY: _dummying,
    Action.EMPTY: _emptying,
    Action.HASH: _hashing,
    Action.KEEP: _keep,
    Action.MAP: _map,
    Action.MEANING: meaning,
    Action.PATIENT: _patient,
    Action.REMOVE: _removing,
    Action.REPLACE: _replacing,
    Action.ROI_NAME: roi_name,
    Action.SCREEN: screen,
    Action.SET: _setting,
    Action.SHIFT: _shift,
    Action.WRITE: _write,
    Action.YEAR: keep_year,
}
