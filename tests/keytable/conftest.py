"""Two trials and a way to write their key tables."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.load import load_definition
from support.key_tables import Table, rows
from support.vaults import write_definition


@pytest.fixture
def trial(tmp_path: Path) -> TrialDefinition:
    return load_definition(write_definition(tmp_path, "LUNGART", subject_key="LA-[0-9]{3}"))


@pytest.fixture
def other_trial(tmp_path: Path) -> TrialDefinition:
    return load_definition(write_definition(tmp_path, "PELVIC", subject_key="PV-[0-9]{3}"))


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return partial(rows, tmp_path)
