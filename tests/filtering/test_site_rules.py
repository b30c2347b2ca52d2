"""What stage 1 trusts, told from the original header; the flag alone proves nothing."""

from __future__ import annotations

from typing import Any

import pytest
from pynetdicom import AllStoragePresentationContexts

from pacs2trial.filtering.site_rules import SITE_RULES, Verdict, site_verdict

STORAGE = "1.2.840.10008.5.1.4.1.1."
CT: dict[str, Any] = {
    "sop_class": STORAGE + "2",
    "modality": "CT",
    "image_type": ["ORIGINAL", "PRIMARY", "AXIAL"],
    "series_description": "Thorax planning",
    "study_description": "Planning",
    "burned_in": "",
    "conversion_type": "",
    "photometric": "MONOCHROME2",
    "rows": 512,
    "columns": 512,
    "frames": 1,
    "transfer_syntax": "1.2.840.10008.1.2.1",
    "manufacturer": "A maker",
    "model": "A model",
    "station": "CT1",
}


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"image_type": ["DERIVED", "SECONDARY", "MPR"]},
        {"sop_class": STORAGE + "4", "modality": "MR"},
        {"sop_class": STORAGE + "481.3", "modality": "RTSTRUCT", "photometric": "", "rows": None},
        {"sop_class": STORAGE + "481.1", "modality": "RTIMAGE", "conversion_type": "DI"},
        {"sop_class": STORAGE + "481.1", "modality": "RTIMAGE", "conversion_type": "WSD"},
        {"sop_class": STORAGE + "481.2", "modality": "RTDOSE"},
        {"sop_class": STORAGE + "66.4", "modality": "SEG", "photometric": "PALETTE COLOR"},
        {"sop_class": STORAGE + "66.1", "modality": "REG", "photometric": None, "rows": None},
        {"sop_class": STORAGE + "88.67", "modality": "SR", "series_description": "Dose Report", "rows": None},
    ],
)
def test_what_a_trial_lives_on_is_accepted(changes: dict[str, Any]):
    assert site_verdict(CT | changes) == Verdict("accept")


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"sop_class": "1.3.12.2.1107.5.9.1"}, "private-sop-class"),
        ({"sop_class": ""}, "private-sop-class"),
        ({"sop_class": "1.2.840.10008.1.1"}, "unknown-sop-class"),
        ({"sop_class": "1.2.840.10008.1.3.10"}, "unknown-sop-class"),
        ({"sop_class": STORAGE + "2.4711"}, "unknown-sop-class"),
        ({"sop_class": STORAGE + "104.1", "modality": "DOC"}, "encapsulated-document"),
        ({"sop_class": STORAGE + "77.1.1.1", "modality": "ES"}, "video"),
        ({"transfer_syntax": "1.2.840.10008.1.2.4.102"}, "video"),
        ({"transfer_syntax": "1.2.840.10008.1.2.4.106.1"}, "video"),
        ({"sop_class": STORAGE + "9.4.1", "modality": "AU"}, "audio"),
        ({"modality": "AU"}, "audio"),
        ({"sop_class": STORAGE + "6.1", "modality": "US"}, "ultrasound"),
        ({"sop_class": STORAGE + "3.1", "modality": ""}, "ultrasound"),
        ({"sop_class": STORAGE + "7", "modality": "CT"}, "secondary-capture"),
        ({"modality": "OT"}, "secondary-capture"),
        ({"sop_class": STORAGE + "77.1.4", "modality": "XC"}, "visible-light"),
        ({"sop_class": STORAGE + "66", "modality": "CT"}, "raw-data"),
        ({"burned_in": "YES"}, "burned-in-annotation"),
        ({"image_type": ["DERIVED", "SECONDARY", "SCREEN SAVE"]}, "screen-save"),
        ({"series_description": "Patient Protocol"}, "screen-save"),
        ({"series_description": "Dose report"}, "screen-save"),
        ({"series_description": "Exam Summary"}, "screen-save"),
        ({"image_type": ["DERIVED", "SECONDARY", "PATIENT_INFO"]}, "screen-save"),
        ({"conversion_type": "DF", "modality": "RTIMAGE", "sop_class": STORAGE + "481.1"}, "digitised"),
        ({"conversion_type": "WSD"}, "converted"),
        ({"photometric": "RGB"}, "colour"),
        ({"photometric": "YBR_FULL_422"}, "colour"),
    ],
)
def test_what_may_show_a_name_is_not_trusted(changes: dict[str, Any], rule: str):
    verdict = site_verdict(CT | changes)
    assert verdict.rule == rule
    assert verdict.action == ("reject" if rule == "private-sop-class" else "quarantine")


def test_a_flag_that_says_no_clears_nothing():
    assert site_verdict(CT | {"sop_class": STORAGE + "6.1", "modality": "US", "burned_in": "NO"}).rule == "ultrasound"


def test_an_object_of_which_nothing_is_known_is_refused():
    assert site_verdict({}).action == "reject"


def test_case_and_padding_do_not_evade_a_rule():
    assert site_verdict(CT | {"burned_in": "yes "}).rule == "burned-in-annotation"
    assert site_verdict(CT | {"modality": " us"}).rule == "ultrasound"


def test_every_storage_class_gets_a_verdict_and_every_rule_has_one_action():
    for context in AllStoragePresentationContexts:
        assert site_verdict(CT | {"sop_class": str(context.abstract_syntax)}).action in {"accept", "quarantine"}
    actions: dict[str, set[str]] = {}
    for rule in SITE_RULES:
        actions.setdefault(rule.name, set()).add(rule.action)
    assert all(len(several) == 1 for several in actions.values())
