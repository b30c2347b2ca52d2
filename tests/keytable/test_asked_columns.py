"""A column that the definition asks for is missed before anything is imported."""

from __future__ import annotations

from typing import Any

import pytest

from pacs2trial.keytable import check_key_table
from support.definitions import trial
from support.key_tables import Table

RULES = {"rules": [{"attribute": "ClinicalTrialTimePointID", "set": "{timepoint} of {subject_key}"}]}
LOOKUP = {"arm": {"file": "arms.csv", "match": {"group": "cohort", "day": "StudyDate"}, "value": "arm"}}


@pytest.mark.parametrize(
    ("asking", "field", "column"),
    [
        ({"profile": RULES}, "profile.rules[0].set", "timepoint"),
        (
            {"profile": {"offset": {"column": "enrolled", "event": "ENROLLMENT", "because": "it counts days"}}},
            "profile.offset.column",
            "enrolled",
        ),
        ({"lookups": LOOKUP}, "lookups.arm.match", "cohort"),
        (
            {"source": {"pacs": "main", "modalities": ["CT"], "select": {"days": {"column": "started"}}}},
            "source.select.days.column",
            "started",
        ),
    ],
)
def test_a_column_that_the_definition_asks_for_is_missed(
    table: Table, asking: dict[str, Any], field: str, column: str
) -> None:
    (problem,) = check_key_table(table("1001,LA-001,x", columns=["remark"]), trial(**asking))
    assert problem.startswith(f"lungart.csv: {field}: unknown column '{column}'")
    assert check_key_table(table("1001,LA-001,20240101", columns=[column]), trial(**asking)) == []


def test_the_nearest_spelling_is_named(table: Table) -> None:
    (problem,) = check_key_table(table("1001,LA-001,T1", columns=["time_point"]), trial(profile=RULES))
    assert "did you mean time_point?" in problem


def test_an_empty_cell_is_the_matter_of_its_subject(table: Table) -> None:
    rows = table("1001,LA-001,", "1002,LA-002,T1", columns=["timepoint"])
    assert check_key_table(rows, trial(profile=RULES)) == []
