"""The conformance statement names private attributes that may stay and content items."""

from __future__ import annotations

from pacs2trial.profile import PrivateAttribute, describe, trial_plan
from pacs2trial.profile.private import safe_private
from pacs2trial.profile.structured import concepts
from support.definitions import trial

SITE = (PrivateAttribute(0x0029, "ACME 1.0", 0x0C, "LO", "1", "kernel"),)


def test_private_attributes_that_may_stay_are_named_with_what_they_must_be() -> None:
    rows = describe(trial_plan(trial("retain_safe_private"), SITE))
    named = [row for row in rows if row.tag[6:8] == "xx" and "xx" not in (row.tag[8:10], row.tag[3:5])]
    assert len(named) == len(safe_private()) + len(SITE)
    assert ("(0029,xx0C)", "ACME 1.0: kernel", "keep if LO of multiplicity 1, else remove") in rows
    assert not [row for row in describe(trial_plan(trial(), SITE)) if "ACME" in row.keyword]


def test_every_concept_of_the_table_is_named_where_content_stays() -> None:
    rows = {(row.tag, row.keyword): row.action for row in describe(trial_plan(trial("clean_structured_content")))}
    for concept in concepts():
        assert (f"({concept.code}, {concept.scheme})", f"{concept.value_type}: {concept.meaning}") in rows
    assert rows["(121022, DCM)", "TEXT: Accession Number"].startswith("remove")
    assert rows["content item", "any other text"] == "clean"
    assert rows["content item", "any other date or time"] == "dummy"
    moved = {
        row[:2]: row.action for row in describe(trial_plan(trial("clean_structured_content", "retain_modified_dates")))
    }
    assert moved["content item", "any other date or time"] == "shift"
    assert not [row for row in describe(trial_plan(trial())) if "DCM)" in row.tag]
