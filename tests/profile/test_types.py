"""The types of attributes decide where Table E.1-1 leaves a choice."""

from __future__ import annotations

import importlib.util
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType

import pytest

from pacs2trial.profile import Action, trial_plan
from pacs2trial.profile.rules import Rule, RuleSet
from pacs2trial.profile.table import TableRow, choices
from pacs2trial.profile.types import Types, classes, types_in_items, types_of_class
from pacs2trial.trials.definition import Option
from support.definitions import trial

PRESENTATION_STATE = "1.2.840.10008.5.1.4.1.1.11.1"
CT, RT_PLAN, RT_RECORD = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.481.5", "1.2.840.10008.5.1.4.1.1.481.4"
SERIES_DATE, SERIAL_NUMBER, OPERATORS, RT_PLAN_DATE = 0x00080021, 0x00181000, 0x00081070, 0x300A0006
CONTENT_DATE, TREATMENT_DATE = 0x00080023, 0x30080250
BEAM_SEQUENCE, DEVICE_SEQUENCE = 0x300A00B0, 0x00500010


@pytest.mark.parametrize(
    ("basic", "actions"),
    [
        ("X/Z/D", "DZXD"),
        ("X/D", "DDXD"),
        ("X/Z", "ZZXZ"),
        ("Z/D", "DZZD"),
        ("X", "XXXX"),
        ("D", "DDDD"),
        ("X/Z/U*", ("U*",) * 4),
    ],
)
def test_the_leftmost_action_that_leaves_a_valid_object(basic: str, actions: str | tuple[str, ...]) -> None:
    row = TableRow("", basic, {})
    assert [row.action(one) for one in (1, 2, 3, None)] == list(actions)


def test_what_an_object_need_not_have_is_removed_and_what_it_must_have_is_not() -> None:
    plan = trial_plan(trial())
    ct, rt_plan = plan.rules_for(CT, "CT").tags, plan.rules_for("1.2.840.10008.5.1.4.1.1.481.5", "RTPLAN").tags
    assert ct[SERIES_DATE].action is Action.REMOVE
    assert ct[CONTENT_DATE].action is Action.EMPTY
    assert rt_plan[OPERATORS].action is Action.EMPTY
    assert rt_plan[RT_PLAN_DATE].action is Action.DUMMY
    assert plan.rules_for(RT_RECORD, "RTRECORD").tags[TREATMENT_DATE].action is Action.DUMMY


def test_an_object_of_unknown_class_gets_the_rightmost_action() -> None:
    plan = trial_plan(trial())
    unknown = plan.rules_for("1.2.3.4", "OT").tags
    assert unknown == plan.rules
    assert unknown[SERIES_DATE].action is Action.DUMMY


def test_the_fallback_of_a_value_that_may_not_stay_follows_the_type_too() -> None:
    plan = trial_plan(trial("retain_device_identity"))
    assert plan.rules[SERIAL_NUMBER].fallback is Action.DUMMY
    assert plan.rules_for(CT, "CT").tags[SERIAL_NUMBER].fallback is Action.REMOVE


def test_items_of_sequences_have_types_of_their_own() -> None:
    plan = trial_plan(trial())
    inside = plan.rules_for(RT_PLAN, "RTPLAN").inside
    beams, devices = inside[BEAM_SEQUENCE], inside[DEVICE_SEQUENCE]
    assert isinstance(beams, RuleSet)
    assert isinstance(devices, RuleSet)
    assert beams.tags[0x300A00B2].action is Action.EMPTY
    assert devices.tags[SERIAL_NUMBER].action is Action.REMOVE
    assert not beams.written
    elsewhere = inside[0x00081140]
    assert isinstance(elsewhere, RuleSet)
    assert elsewhere.tags[SERIAL_NUMBER].action is Action.DUMMY
    assert elsewhere.inside[BEAM_SEQUENCE] is beams


