"""Every row of Table E.1-1 has an outcome, and nothing outside it is kept by oversight."""

from __future__ import annotations

import pytest

from pacs2trial.dicomfile.dictionary import dictionary
from pacs2trial.profile import Action, Plan, staging_plan, trial_plan
from pacs2trial.profile.table import TableRow, beyond, edition, rt_text, table, uid_treatment, wildcards
from support.definitions import trial

TEXT_OF_ANNOTATIONS = 0x00700006
"""Part of what the options for graphics and for content keep, though the table names it under Clean Descriptors."""


def outcome(plan: Plan, tag: int) -> Action:
    """What becomes of a tag; unknown, private and repeating ones have no rule and are removed."""
    rule = plan.rules.get(tag)
    return rule.action if rule else Action.REMOVE


def test_the_whole_table_is_here() -> None:
    assert edition() == "2026d"
    assert len(table()) + len(wildcards()) == 657
    assert {row.basic for row in wildcards().values()} == {"X"}
    assert len(rt_text()) == 77
    assert sum(treatment == "keep" for treatment in uid_treatment().values()) == 28


@pytest.mark.parametrize(
    ("tag", "row"), table().items(), ids=lambda value: f"{value:08X}" if isinstance(value, int) else ""
)
def test_staging_keeps_only_what_an_option_may_keep(tag: int, row: TableRow) -> None:
    action = outcome(staging_plan(), tag)
    may_keep = {
        "retain_full_dates",
        "retain_patient_characteristics",
        "retain_device_identity",
        "retain_institution_identity",
        "clean_descriptors",
        "clean_graphics",
        "clean_structured_content",
    }
    if action in (Action.KEEP, Action.CLEAN, Action.ROI_NAME, Action.SHIFT):
        reference = row.strongest == "U*" or beyond().tags.get(tag) in ("references", "keep")
        assert may_keep & set(row.options) or reference
    else:
        known = {Action.REMOVE, Action.EMPTY, Action.DUMMY, Action.MAP, Action.PATIENT, Action.WRITE, Action.CODE}
        assert action in known or (tag, action) == (0x00100030, Action.YEAR)


@pytest.mark.parametrize(
    "option",
    [
        "retain_full_dates",
        "retain_modified_dates",
        "retain_patient_characteristics",
        "retain_device_identity",
        "retain_institution_identity",
        "clean_descriptors",
        "clean_graphics",
        "clean_structured_content",
    ],
)
def test_an_option_changes_exactly_its_rows(option: str) -> None:
    basic, chosen = trial_plan(trial()), trial_plan(trial(option))
    changed = {tag for tag in table() if outcome(basic, tag) != outcome(chosen, tag)}
    assert changed
    for tag in changed:
        assert option in table()[tag].options or tag == TEXT_OF_ANNOTATIONS
        assert outcome(chosen, tag) in (Action.KEEP, Action.CLEAN, Action.SHIFT, Action.ROI_NAME)
    still_gone = {tag for tag, row in table().items() if option in row.options} - changed
    for tag in still_gone:
        vr = dictionary()[tag].vr if tag in dictionary() else None
        decided = tag in beyond().tags or (tag >> 16) in beyond().groups or tag >> 16 == 0x0012
        kept_anyway = outcome(basic, tag) in (Action.MAP, Action.CODE, Action.KEEP)
        assert vr in (None, b"PN", b"UN", b"UR", b"OB") or decided or kept_anyway, f"{tag:08X}"


def test_all_uids_are_mapped_but_structural_ones() -> None:
    for plan in (staging_plan(), trial_plan(trial("retain_device_identity"))):
        for tag, rule in plan.rules.items():
            if rule.vr == b"UI":
                allowed = Action.KEEP if uid_treatment().get(tag) == "keep" else Action.MAP
                assert rule.action in (allowed, Action.REMOVE), rule.keyword


def test_names_are_never_kept() -> None:
    every = trial_plan(trial("clean_descriptors", "retain_device_identity", "retain_institution_identity"))
    for plan in (staging_plan(), every):
        for rule in plan.rules.values():
            if rule.vr == b"PN":
                assert rule.action in (Action.REMOVE, Action.EMPTY, Action.DUMMY, Action.PATIENT), rule.keyword


@pytest.mark.parametrize("tag", [0x00100030, 0x00100033])
def test_no_option_keeps_a_birth_date(tag: int) -> None:
    assert outcome(staging_plan(), tag) in (Action.YEAR, Action.REMOVE)
    for options in ((), ("retain_full_dates", "retain_patient_characteristics"), ("retain_modified_dates",)):
        assert outcome(trial_plan(trial(*options)), tag) in (Action.EMPTY, Action.REMOVE)


@pytest.mark.parametrize(
    "tag", [0x60003000, 0x601E4000, 0x60000022, 0x50003000, 0x501E2500, 0x00090010, 0x00091001, 0x00080000]
)
def test_overlays_curves_private_and_group_lengths_have_no_rule(tag: int) -> None:
    assert tag not in staging_plan().rules


@pytest.mark.parametrize("tag", [0x04000561, 0xFFFAFFFA, 0x04000500, 0x04000404, 0x4FFE0001, 0x00880200])
def test_signatures_icons_and_encrypted_attributes_are_removed(tag: int) -> None:
    assert outcome(staging_plan(), tag) is Action.REMOVE


def test_long_text_outside_the_table_is_removed() -> None:
    for tag, rule in staging_plan().rules.items():
        if rule.vr in (b"LT", b"ST", b"UT", b"UC") and tag not in table() and tag not in rt_text():
            assert rule.action is Action.REMOVE or beyond().tags.get(tag) in ("keep", "label"), rule.keyword


def test_text_of_radiotherapy_is_cleaned() -> None:
    for plan in (staging_plan(), trial_plan(trial()), trial_plan(trial("clean_descriptors"))):
        assert {plan.rules[tag].action for tag in rt_text() if tag in plan.rules} <= {Action.CLEAN, Action.KEEP}
        assert plan.rules[0x300A00C2].action is Action.CLEAN
