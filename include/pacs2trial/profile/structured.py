"""Content items of structured reports (PS3.15 E.3.4): what becomes of each, by its concept name and its value type."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import cache, lru_cache
from typing import Final, NamedTuple

from pacs2trial.profile.rules import Action, ItemRules, Rule, RuleSet
from pacs2trial.profile.table import data_rows
from pacs2trial.trials.definition import Option

_TABLE: Final = "structured_content.csv"

CONTENT_SEQUENCE: Final = 0x0040A730
CONTENT_SEQUENCES: Final = (
    0x00400440,  # Protocol Context Sequence
    0x00400441,  # Content Item Modifier Sequence
    0x00400555,  # Acquisition Context Sequence
    0x00400612,  # Specimen Preparation Step Content Item Sequence
    CONTENT_SEQUENCE,
)
"""The sequences whose items are content items (PS3.3 10.2 and C.17.3)."""

KEY_OBJECT_SELECTION: Final = "1.2.840.10008.5.1.4.1.1.88.59"

TEXT_VALUE: Final = 0x0040A160
PERSON_NAME: Final = 0x0040A123
DATE, DATE_TIME, TIME = 0x0040A121, 0x0040A120, 0x0040A122
MEASURED_VALUES: Final = 0x0040A300
CONCEPT_CODES: Final = 0x0040A168
_CODE, _SCHEME, _MEANING = 0x00080100, 0x00080102, 0x00080104

_REFERENCES: Final = frozenset(("COMPOSITE", "IMAGE", "UIDREF", "WAVEFORM"))
_DATES: Final = frozenset(("DATE", "DATETIME", "TIME"))
_VALUES: Final = ("CODE", "CONTAINER", "NUM", "SCOORD", "SCOORD3D", "TABLE", "TCOORD", *sorted(_REFERENCES))
UNKNOWN_CODE: Final = ("261665006", "SCT", "Unknown")
"""Code Value, Coding Scheme Designator and Code Meaning of what stands for a code that may not stay."""

_CHOOSER: Final = "content item"


class Concept(NamedTuple):
    """A row of Table E.3.4-1: action of the Basic Profile, option → K or C, and the code of SNOMED RT if it had one."""

    scheme: str
    code: str
    value_type: str
    basic: str
    options: Mapping[str, str]
    srt: str
    meaning: str


@cache
def concepts() -> tuple[Concept, ...]:
    """Table E.3.4-1."""
    return tuple(
        Concept(
            row["scheme"],
            row["code"],
            row["value_type"],
            row["basic"],
            dict(option.split("=") for option in row["options"].split()),
            row["srt"],
            row["meaning"],
        )
        for row in data_rows(_TABLE)
    )


def concept_key(scheme: str, code: str, value_type: str) -> str:
    """How a chooser looks up a content item; scheme and code are empty for any concept of that value type."""
    return f"{scheme} {code} {value_type}" if code else value_type


def content_inside(item: RuleSet, options: frozenset[str]) -> dict[int, RuleSet | ItemRules]:
    """The sequences of content items and the rules for their items; none without Clean Structured Content.

    Args:
        item: the plan's rules for the items of sequences.
        options: of the plan.
    """
    if Option.CLEAN_STRUCTURED_CONTENT not in options:
        return {}
    return dict.fromkeys(CONTENT_SEQUENCES, _content_rules(item, options))


@lru_cache(maxsize=64)
def key_object_rules(rules: RuleSet) -> RuleSet:
    """The rules for a key object selection: without Clean Structured Content what it refers to stays, its words go."""
    if isinstance(rules.inside.get(CONTENT_SEQUENCE), ItemRules):
        return rules
    content = rules.tags[CONTENT_SEQUENCE]._replace(action=Action.KEEP)
    return replace(
        rules,
        tags={**rules.tags, CONTENT_SEQUENCE: content},
        inside={**rules.inside, CONTENT_SEQUENCE: _references_only(replace(rules, written=()))},
    )


def values_of_items(rules: RuleSet) -> dict[int, Rule]:
    """The attributes that hold the value of a content item, with the rule of the kind of item that passes most of it.

    Without Clean Structured Content there is none.
    """
    content = rules.inside.get(CONTENT_SEQUENCE)
    if not isinstance(content, ItemRules):
        return {}
    passes_most = {TEXT_VALUE: "text", PERSON_NAME: "dummy", DATE: "date", DATE_TIME: "date", TIME: "date"}
    return {tag: content.sets[kind].tags[tag] for tag, kind in passes_most.items()}


def _content_rules(item: RuleSet, options: frozenset[str]) -> ItemRules:
    """The rules of content items under Clean Structured Content, and in staging.

    A reference stays whatever the table says of it, with its UIDs mapped, so that links survive; names become
    dummies. What the table does not list: text is cleaned, dates follow the options for dates, all else stays
    if it holds none of the object's own identifiers. An item of unknown value type becomes an empty shell.

    Args:
        item: the plan's rules for the items of sequences.
        options: of the plan.
    """
    sets = {
        "value": _item(item),
        "text": _item(item, {TEXT_VALUE: _text(Action.KEEP)}),
        "words": _item(item, {TEXT_VALUE: _text(Action.CLEAN)}),
        "date": _item(item, _dates(options)),
    }
    below_dummy: dict[int, RuleSet | ItemRules] = {}
    sets["dummy"] = _dummy(item, below_dummy)
    sets["blank"] = _blank(sets["dummy"])
    choices = dict.fromkeys(_VALUES, "value")
    choices |= {"": "dummy", "TEXT": "words", "PNAME": "dummy"}
    choices |= dict.fromkeys(_DATES, "date" if _date_action(options) else "dummy")
    dropped = set()
    for concept in concepts():
        chosen, drop = _choice(concept, options)
        for scheme, code in ((concept.scheme, concept.code), ("SRT", concept.srt)):
            if code:
                key = concept_key(scheme, code, concept.value_type)
                choices[key] = chosen
                if drop:
                    dropped.add(key)
    content = ItemRules(_CHOOSER, sets, choices, frozenset(dropped))
    below_dummy |= dict.fromkeys(CONTENT_SEQUENCES, content)
    return content


def _references_only(item: RuleSet) -> ItemRules:
    choices = {"": "blank"} | dict.fromkeys(_REFERENCES, "value")
    sets = {"value": _item(item), "blank": _blank(_dummy(item, {}))}
    return ItemRules(_CHOOSER, sets, choices, frozenset({""}))


def _choice(concept: Concept, options: frozenset[str]) -> tuple[str, bool]:
    """Set of rules for items of a concept, and whether such an item is dropped unless its place counts."""
    codes = {concept.options[option] for option in options if option in concept.options}
    if concept.value_type in _REFERENCES:
        return "value", False
    if concept.value_type in _DATES and codes:
        return "date", False
    if "K" in codes:
        return ("text" if concept.value_type == "TEXT" else "value"), False
    if "C" in codes:
        return ("words" if concept.value_type == "TEXT" else "value"), False
    return ("blank" if concept.value_type == "CONTAINER" else "dummy"), concept.basic == "X"


def _item(item: RuleSet, values: Mapping[int, Rule] | None = None) -> RuleSet:
    """Rules of an item that holds its value in ``values``; other attributes for values do not belong there."""
    tags = item.tags
    absent = {tag: tags[tag]._replace(action=Action.REMOVE) for tag in (TEXT_VALUE, PERSON_NAME, DATE, DATE_TIME, TIME)}
    return replace(item, tags={**tags, **absent, **(values or {})})


def _dummy(item: RuleSet, content: dict[int, RuleSet | ItemRules]) -> RuleSet:
    """The value is a dummy; a measured value may be empty (Type 2), a code becomes that for ``unknown``.

    What lies below is of ``content``, or else as below ``item``.
    """
    tags = item.tags
    values = {
        TEXT_VALUE: _text(Action.DUMMY),
        **{tag: tags[tag]._replace(action=Action.DUMMY) for tag in (PERSON_NAME, DATE, DATE_TIME, TIME)},
        MEASURED_VALUES: tags[MEASURED_VALUES]._replace(action=Action.EMPTY),
    }
    code = dict(zip((_CODE, _SCHEME, _MEANING), UNKNOWN_CODE, strict=True))
    written = {tag: tags[tag]._replace(action=Action.WRITE, text=text) for tag, text in code.items()}
    unknown = RuleSet(written, written=tuple(written))
    content |= dict(item.inside) | {CONCEPT_CODES: unknown}
    return replace(item, tags={**tags, **values}, inside=content)


def _blank(dummy: RuleSet) -> RuleSet:
    """A shell that holds a place: its value is a dummy, and so are those of all items below it."""
    below: dict[int, RuleSet | ItemRules] = dict(dummy.inside)
    blank = replace(dummy, inside=below)
    below[CONTENT_SEQUENCE] = ItemRules(_CHOOSER, {"blank": blank}, {"": "blank"}, frozenset())
    return blank


def _text(action: Action) -> Rule:
    return Rule(action, b"UT", Action.DUMMY, "TextValue")


def _dates(options: frozenset[str]) -> dict[int, Rule]:
    action = _date_action(options) or Action.DUMMY
    of_time = Action.KEEP if action is Action.SHIFT else action
    return {
        DATE: Rule(action, b"DA", Action.DUMMY, "Date"),
        DATE_TIME: Rule(action, b"DT", Action.DUMMY, "DateTime"),
        TIME: Rule(of_time, b"TM", Action.DUMMY, "Time"),
    }


def _date_action(options: frozenset[str]) -> Action | None:
    if Option.RETAIN_FULL_DATES in options:
        return Action.KEEP
    return Action.SHIFT if Option.RETAIN_MODIFIED_DATES in options else None