def test_every_choice_of_the_table_is_known_for_every_class() -> None:
    assert len(choices()) == 48
    assert types_of_class("1.2.3.4") is None


def without_what_the_iod_asks_for(rules: Mapping[int, Rule], types: Types) -> Iterator[tuple[int, Action]]:
    """Attributes of Type 1 that are removed or emptied, and attributes of Type 2 that are removed."""
    for tag, wanted in types.items():
        action, fallback = rules[tag].action, rules[tag].fallback
        lacks = (Action.REMOVE, Action.EMPTY) if wanted == 1 else (Action.REMOVE,)
        is_reference = rules[tag].vr == b"SQ" and action is Action.KEEP
        if action in lacks or (fallback in lacks and action is not Action.YEAR and not is_reference):
            yield tag, action


@pytest.mark.parametrize("options", [(), tuple(option for option in Option if option != Option.RETAIN_FULL_DATES)])
def test_no_plan_takes_away_what_the_iod_of_a_class_asks_for(options: tuple[str, ...]) -> None:
    plan = trial_plan(trial(*options))
    missing = {
        (sop_class, f"{tag:08X}", action)
        for sop_class in classes()
        for tag, action in without_what_the_iod_asks_for(
            plan.rules_for(sop_class, "").tags, types_of_class(sop_class) or {}
        )
    }
    for sequence, types in types_in_items().items():
        items = plan.rule_set.inside.get(sequence)
        if isinstance(items, RuleSet):
            missing |= {
                (f"{sequence:08X}", f"{tag:08X}", why) for tag, why in without_what_the_iod_asks_for(items.tags, types)
            }
    assert missing == set()
    assert len(classes()) > 160


def test_a_module_that_goes_as_a_whole_leaves_nothing_behind() -> None:
    plan = trial_plan(trial())
    presentation = plan.rules_for(PRESENTATION_STATE, "PR").tags
    assert presentation[0x00700001].action is Action.REMOVE
    assert presentation[0x00120060].action is Action.REMOVE


def tool() -> ModuleType:
    path = Path(__file__).parents[2] / "tools" / "attribute_types.py"
    specification = importlib.util.spec_from_file_location("attribute_types", path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules["attribute_types"] = module
    specification.loader.exec_module(module)
    return module


def test_the_tool_takes_the_strictest_type_and_leaves_out_what_it_does_not_know(tmp_path: Path) -> None:
    def attribute(keyword: str, kind: str, *path: str) -> dict[str, object]:
        return {"keyword": keyword, "type": kind, "path": list(path)}

    tables = {
        "sop_class_iod_map": {"1.2": "image", "1.3": "riddle"},
        "iod_module_map": {
            "image": [{"key": "a"}, {"key": "b"}, {"key": "c"}],
            "riddle": [{"key": "a"}, {"key": "not there"}],
        },
        "module_attribute_map": {
            "a": [attribute("ContentDate", "2C"), attribute("SeriesDate", "3"), attribute("Rows", "1")],
            "b": [attribute("ContentDate", "1C"), attribute("StationName", "2", "BeamSequence")],
            "c": [
                attribute("PresentationCreationDate", "1"),
                attribute("PresentationCreationTime", "1C"),
                attribute("ClinicalTrialTimePointID", "2"),
                attribute("ModifyingSystem", "1", "OriginalAttributesSequence"),
            ],
        },
    }
    with zipfile.ZipFile(tmp_path / "tables-1.0-none.whl", "w") as archive:
        for name, table in tables.items():
            archive.writestr(f"highdicom/_standard/{name}.json", json.dumps(table))
    made = json.loads(tool().main(tmp_path / "tables-1.0-none.whl"))
    assert made["classes"] == {"1.2": "image"}
    assert made["iods"] == {"image": {"1": ["00080023", "00700082"], "2": []}}
    assert made["items"] == {"300A00B0": {"1": [], "2": ["00081010"]}}
    assert made["source"]["taken_from"].startswith("tables-1.0 ")
