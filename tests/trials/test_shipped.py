"""The definitions that come with the product are right, the example to copy among them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from pacs2trial.profile import trial_plan
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.load import load_definition, load_trials

SHIPPED = Path(__file__).parents[2] / "include" / "trials"


def test_nothing_shipped_is_broken() -> None:
    trials, broken = load_trials(SHIPPED)
    assert set(trials) == {"DEMO-LUNG", "DEMO-PLAN", "DEMO-REVIEW"}
    assert broken == {}


@pytest.mark.parametrize("trial", ["DEMO-LUNG", "DEMO-PLAN", "DEMO-REVIEW"])
def test_the_engine_can_do_what_shipped_trials_ask(trial: str) -> None:
    assert trial_plan(load_trials(SHIPPED)[0][trial]).scope == trial


def test_example_is_a_right_definition_when_it_is_copied(tmp_path: Path) -> None:
    copy = tmp_path / "mine.yaml"
    shutil.copy(SHIPPED / "example.yaml.txt", copy)
    assert trial_plan(load_definition(copy)).digest


def test_example_mentions_every_field() -> None:
    text = (SHIPPED / "example.yaml.txt").read_text("utf-8")
    words = set(re.findall(r"\b[a-z_]+\b", text))
    assert set(TrialDefinition.model_fields) - words == set()
