"""The conformance statement of pacs2trial: what it makes of every row of Table E.1-1, for every option (PS3.15 E.1)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from pacs2trial.dicomfile.dictionary import dictionary
from pacs2trial.profile.choose import Choice, choices_by_type, rules_for
from pacs2trial.profile.methods import BASIC_PROFILE, CLEAN_PIXEL_DATA, CODE_MEANINGS, METHOD_CODES
from pacs2trial.profile.plan import Plan, staging_plan
from pacs2trial.profile.rules import Action, Rule
from pacs2trial.profile.sentences import topics
from pacs2trial.profile.table import beyond, edition, rt_text, table, uid_treatment
from pacs2trial.trials.definition import Option

_OUTSIDE_DATA_SETS: Final = 0x00080000

_OPTIONS: Final = {
    Option.CLEAN_DESCRIPTORS: "descriptions are cleaned word by word instead of removed",
    Option.CLEAN_GRAPHICS: "annotations of presentation states are cleaned instead of removed",
    Option.CLEAN_PIXEL_DATA: "text in pixels is looked for and blacked out; asks nothing of the header",
    Option.CLEAN_STRUCTURED_CONTENT: "the content of structured reports is cleaned item by item",
    Option.RETAIN_DEVICE_IDENTITY: "serial numbers and names of devices stay, but not their UIDs",
    Option.RETAIN_FULL_DATES: "dates and times stay",
    Option.RETAIN_INSTITUTION_IDENTITY: "name, department and address of the institution stay",
    Option.RETAIN_MODIFIED_DATES: "dates move by one number of days for each subject; excludes retain_full_dates",
    Option.RETAIN_PATIENT_CHARACTERISTICS: "sex, age, size, weight and other characteristics stay",
    Option.RETAIN_SAFE_PRIVATE: "private attributes stay that the standard or the site holds safe",
}

_OTHERWISE: Final = (
    (
        "Sequences of references (Referenced Study, Performed Procedure Step, Image and Source Image Sequence) "
        "stay with "
        "their UIDs mapped, where the table would remove or empty them: links between objects survive."
    ),
    (
        "What the table removes or empties, but the object's IOD requires with a value (Type 1), becomes a dummy; what "
        "it must at least have (Type 2) is emptied: Presentation Creation Date, say. Otherwise the object would be "
        "invalid. Modules that may be absent go as a whole. Types 1C and 2C count only where the table itself leaves "
        "a choice."
    ),
    "A sequence of Type 1 for which a dummy would have to be invented is emptied.",
    "Graphic Annotation Sequence (0070,0001) is removed without Clean Graphics, not replaced by a dummy.",
    (
        "Device UIDs are mapped also under Retain Device Identity. Retain UIDs cannot be asked for: after stage 1 "
        "there "
        "are no original UIDs."
    ),
    (
        "Values of VR PN, UR and UN never stay, whatever the options; values of VR OB are never cleaned: they stay in "
        "the form that the standard gives them, or go."
    ),
    (
        "An attribute whose IOD does not have it is treated as one of Type 3: where the table leaves a choice it is "
        "removed. For an unknown SOP class the rightmost action of the table is taken."
    ),
    "The year of birth may stay if the trial says so (birth_date: year); (0012,0063) then says it.",
)


def conformance() -> str:
    """The whole statement as Markdown."""
    return "\n".join(_lines())


def _lines() -> Iterator[str]:
    yield "# Conformance statement: de-identification"
    yield ""
    yield (
        "Made from the code by `tools/conformance.py`; a test holds it against the code. Source: DICOM PS3.15 "
        f"{edition()}, "
        "Annex E, Table E.1-1. What a certain trial gets is told by `pacs2trial trial describe <TRIAL>`."
    )
    yield ""
    yield (
        "pacs2trial de-identifies twice. **Stage 1** runs in memory when an object arrives and takes away what "
        "identifies "
        "directly; its output lies in staging, inside the hospital, and is no profile of PS3.15. **Stage 2** "
        "makes from it "
        "what a trial gets: the Basic Application Level Confidentiality Profile with the options of the trial's "
        "definition. "
        "References stay consistent over one trial, for ever; two trials have nothing in common."
    )
    yield from _section("Stage 1: staging", _sentences(staging_plan()))
    yield from _section("Stage 2: options of a trial", _options())
    yield from _section("Otherwise than the table", [f"- {one}" for one in _OTHERWISE])
    yield from _section("Beyond the table", [*_beyond_by_vr(), "", *_beyond_rows()])
    yield from _section("Every row of Table E.1-1", _table())


def _section(title: str, lines: Iterable[str]) -> Iterator[str]:
    yield ""
    yield f"## {title}"
    yield ""
    yield from lines


def _sentences(plan: Plan) -> Iterator[str]:
    for topic in topics(plan):
        yield f"**{topic.title}.** {topic.text}"
        yield ""


def _options() -> Iterator[str]:
    yield f"Always: {BASIC_PROFILE} {CODE_MEANINGS[BASIC_PROFILE]}. An option changes only what it names."
    yield ""
    yield "| option in the definition | code in (0012,0064) | what it does |"
    yield "| --- | --- | --- |"
    for option, meaning in _OPTIONS.items():
        code = METHOD_CODES.get(option, CLEAN_PIXEL_DATA)
        said = "on objects that were cleaned" if option is Option.CLEAN_PIXEL_DATA else CODE_MEANINGS[code]
        yield f"| `{option.value}` | {code} {said} | {meaning} |"


def _beyond_by_vr() -> Iterator[str]:
    mapped = sorted(tag for tag, what in uid_treatment().items() if what == "map" and tag not in table())
    names = ", ".join(f"{dictionary()[tag].keyword} {_tag(tag)}" for tag in mapped if tag in dictionary())
    yield f"- UIDs that the table forgets are mapped: {names}. Of VR UI only classes, syntaxes and schemes stay."
    yield f"- {len(rt_text())} text attributes of radiotherapy that the table forgets are cleaned word by word, or stay"
    yield "  under Retain Device Identity where they name a device: " + ", ".join(
        f"{dictionary()[tag].keyword} {_tag(tag)}" for tag in sorted(rt_text()) if tag in dictionary()
    )
    yield "- Dates and times of any other attribute follow the options for dates; names of persons (PN), addresses"
    yield "  (UR), application entities (AE), bytes of unknown kind (UN) and long text (LT, ST, UC, UT) are removed."
    screened = sorted(tag for tag, rule in rules_for(_choice()).items() if rule.action is Action.SCREEN)
    yield f"- {len(screened)} attributes of short text stay less what points to a person, also to one whom the object"
    yield "  names nowhere: " + ", ".join(f"{dictionary()[tag].keyword} {_tag(tag)}" for tag in screened)
    yield "- All other attributes of PS3.6 stay if they are well-formed and hold none of the object's own identifiers."
    yield "- Attributes that are not in PS3.6 are removed."


def _beyond_rows() -> Iterator[str]:
    treatments = beyond()
    yield "| attribute | what is done | why |"
    yield "| --- | --- | --- |"
    for group, treatment in sorted(treatments.groups.items()):
        yield f"| ({group:04X},eeee) | {treatment} | {treatments.reasons[f'{group:04X}----']} |"
    for tag, treatment in sorted(treatments.tags.items()):
        name = dictionary()[tag].keyword if tag in dictionary() else ""
        yield f"| {_tag(tag)} {name} | {treatment} | {treatments.reasons[f'{tag:08X}']} |"


def _table() -> Iterator[str]:
    yield (
        "*Table* is the action of the Basic Profile in the standard. *Basic* is what a trial without options "
        "gets; T1, T2, "
        "T3: where the attribute is of Type 1, 2 or 3. *Options* that change it, with what is done then. "
        "*Staging* is what "
        "stage 1 keeps of it."
    )
    yield ""
    yield "| tag | attribute | table | basic | options | staging |"
    yield "| --- | --- | --- | --- | --- | --- |"
    basic = _choice()
    rules = rules_for(basic)
    by_type = choices_by_type(basic)
    with_options = {option: rules_for(_choice(option)) for option in _OPTIONS if option is not Option.CLEAN_PIXEL_DATA}
    staged = staging_plan().rules
    for tag, row in sorted(table().items()):
        if tag < _OUTSIDE_DATA_SETS:
            yield f"| {_tag(tag)} | {row.name} | {row.basic} | written anew or dropped with its group | | |"
            continue
        changed = [
            f"{option.value}: {_does(other[tag])}" for option, other in with_options.items() if other[tag] != rules[tag]
        ]
        done = _does(rules[tag])
        if tag in by_type:
            done = ", ".join(f"T{number} {_does(one)}" for number, one in by_type[tag].items())
        yield f"| {_tag(tag)} | {row.name} | {row.basic} | {done} | {'; '.join(changed)} | {_does(staged[tag])} |"
    yield "| (50xx,xxxx) (60xx,3000) (60xx,4000) | Curves, Overlay Data, Overlay Comments | X | remove | | remove |"
    kept = "keep if listed"
    yield f"| (gggg,eeee) odd group | Private Attributes | X | remove | retain_safe_private: {kept} | {kept} |"
    yield ""


def _choice(*options: str) -> Choice:
    written = staging_plan().choice.written
    return Choice(frozenset(options), staging=False, written=written)


def _does(rule: Rule) -> str:
    return str(rule.action)


def _tag(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"
