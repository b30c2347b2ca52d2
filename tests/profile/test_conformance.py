"""The conformance statement says what the code does, and is made from it."""

from __future__ import annotations

from pathlib import Path

from pacs2trial.profile import describe, groups, staging_plan, trial_plan
from pacs2trial.profile.conformance import conformance
from pacs2trial.profile.plan import plan_with
from pacs2trial.profile.sentences import topics
from support.definitions import trial
from support.standard import rows

DOCUMENT = Path(__file__).parents[2] / "docs" / "conformance.md"


def said(plan_options: tuple[str, ...] = (), **profile: object) -> dict[str, str]:
    definition = trial(profile={"options": list(plan_options), **profile})
    return {topic.title: topic.text for topic in topics(trial_plan(definition))}


def test_the_document_is_what_is_generated_now() -> None:
    assert DOCUMENT.read_text("utf-8") == conformance(), "run: python tools/conformance.py > docs/conformance.md"


def test_every_row_of_the_table_is_in_the_document() -> None:
    text = conformance()
    for row in rows():
        if row.number is not None:
            assert f"| ({row.number >> 16:04X},{row.number & 0xFFFF:04X}) |" in text, row.tag


def test_every_attribute_stands_in_one_group() -> None:
    for plan in (staging_plan(), trial_plan(trial("clean_descriptors", "retain_safe_private"))):
        together = [row for group in groups(plan) for row in group.rows]
        assert sorted(together) == sorted(describe(plan))
        assert len(together) >= len(plan.rules) + len(plan.rule_set.private) + 5


def test_choices_by_type_are_told() -> None:
    actions = {row.keyword: row.action for row in describe(trial_plan(trial()))}
    assert actions["SeriesDate"] == "Type 1 dummy, Type 2 dummy, Type 3 remove"
    assert actions["StationName"] == "Type 1 dummy, Type 2 empty, Type 3 remove"
    assert {row.keyword: row.action for row in describe(trial_plan(trial("retain_full_dates")))}["SeriesDate"] == "keep"


def test_the_scope_of_consistency_is_named() -> None:
    assert "one trial, LUNGART, for ever" in said()["UIDs"]


def test_sentences_follow_the_choice() -> None:
    assert "removed" in said()["Dates and times"]
    assert "one number of whole days" in said(("retain_modified_dates",))["Dates and times"]
    assert "says UNMODIFIED" in said(("retain_full_dates",))["Dates and times"]
    assert "birth date is emptied" in said()["Patient"]
    capped = said(birth_date="year", ages={"cap": 89})["Patient"]
    assert "the year stays" in capped
    assert "above 89 years becomes 90" in capped
    assert "113105 Clean Descriptors Option" in said(("clean_descriptors",))["What the object says of it"]


def test_clean_pixel_data_is_said_of_objects_not_of_plans() -> None:
    plan = trial_plan(trial("clean_pixel_data"))
    assert "113101" not in plan.codes
    assert "only on objects whose pixels were cleaned" in said(("clean_pixel_data",))["Pixel data"]


def test_codes_name_every_option() -> None:
    plan = plan_with(trial(), frozenset(("retain_uids", "clean_graphics", "retain_safe_private")))
    assert plan.codes == ("113100", "113103", "113110", "113111")
