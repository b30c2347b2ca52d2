"""``trial values`` and ``review``: what text leaves, what of it is new, which names wait for a person."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from pacs2trial.trials.definition import TrialDefinition
from support.hospital import LUNG, Hospital

if TYPE_CHECKING:
    from .conftest import Site


def test_values_are_listed_written_and_reviewed(staged_site: Site, enrolled: Hospital, tmp_path: Path) -> None:
    enrolled.define(LUNG)
    staged_site("filter", LUNG)
    staged_site("collect", LUNG)
    listed = staged_site.json("trial", "values", LUNG, "--new")["values"]
    assert listed
    assert all(one["new"] and one["count"] >= 1 for one in listed)
    table = tmp_path / "values.csv"
    staged_site("trial", "values", LUNG, "--csv", str(table))
    rows = list(csv.DictReader(table.open(encoding="utf-8-sig")))
    assert [(row["attribute"], row["value"]) for row in rows] == [(one["attribute"], one["value"]) for one in listed]
    assert f"{len(listed)} new" in staged_site("trial", "values", LUNG, "--reviewed").stderr
    assert staged_site.json("trial", "values", LUNG, "--new")["values"] == []


def test_rules_can_be_pasted_into_a_definition(staged_site: Site, enrolled: Hospital) -> None:
    enrolled.define(LUNG)
    staged_site("filter", LUNG)
    staged_site("collect", LUNG)
    pasted = yaml.safe_load(staged_site("trial", "values", LUNG, "--rules").stdout)["rules"]
    definition = enrolled.ws.definition(LUNG).model_dump(mode="json", exclude_none=True)
    definition["profile"]["rules"] = pasted
    assert len(TrialDefinition.model_validate(definition).profile.rules) == len(pasted) > 0


def test_review_names_what_holds_a_subject(staged_site: Site, enrolled: Hospital) -> None:
    profile = {"options": ["clean_descriptors"], "roi_names": {"allow": "none", "unknown": "hold"}}
    enrolled.define(LUNG, profile=profile)
    staged_site("filter", LUNG)
    assert staged_site("collect", LUNG).exit_code == 3
    done = staged_site("review", LUNG)
    assert done.exit_code == 3
    assert "roi_names.also" in done.stderr
    assert "ROIName" in done.stdout
