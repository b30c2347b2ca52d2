"""Every example of docs/rules.md is a definition that loads, compiles and runs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pacs2trial.profile import Plan, trial_plan
from pacs2trial.profile.rule_words import describe_rules
from pacs2trial.trials.load import load_definition
from pacs2trial.trials.rulefaults import Does
from support.objects import ct_slice
from support.stages import both_stages, stage2

PAGE = (Path(__file__).parents[2] / "docs" / "rules.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
HEAD = """\
trial: LUNGART
sponsor: A sponsor
protocol: P1
keys: {file: lungart.csv}
subject_key: "LA-[0-9]{3}"
source: {pacs: main, modalities: [CT]}
"""
COLUMNS = {"timepoint": "4", "centre": "UK01", "enrolled": "2018-11-30"}


def plan_of(example: str, folder: Path) -> Plan:
    path = folder / "lungart.yaml"
    path.write_text(HEAD + example, "utf-8")
    return trial_plan(load_definition(path))


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_runs(number: int, tmp_path: Path) -> None:
    plan_of(EXAMPLES[number], tmp_path)
    definition = load_definition(tmp_path / "lungart.yaml")
    answers = dict.fromkeys(definition.lookups, "B")
    made = stage2(ct_slice(), definition=definition, columns=COLUMNS, lookups=answers)
    assert made.header != both_stages(ct_slice()).header


def test_every_action_and_selector_has_an_example() -> None:
    shown = [rule for text in EXAMPLES for rule in yaml.safe_load(text)["profile"].get("rules", [])]
    words = {word for rule in shown for word in rule}
    assert words >= {*Does, "attribute", "vr", "private_creator", "sop_class", "modality", "because"}


def test_rules_stand_in_the_conformance_statement(tmp_path: Path) -> None:
    example = "\n".join(
        (
            "profile:",
            "  rules:",
            "    - {attribute: BeamSequence > (300A\\,00C2), hash: true, modality: RTPLAN}".replace("\\", ""),
            '    - {attribute: StudyDescription, replace: {"a": "b"}}',
            '    - {vr: SH, keep: true, because: "asked for"}',
            '    - {attribute: ClinicalTrialTimePointID, set: "{timepoint}"}',
        )
    ).replace("BeamSequence > (300A,00C2)", '"BeamSequence > (300A,00C2)"')
    found = [tuple(row) for row in describe_rules(plan_of(example + "\n", tmp_path).own)]
    assert found == [
        ("BeamSequence > BeamName (300A,00C2)", "RTPLAN", "keyed hash, one for the trial", ""),
        ("StudyDescription (0008,1030)", "all", "replaced: 'a' by 'b'; other values as without this rule", ""),
        ("all of VR SH", "all", "keep", "asked for"),
        ("ClinicalTrialTimePointID (0012,0050)", "all", "set '{timepoint}' on the outermost level", ""),
    ]
