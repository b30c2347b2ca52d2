"""What each stage writes of its own: patient, Clinical Trial module, method."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from pacs2trial.deidentify import deidentify
from pacs2trial.profile import staging_plan, trial_plan
from support.definitions import trial
from support.objects import TableOfPseudonyms, ct_slice
from support.stages import PATIENT_CODE, SUBJECT_KEY, as_encoded, both_stages, file_of, reread, stage1, stage2


def codes_of(ds: Dataset) -> list[str]:
    return [item.CodeValue for item in ds.get("DeidentificationMethodCodeSequence", [])]


def test_staging_writes_the_patient_code() -> None:
    found = reread(stage1(ct_slice()))
    assert (found.PatientID, str(found.PatientName)) == (PATIENT_CODE, PATIENT_CODE)
    assert found.PatientBirthDate == "19610101"
    assert found.PatientIdentityRemoved == "YES"


def test_a_trial_writes_the_subject_key_and_its_module() -> None:
    found = reread(both_stages(ct_slice()))
    assert (found.PatientID, str(found.PatientName), found.IssuerOfPatientID) == (SUBJECT_KEY, SUBJECT_KEY, "LUNGART")
    assert found.ClinicalTrialSponsorName == "Sponsor Ltd"
    assert found.ClinicalTrialProtocolID == "LA-2019"
    assert found.ClinicalTrialProtocolName == "Lung ART"
    assert (found.ClinicalTrialSiteID, found.ClinicalTrialSiteName) == ("UK01", "Leeds")
    assert found.ClinicalTrialSubjectID == SUBJECT_KEY
    assert PATIENT_CODE not in str(found)


def test_the_module_of_another_trial_goes() -> None:
    ds = ct_slice()
    ds.ClinicalTrialSponsorName = "Other sponsor"
    ds.ClinicalTrialSubjectReadingID = "R1"
    ds.ClinicalTrialTimePointID = "T0"
    ds.ClinicalTrialCoordinatingCenterName = "Elsewhere"
    ds.LongitudinalTemporalOffsetFromEvent = 3.0
    ds.LongitudinalTemporalEventType = "ENROLLMENT"
    ds.ConsentForClinicalTrialUseSequence = Sequence([Dataset()])
    staged = reread(stage1(ds))
    assert [e.keyword for e in staged if e.tag.group == 0x0012] == ["PatientIdentityRemoved", "DeidentificationMethod"]
    collected = reread(both_stages(ds))
    assert "Elsewhere" not in str(collected)
    assert "ClinicalTrialTimePointID" not in collected


def test_attributes_that_are_missing_are_written_all_the_same() -> None:
    ds = ct_slice()
    for keyword in ("PatientName", "PatientID", "StudyID", "PatientSex"):
        delattr(ds, keyword)
    found = reread(both_stages(ds))
    assert found.PatientID == SUBJECT_KEY
    assert [int(e.tag) for e in found] == sorted(int(e.tag) for e in found)


def test_a_patient_within_a_sequence_is_emptied() -> None:
    ds = ct_slice()
    item = Dataset()
    item.PatientName, item.PatientID = "ZZPHI^Other", "ZZPHI-OTHER"
    item.PatientIdentityRemoved = "NO"
    ds.ReferencedSeriesSequence = Sequence([item])
    found = reread(stage1(ds)).ReferencedSeriesSequence[0]
    assert (str(found.PatientName), found.PatientID) == ("", "")
    assert "PatientIdentityRemoved" not in found


def test_codes_name_what_was_done() -> None:
    assert codes_of(reread(stage1(ct_slice()))) == []
    options = ("clean_descriptors", "retain_modified_dates", "clean_pixel_data")
    assert codes_of(reread(both_stages(ct_slice(), *options))) == ["113100", "113105", "113107"]


def test_what_others_did_before_stays_named() -> None:
    ds = ct_slice()
    ds.PatientIdentityRemoved = "YES"
    ds.DeidentificationMethod = ["Their method", "by Zoltan"]
    before = []
    for code, meaning in (("113100", "Basic Profile"), ("113101", "Clean Pixel Data Option")):
        item = Dataset()
        item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = code, "DCM", meaning
        before.append(item)
    ds.DeidentificationMethodCodeSequence = Sequence(before)
    staged = reread(stage1(ds))
    collected = reread(both_stages(ds, "retain_full_dates"))
    assert codes_of(collected) == ["113100", "113101", "113106"]
    assert "Zoltan" not in str(staged.DeidentificationMethod)


def test_words_of_others_stay_in_staging_if_they_name_nobody() -> None:
    ds = ct_slice()
    ds.DeidentificationMethod = "Their method 2"
    assert "Their method 2" in reread(stage1(ds)).DeidentificationMethod
    assert "Their" not in str(reread(both_stages(ds)).DeidentificationMethod)


def test_both_methods_are_named_after_both_stages() -> None:
    methods = reread(both_stages(ct_slice())).DeidentificationMethod
    assert len(methods) == 2
    assert all("pacs2trial" in method and len(method) <= 64 for method in methods)


def test_no_release_number_is_written() -> None:
    from importlib.metadata import version

    assert version("pacs2trial").encode() not in file_of(both_stages(ct_slice()))


def test_stage_two_needs_the_subject_and_stage_one_must_not_have_it() -> None:
    obj = as_encoded(ct_slice())
    with pytest.raises(ValueError, match="stage 2"):
        deidentify(obj, trial_plan(trial()), TableOfPseudonyms(), patient="LA-001")
    made = stage2(ct_slice())
    assert made.counts["keep"] > 0
    assert staging_plan().scope == "STAGING"
