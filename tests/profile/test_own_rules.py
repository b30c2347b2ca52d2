"""Rules of a trial's own are laid over the profile, or refused with the place of the rule and the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pacs2trial.errors import InputError
from pacs2trial.profile import Action, RuleSet, staging_plan, trial_plan
from pacs2trial.profile.objections import private_objection
from pacs2trial.profile.own_rules import OwnRules
from pacs2trial.profile.plan import Plan
from pacs2trial.profile.rules import Rule
from pacs2trial.trials.load import load_definition
from pacs2trial.trials.rules import AttributeRule
from support.definitions import trial
from support.vaults import write_definition

CT, RTPLAN, RTSTRUCT = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.481.5", "1.2.840.10008.5.1.4.1.1.481.3"
BEAMS, BEAM_NAME, BEAM_DESCRIPTION = 0x300A00B0, 0x300A00C2, 0x300A00C3
STUDY_DESCRIPTION, SERIES_DESCRIPTION, STATION_NAME, OPERATORS = 0x00081030, 0x0008103E, 0x00081010, 0x00081070
TIME_POINT = 0x00120050


def plan(*rules: dict[str, Any], options: tuple[str, ...] = ()) -> Plan:
    return trial_plan(trial(profile={"options": list(options), "rules": list(rules)}))


def refused(*rules: dict[str, Any], options: tuple[str, ...] = ()) -> tuple[str, ...]:
    with pytest.raises(InputError) as raised:
        plan(*rules, options=options)
    return raised.value.problems


def inside(rules: RuleSet, tag: int) -> RuleSet:
    below = rules.inside.get(tag, rules)
    assert isinstance(below, RuleSet)
    return below


def test_without_rules_the_profile_stands_as_it_is() -> None:
    bare = trial_plan(trial())
    assert bare.rules_for(CT, "CT") is plan().rules_for(CT, "CT") or bare.digest == plan().digest
    assert bare.own is None


def test_a_rule_decides_at_every_depth_and_leaves_the_rest_to_the_profile() -> None:
    made = plan({"attribute": "StudyDescription", "remove": True}, options=("clean_descriptors",))
    before = trial_plan(trial("clean_descriptors"))
    rules = made.rules_for(CT, "CT")
    profile = before.rules_for(CT, "CT").tags
    changed = {tag for tag, rule in rules.tags.items() if profile[tag] != rule}
    assert changed == {STUDY_DESCRIPTION}
    assert rules.tags[STUDY_DESCRIPTION].action is Action.REMOVE
    assert inside(rules, 0x00400275).tags[STUDY_DESCRIPTION].action is Action.REMOVE


def test_the_first_rule_that_matches_decides() -> None:
    made = plan(
        {"attribute": "StudyDescription", "hash": True, "modality": "CT"},
        {"attribute": "StudyDescription", "empty": True},
        {"vr": "LO", "remove": True},
    )
    assert made.rules_for(CT, "CT").tags[STUDY_DESCRIPTION].action is Action.HASH
    assert made.rules_for(CT, "MR").tags[STUDY_DESCRIPTION].action is Action.EMPTY
    assert made.rules_for(CT, "MR").tags[SERIES_DESCRIPTION].action is Action.REMOVE


def test_rules_are_narrowed_by_class_and_modality_together() -> None:
    made = plan({"attribute": "StationName", "hash": True, "sop_class": "RTPlanStorage", "modality": ["RTPLAN", "X"]})
    found = {
        (sop_class, modality): made.rules_for(sop_class, modality).tags[STATION_NAME].action is Action.HASH
        for sop_class in (RTPLAN, CT)
        for modality in ("RTPLAN", "CT")
    }
    assert [kind for kind, hashed in found.items() if hashed] == [(RTPLAN, "RTPLAN")]


def test_a_path_decides_where_it_leads_and_nowhere_else() -> None:
    rules = plan({"attribute": "BeamSequence > BeamName", "hash": True}).rules_for(RTPLAN, "RTPLAN")
    beams = inside(rules, BEAMS)
    assert rules.tags[BEAM_NAME].action is not Action.HASH
    assert beams.tags[BEAM_NAME].action is Action.HASH
    assert inside(beams, 0x300A00B6).tags[BEAM_NAME].action is not Action.HASH
    assert inside(inside(rules, 0x300A0070), BEAMS).tags[BEAM_NAME].action is Action.HASH
    assert inside(beams, BEAMS).tags[BEAM_NAME].action is Action.HASH


def test_a_star_stands_for_any_number_of_sequences() -> None:
    rules = plan({"attribute": "BeamSequence > * > BeamName", "hash": True}).rules_for(RTPLAN, "RTPLAN")
    beams = inside(rules, BEAMS)
    deeper = inside(beams, 0x300A00B6)
    assert rules.tags[BEAM_NAME].action is not Action.HASH
    assert {level.tags[BEAM_NAME].action for level in (beams, deeper, inside(deeper, 0x00081140))} == {Action.HASH}


def test_what_a_path_sets_is_written_at_its_level_alone() -> None:
    rules = plan({"attribute": "BeamSequence > * > BeamDescription", "set": "x"}).rules_for(RTPLAN, "RTPLAN")
    beams = inside(rules, BEAMS)
    assert BEAM_DESCRIPTION not in rules.written
    assert beams.written == (BEAM_DESCRIPTION,)
    assert inside(beams, 0x300A00B6).written == (BEAM_DESCRIPTION,)
    assert inside(rules, 0x300A0070).written in ((), rules.written)


def test_the_digest_follows_the_rules_but_not_their_reasons() -> None:
    keep = {"attribute": "StudyDescription", "keep": True}
    one, other = plan({**keep, "because": "a"}), plan({**keep, "because": "b"})
    assert one.digest == other.digest != plan().digest
    assert one.canonical == other.canonical
    assert plan({"attribute": "StudyDescription", "empty": True}).digest != one.digest


WEAK = (
    (
        {"attribute": "StudyDescription", "keep": True},
        (
            ".keep: would pass what the profile with these options does not: StudyDescription (0008,1030) (remove); "
            "say why by adding because: to the rule"
        ),
    ),
    (
        {"attribute": "StudyDescription", "clean": True},
        ".clean: would pass what the profile with these options does not: StudyDescription (0008,1030) (remove)",
    ),
    (
        {"attribute": "AcquisitionDate", "shift": True},
        ".shift: would pass what the profile with these options does not: AcquisitionDate (0008,0022) (",
    ),
    (
        {"attribute": "StudyDescription", "replace": [{"pattern": "(.*)", "by": r"\1"}]},
        ".replace: would pass what the profile with these options does not: StudyDescription (0008,1030) (remove)",
    ),
    ({"vr": "SH", "keep": True}, ".keep: would pass what the profile with these options does not: "),
)


@pytest.mark.parametrize(("rule", "message"), WEAK, ids=[str(n) for n in range(len(WEAK))])
def test_a_rule_that_weakens_the_profile_has_to_say_why(rule: dict[str, Any], message: str) -> None:
    (problem,) = refused(rule)
    assert problem.startswith(f"profile.rules[0]{message}")
    assert refused({**rule, "because": "  "}) == (problem,)
    plan({**rule, "because": "The protocol needs it."})


def test_what_an_option_already_keeps_needs_no_reason() -> None:
    plan({"attribute": "StudyDescription", "clean": True}, options=("clean_descriptors",))
    (problem,) = refused({"attribute": "StudyDescription", "keep": True}, options=("clean_descriptors",))
    assert "StudyDescription (0008,1030) (clean)" in problem


@pytest.mark.parametrize(
    "rule",
    [
        {"attribute": "StudyDescription", "replace": {"a": "b"}},
        {"attribute": "StudyDescription", "replace": [{"pattern": "a.*", "by": "b"}]},
        {"attribute": "StudyDescription", "hash": True},
        {"attribute": "StudyDescription", "dummy": "Study"},
        {"attribute": "StudyDescription", "empty": True},
        {"attribute": "StudyDescription", "set": "{arm}"},
        {"attribute": "AccessionNumber", "map": "code"},
    ],
)
def test_what_passes_nothing_of_a_value_needs_no_reason(rule: dict[str, Any]) -> None:
    assert plan(rule).own is not None


BECAUSE = {"because": "We would like to."}
NEVER = (
    ({"attribute": "PatientID", "set": "{subject_key}"}, "PatientID (0010,0020) is written by the plan itself"),
    ({"attribute": "PatientName", "hash": True}, "PatientName (0010,0010) is written by the plan itself"),
    ({"attribute": "(0012,0040)", "remove": True}, "ClinicalTrialSubjectID (0012,0040) is written by the plan itself"),
    (
        {"attribute": "DeidentificationMethodCodeSequence", "remove": True},
        "DeidentificationMethodCodeSequence (0012,0064) is written by the plan itself",
    ),
    (
        {"attribute": "StudyInstanceUID", "remove": True},
        "StudyInstanceUID (0020,000D) stays as the profile has it: it places the object, and is always kept or mapped",
    ),
    ({"attribute": "SOPInstanceUID", "keep": True}, "SOPInstanceUID (0008,0018) stays as the profile has it"),
    ({"attribute": "SOPClassUID", "empty": True}, "SOPClassUID (0008,0016) stays as the profile has it"),
    (
        {"attribute": "SpecificCharacterSet", "remove": True},
        "SpecificCharacterSet (0008,0005) stays as the profile has it: it says how the text of the object is read",
    ),
    ({"attribute": "PixelData", "remove": True}, "PixelData (7FE0,0010) stays as the profile has it"),
    ({"attribute": "Rows", "set": "1"}, "Rows (0028,0010) stays as the profile has it"),
    (
        {"attribute": "FrameOfReferenceUID", "keep": True},
        "FrameOfReferenceUID (0020,0052): UIDs are mapped in every trial, and never kept as they are",
    ),
    (
        {"attribute": "OperatorsName", "keep": True},
        "OperatorsName (0008,1070): there is nothing to keep, since staging does not hold it (stage 1: ",
    ),
    ({"attribute": "PatientBirthDate", "shift": True}, "PatientBirthDate (0010,0030): there is nothing to shift"),
    ({"attribute": "OverlayData", "keep": True}, "OverlayData (6000,3000): there is nothing to keep"),
    (
        {"private_creator": "ACME", "keep": True},
        "ACME: there is nothing to keep, since staging holds no such private attribute",
    ),
    (
        {"attribute": "(3287,xx00) Varian Medical Systems VISION 3287", "keep": True},
        "(3287,xx00) Varian Medical Systems VISION 3287: there is nothing to keep",
    ),
)


@pytest.mark.parametrize(("rule", "message"), NEVER, ids=[str(n) for n in range(len(NEVER))])
def test_some_things_are_never_weakened_whatever_the_reason(rule: dict[str, Any], message: str) -> None:
    (problem,) = refused(rule | BECAUSE)
    assert problem.partition(": ")[2].startswith(message)
    assert problem.startswith("profile.rules[0]")


def test_a_hash_of_varian_plans_is_never_kept_even_where_staging_holds_it() -> None:
    rule = AttributeRule(attribute="(3287,xx00) Varian", keep=True, because="x")
    held = Rule(Action.KEEP, b"LO", Action.REMOVE, "PlanHash")
    assert "never kept" in (private_objection(rule, (0x3287, "Varian", 0), held, held, "REMOVED") or "")


def test_a_private_attribute_that_staging_holds_can_be_kept_for_a_reason() -> None:
    rule = {"attribute": "(0019,xx0C) SIEMENS MR HEADER", "keep": True}
    (problem,) = refused(rule)
    assert "would pass what the profile with these options does not: (0019,xx0C) SIEMENS MR HEADER (remove)" in problem
    rules = plan(rule | BECAUSE).rules_for(CT, "MR")
    assert {key for key, kept in rules.private.items() if kept.action is Action.KEEP} == {
        (0x19, "SIEMENS MR HEADER", 0xC)
    }
    plan(rule, options=("retain_safe_private",))


def test_safe_private_attributes_can_be_narrowed() -> None:
    safe = trial_plan(trial("retain_safe_private")).rules_for(CT, "MR").private
    rules = plan({"private_creator": "SIEMENS MR HEADER", "remove": True}, options=("retain_safe_private",))
    left = {key for key, rule in rules.rules_for(CT, "MR").private.items() if rule.action is not Action.REMOVE}
    assert left == {key for key in safe if key[1] != "SIEMENS MR HEADER"} != set()


def test_private_days_that_stay_may_not_stand_beside_days_that_move() -> None:
    rule = AttributeRule(attribute="(0019,xx10) ACME", keep=True, because="x")
    held = Rule(Action.KEEP, b"DA", Action.REMOVE, "Day")
    removed = held._replace(action=Action.REMOVE)
    assert private_objection(rule, (0x19, "ACME", 0x10), removed, held, "REMOVED") is None
    assert "shift it" in (private_objection(rule, (0x19, "ACME", 0x10), removed, held, "MODIFIED") or "")


def test_days_that_stay_may_not_stand_beside_days_that_move() -> None:
    keep, shift = {"attribute": "AcquisitionDate", "keep": True}, {"attribute": "AcquisitionDate", "shift": True}
    (problem,) = refused(keep | BECAUSE, options=("retain_modified_dates",))
    assert "would tell by how much they were moved; shift it" in problem
    (problem,) = refused(shift | BECAUSE, options=("retain_full_dates",))
    assert "could be moved back; remove it" in problem


def test_what_is_said_of_dates_follows_the_rules() -> None:
    date = {"attribute": "AcquisitionDate"} | BECAUSE
    assert plan(date | {"keep": True}).dates == plan(date | {"shift": True}).dates == "MODIFIED"
    assert plan(date | {"remove": True}).dates == "REMOVED"
    assert plan(date | {"remove": True}, options=("retain_full_dates",)).dates == "MODIFIED"
    assert plan(date | {"keep": True}, options=("retain_full_dates",)).dates == "UNMODIFIED"


def test_a_broad_rule_passes_by_what_no_rule_may_touch() -> None:
    made = plan({"vr": "LO", "hash": True}, {"vr": "UI", "remove": True})
    bare = trial_plan(trial())
    for tag in (0x00100020, 0x00120010, 0x00080018, 0x0020000D):
        assert made.rules[tag] == bare.rules[tag]
    assert made.rules[0x00200052].action is Action.REMOVE


SHADOWED = (
    ({"attribute": "StudyDescription", "empty": True}, {"attribute": "(0008,1030)", "remove": True}, True),
    ({"vr": "LO", "empty": True}, {"attribute": "StudyDescription", "remove": True}, True),
    ({"attribute": "(0008,xxxx)", "empty": True}, {"attribute": "(0008,103x)", "remove": True}, True),
    ({"attribute": "BeamName", "empty": True}, {"attribute": "BeamSequence > BeamName", "remove": True}, True),
    (
        {"attribute": "BeamSequence > * > BeamName", "empty": True},
        {"attribute": "BeamSequence > ControlPointSequence > BeamName", "remove": True},
        True,
    ),
    (
        {"attribute": "StationName", "empty": True, "modality": ["CT", "MR"]},
        {"attribute": "StationName", "remove": True, "modality": "CT"},
        True,
    ),
    (
        {"private_creator": "ACME", "remove": True},
        {"attribute": "(0019,xx10) ACME", "empty": True},
        True,
    ),
    (
        {"attribute": "StationName", "empty": True, "modality": "CT"},
        {"attribute": "StationName", "remove": True},
        False,
    ),
    (
        {"attribute": "StationName", "empty": True, "sop_class": RTPLAN},
        {"attribute": "StationName", "remove": True, "sop_class": CT},
        False,
    ),
    ({"attribute": "BeamSequence > BeamName", "empty": True}, {"attribute": "BeamName", "remove": True}, False),
    (
        {"attribute": "BeamSequence > ControlPointSequence > BeamName", "empty": True},
        {"attribute": "BeamSequence > * > BeamName", "remove": True},
        False,
    ),
    ({"attribute": "StationName", "replace": {"a": "b"}}, {"attribute": "StationName", "remove": True}, False),
    ({"attribute": "StationName", "set": "x"}, {"attribute": "StationName", "remove": True}, False),
    ({"attribute": "StationName", "remove": True}, {"attribute": "StationName", "set": "x"}, True),
)


@pytest.mark.parametrize(("first", "second", "shadowed"), SHADOWED, ids=[str(n) for n in range(len(SHADOWED))])
def test_a_rule_that_can_never_match_is_told(first: dict[str, Any], second: dict[str, Any], shadowed: bool) -> None:
    if shadowed:
        assert refused(first, second) == (
            "profile.rules[1]: never matches: profile.rules[0] before it takes all that it names",
        )
    else:
        plan(first, second)


def test_several_rules_can_shadow_one_together() -> None:
    rules = ({"attribute": "(0008,1030)", "empty": True}, {"attribute": "(0008,103E)", "empty": True})
    (problem,) = refused(*rules, {"attribute": "(0008,103x)", "vr": "LO", "remove": True})
    assert (
        problem
        == "profile.rules[2]: never matches: profile.rules[0] and profile.rules[1] before it take all that it names"
    )


def test_a_refusal_names_file_and_line(tmp_path: Path) -> None:
    rules = [{"vr": "PN", "remove": True}, {"attribute": "StudyDescription", "keep": True}]
    path = write_definition(tmp_path, "LUNGART", subject_key="LA-[0-9]{3}", profile={"options": [], "rules": rules})
    line = path.read_text().splitlines().index("    keep: true") + 1
    with pytest.raises(InputError) as raised:
        trial_plan(load_definition(path))
    assert str(raised.value).startswith(f"lungart.yaml line {line}, profile.rules[1].keep: would pass what")


ATTRIBUTES = ("StationName", "(0008,101x)", "BeamSequence > StationName", "BeamSequence > * > StationName")
NAMES = st.one_of(
    st.fixed_dictionaries({"attribute": st.sampled_from(ATTRIBUTES)}, optional={"vr": st.just("SH")}),
    st.fixed_dictionaries({"vr": st.sampled_from(["SH", "LO"])}),
)
KINDS = st.fixed_dictionaries({}, optional={"modality": st.sampled_from(["CT", "MR", ["CT", "MR"]])})
RULES = st.lists(st.builds(lambda name, kind: name | kind, NAMES, KINDS), min_size=1, max_size=6)
DONE = ({"remove": True}, {"empty": True}, {"dummy": "A"}, {"dummy": "B"}, {"dummy": "C"}, {"hash": True})


def matches(rule: AttributeRule, modality: str, way: tuple[int, ...]) -> bool:
    """Whether a rule means StationName in the items that ``way`` leads to, told without the product's trees."""
    if rule.modality and modality not in rule.modality:
        return False
    if rule.vr == "LO":
        return False
    if rule.attribute == "BeamSequence > StationName":
        return way[-1:] == (BEAMS,)
    if rule.attribute == "BeamSequence > * > StationName":
        return BEAMS in way
    return True


@settings(deadline=None, max_examples=40)
@given(
    rules=RULES,
    modality=st.sampled_from(["CT", "MR", "PT"]),
    way=st.lists(st.sampled_from([BEAMS, 0x300A0070, 0x00081140]), max_size=4).map(tuple),
)
def test_whatever_the_rules_the_first_that_matches_decides(
    rules: list[dict[str, Any]], modality: str, way: tuple[int, ...]
) -> None:
    asked = tuple(AttributeRule.model_validate(rule | DONE[number]) for number, rule in enumerate(rules))
    bare = trial_plan(trial())
    level = OwnRules(asked, staging_plan().rule_set, bare.dates).over(bare.rule_set, CT, modality)
    profile = bare.rule_set
    for tag in way:
        level, profile = inside(level, tag), inside(profile, tag)
    found = level.tags[STATION_NAME]
    first = next((rule for rule in asked if matches(rule, modality, way)), None)
    if first is None:
        assert found == profile.tags[STATION_NAME]
    else:
        assert (str(found.action), found.text) == (
            {"remove": "remove", "empty": "empty", "dummy": "dummy", "hash": "replace by keyed hash"}[first.does],
            first.dummy,
        )
