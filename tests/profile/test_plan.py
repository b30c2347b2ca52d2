"""A plan is a value: the same choice has the same digest, another choice another."""

from __future__ import annotations

import json

from pacs2trial.profile import Action, describe, staging_plan, trial_plan
from support.definitions import trial


def test_the_digest_follows_what_decides_bytes() -> None:
    base = trial_plan(trial())
    assert trial_plan(trial()).digest == base.digest
    others = [
        trial_plan(trial("clean_descriptors")),
        trial_plan(trial(sponsor="Another")),
        trial_plan(trial(title="Another")),
        trial_plan(trial(name="LUNG2")),
        trial_plan(trial(roi_names={"allow": "none"})),
        trial_plan(trial(roi_names={"also": ["GTV_4DCT"]})),
    ]
    assert len({base.digest, staging_plan().digest, *(plan.digest for plan in others)}) == len(others) + 2


def test_what_does_not_decide_bytes_does_not_change_it() -> None:
    assert trial_plan(trial(review="never", schedule="0 2 * * *")).digest == trial_plan(trial()).digest


def test_the_canonical_form_is_json_of_the_choice() -> None:
    content = json.loads(trial_plan(trial("retain_modified_dates")).canonical)
    assert content["scope"] == "LUNGART"
    assert content["options"] == ["retain_modified_dates"]
    assert content["profile"] == "DICOM PS3.15 2026d Table E.1-1"


def test_clean_pixel_data_is_accepted_and_claims_nothing() -> None:
    plan = trial_plan(trial("clean_pixel_data"))
    assert plan.codes == ("113100",)


def test_method_codes_name_the_options() -> None:
    plan = trial_plan(trial("clean_descriptors", "retain_modified_dates", "retain_patient_characteristics"))
    assert plan.codes == ("113100", "113105", "113107", "113108")
    assert plan.dates == "MODIFIED"


def test_clinical_trial_text_fits_every_character_set() -> None:
    plan = trial_plan(trial(sponsor="Universitätsklinikum Zürich " + "x" * 80, protocol="π"))
    assert plan.texts[0x00120010].startswith("Universitatsklinikum Zurich xxx")
    assert len(plan.texts[0x00120010]) == 64
    assert plan.texts[0x00120020] == "LUNGART"


def test_every_attribute_is_described() -> None:
    plan = trial_plan(trial("clean_descriptors"))
    rows = describe(plan)
    assert [row.tag for row in rows[:2]] == sorted(row.tag for row in rows[:2])
    by_keyword = {row.keyword: row.action for row in rows}
    assert len(rows) == len(plan.rules) + 5
    assert by_keyword["PatientBirthDate"] == Action.EMPTY
    assert by_keyword["ClinicalTrialSponsorName"] == "write anew: Sponsor Ltd"
    assert by_keyword["StudyDescription"] == "clean by allow-list, else remove"
    assert by_keyword["PixelData"] == "keep byte for byte"
    assert by_keyword["Private attributes"] == Action.REMOVE
