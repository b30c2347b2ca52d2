"""What rules of a trial's own do within the content of reports and the graphics of presentation states."""

from __future__ import annotations

from typing import Any

import pytest
from pydicom.dataset import Dataset

from pacs2trial.dicomfile.encoding import split_file
from pacs2trial.errors import InputError
from pacs2trial.profile import trial_plan
from support.definitions import trial
from support.reports import item, report
from support.stages import file_of, reread, stage1, stage2

CLEAN = ("clean_structured_content", "clean_descriptors")
BECAUSE = {"because": "The protocol needs it."}
FINDING, COMMENT = ("121071", "DCM", "Finding"), ("121106", "DCM", "Comment")


def made(ds: Dataset, *rules: dict[str, Any], options: tuple[str, ...] = CLEAN) -> Dataset:
    """An original through both stages, by these rules."""
    definition = trial(profile={"options": list(options), "rules": list(rules)})
    return reread(stage2(split_file(file_of(stage1(ds))), definition=definition))


def refusal(rule: dict[str, Any], options: tuple[str, ...] = CLEAN) -> str:
    with pytest.raises(InputError) as refused:
        trial_plan(trial(profile={"options": list(options), "rules": [rule]}))
    return str(refused.value)


def a_report() -> Dataset:
    nested = item("CONTAINER", ("121070", "DCM", "Findings"), None, item("TEXT", FINDING, "Thorax Quux"))
    return report(item("TEXT", COMMENT, "Lung Quux"), item("TEXT", FINDING, "Head Quux"), nested)


def texts(ds: Dataset) -> list[str]:
    found = []
    for one in ds.get("ContentSequence", []):
        found += [one.TextValue] if "TextValue" in one else []
        found += texts(one)
    return found


def test_a_rule_on_a_path_reaches_into_content_items_of_every_depth() -> None:
    assert texts(made(a_report())) == ["Lung", "Head", "Thorax"]
    dummy = {"attribute": "ContentSequence > TextValue", "dummy": "NOTE"}
    assert texts(made(a_report(), dummy)) == ["NOTE", "NOTE", "NOTE"]
    replaced = {"attribute": "ContentSequence > TextValue", "replace": {"Head Quux": "Skull"}}
    assert texts(made(a_report(), replaced)) == ["Lung", "Skull", "Thorax"]


def test_a_rule_by_keyword_or_by_vr_holds_in_content_items_as_everywhere() -> None:
    for rule in ({"attribute": "TextValue", "dummy": "NOTE"}, {"vr": "UT", "dummy": "NOTE"}):
        assert texts(made(a_report(), rule)) == ["NOTE", "NOTE", "NOTE"]


def test_a_rule_below_a_content_item_reaches_its_codes() -> None:
    rule = {"attribute": "ContentSequence > ConceptNameCodeSequence > CodeMeaning", "dummy": "CONCEPT"}
    found = made(a_report(), rule)
    assert {one.ConceptNameCodeSequence[0].CodeMeaning for one in found.ContentSequence} == {"CONCEPT"}
    assert found.ConceptNameCodeSequence[0].CodeMeaning != "CONCEPT"


def test_a_text_that_is_kept_is_searched_and_needs_a_reason() -> None:
    keep = {"attribute": "ContentSequence > TextValue", "keep": True}
    assert texts(made(a_report(), keep | BECAUSE)) == ["Lung Quux", "Head Quux", "Thorax Quux"]
    own = report(item("TEXT", FINDING, "Head of Zoltan"))
    assert "Zoltan" not in str(made(own, keep | BECAUSE))
    assert "TextValue (0040,A160)" in refusal(keep)


def test_a_day_in_content_goes_by_the_rule() -> None:
    when = report(item("DATE", ("3", "99X", "When"), "20190312"))
    rule = {"attribute": "ContentSequence > Date", "shift": True} | BECAUSE
    assert made(when).ContentSequence[0].Date == "19000101"
    found = made(when, rule)
    assert found.ContentSequence[0].Date not in ("19000101", "20190312")
    assert found.LongitudinalTemporalInformationModified == "MODIFIED"


def test_an_item_that_the_table_drops_stays_dropped() -> None:
    keep = {"attribute": "ContentSequence > TextValue", "keep": True} | BECAUSE
    assert texts(made(a_report(), keep, options=("clean_structured_content",))) == ["Head Quux", "Thorax Quux"]


def test_a_rule_does_not_bring_back_what_stands_for_another_value() -> None:
    """The code of an item whose value is a dummy is written by the plan."""
    sex = item("CODE", ("121032", "DCM", "Subject Sex"), ("248152002", "SCT", "Female"))
    rule = {"attribute": "CodeMeaning", "keep": True} | BECAUSE
    assert "Female" not in str(made(report(sex), rule))


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"attribute": "ContentSequence > TextValue", "set": "x"}, "into every content item"),
        ({"attribute": "ContentSequence > PersonName", "keep": True} | BECAUSE, "staging does not hold it"),
    ],
)
def test_what_cannot_be_done_in_content_is_refused_with_the_rule(rule: dict[str, Any], said: str) -> None:
    assert said in refusal(rule)
    assert "profile.rules[0]" in refusal(rule)


@pytest.mark.parametrize(
    "rule",
    [
        {"attribute": "ContentSequence > TextValue", "keep": True} | BECAUSE,
        {"attribute": "GraphicAnnotationSequence > * > UnformattedTextValue", "dummy": "NOTE"},
        {"attribute": "RequestAttributesSequence > ScheduledProcedureStepDescription", "set": "x"},
    ],
)
def test_a_way_through_a_sequence_that_does_not_stay_is_refused(rule: dict[str, Any]) -> None:
    sequence = str(rule["attribute"]).partition(" ")[0]
    said = refusal(rule, options=())
    assert f"does not keep {sequence}" in said
    assert "profile.rules[0].attribute" in said


def test_graphics_that_stay_are_reached() -> None:
    rule = {"attribute": "GraphicAnnotationSequence > * > UnformattedTextValue", "dummy": "NOTE"}
    text = Dataset()
    text.UnformattedTextValue = "Lung Quux"
    annotation = Dataset()
    annotation.TextObjectSequence = [text]
    ds = a_report()
    ds.GraphicAnnotationSequence = [annotation]
    found = made(ds, rule, options=("clean_graphics",))
    assert found.GraphicAnnotationSequence[0].TextObjectSequence[0].UnformattedTextValue == "NOTE"
