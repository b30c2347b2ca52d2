"""IDs, birth dates, telephone numbers and addresses are found in every notation."""

from __future__ import annotations

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from support.objects import ct_slice
from support.stages import file_of, reread, stage1


def patient(**attributes: object) -> Dataset:
    ds = ct_slice()
    ds.PatientName = "Doe^Jane"
    for keyword, value in attributes.items():
        setattr(ds, keyword, value)
    return ds


def kept(text: str, **attributes: object) -> str:
    return str(reread(stage1(patient(SeriesDescription=text, **attributes))).get("SeriesDescription", ""))


@pytest.mark.parametrize(
    "text",
    [
        *("born 1961-04-07", "07.04.1961", "04/07/1961", "7.4.1961", "DOB 19610407", "07APR1961", "7 Apr 1961"),
        *("April 7, 1961", "7th April 1961", "7. April 1961", "1961/4/7", "07-04-61", "7.4.61", "610407", "07041961"),
        *("7 avril 1961", "7 de abril de 1961", "7 APRIL 61", "1961 Apr 07", "04071961", "Apr-07-1961", "1961_04_07"),
    ],
)
def test_the_birth_date_is_found(text: str) -> None:
    assert "1961" not in kept(f"lung {text}").replace(" ", "")
    assert "61" not in kept(f"lung {text}")


@pytest.mark.parametrize("text", ["lung 1961", "7 Apr 1962", "19610408", "10407", "1961-04-071", "61 04", "961040"])
def test_other_dates_and_numbers_are_not_the_birth_date(text: str) -> None:
    assert kept(text) == text


@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientID", "XK-77123"),
        ("OtherPatientIDs", "A1\\XK-77123"),
        ("AccessionNumber", "XK-77123"),
        ("AdmissionID", "XK-77123"),
        ("ServiceEpisodeID", "XK-77123"),
        ("PlacerOrderNumberImagingServiceRequest", "XK-77123"),
        ("FillerOrderNumberImagingServiceRequest", "XK-77123"),
        ("InsurancePlanIdentification", "XK-77123"),
        ("MedicalRecordLocator", "XK-77123"),
        ("RequestedProcedureID", "XK-77123"),
        ("ScheduledProcedureStepID", "XK-77123"),
        ("PerformedProcedureStepID", "XK-77123"),
        ("StudyID", "XK-77123"),
        ("ClinicalTrialSubjectID", "XK-77123"),
        ("PatientName", "XK-77123"),
    ],
)
def test_every_id_of_the_object_is_found(keyword: str, value: str) -> None:
    for text in ("lung XK-77123", "lung xk77123", "lung_XK_77123_2", "XK 77123 lung"):
        found = kept(text, **{keyword: value})
        assert "77123" not in found
        assert "lung" in found


def test_a_national_number_in_a_sequence_is_found() -> None:
    other = Dataset()
    other.PatientID, other.TypeOfPatientID = "943 476 5919", "TEXT"
    ds = patient(SeriesDescription="lung 9434765919", OtherPatientIDsSequence=Sequence([other]))
    assert reread(stage1(ds)).SeriesDescription == "lung"


@pytest.mark.parametrize("text", ["patient 00123456", "123456 lung", "lung123456a", "12-34-56"])
def test_a_numeric_id_is_found_with_and_without_leading_zeros(text: str) -> None:
    for patient_id in ("00123456", "123456"):
        assert not any(c in kept(text, PatientID=patient_id) for c in "123456")


@pytest.mark.parametrize("text", ["9123456 A", "1234567", "0.123456", "123456.5"])
def test_a_longer_number_is_another_number(text: str) -> None:
    assert kept(text, PatientID="123456") == text


@pytest.mark.parametrize("patient_id", ["7", "42", "A7"])
def test_a_very_short_id_is_found_as_a_whole_value_only(patient_id: str) -> None:
    assert kept(patient_id, PatientID=patient_id) == ""
    assert kept(f"lung {patient_id} mm", PatientID=patient_id) == f"lung {patient_id} mm"


def test_an_id_of_letters_that_is_a_term_is_none() -> None:
    assert kept("BREAST phantom", PatientID="BREAST") == "BREAST phantom"


def test_an_id_in_a_class_uid_is_found() -> None:
    ds = patient(PatientID="7712345")
    ds.RelatedGeneralSOPClassUID = "1.2.826.0.1.7712345.1"
    assert b"7712345" not in file_of(stage1(ds))


@pytest.mark.parametrize(
    ("number", "text"),
    [
        ("0113 496 0018", "call 0113 4960018"),
        ("0113 496 0018", "call +44 (0)113 496 0018"),
        ("+44 113 4960018", "01134960018"),
        ("(555) 123-4567", "555.123.4567"),
    ],
)
def test_a_telephone_number_is_found(number: str, text: str) -> None:
    for keyword in ("PatientTelephoneNumbers", "PatientTelecomInformation", "ReferringPhysicianTelephoneNumbers"):
        found = kept(f"lung {text}", **{keyword: number})
        assert found == "lung"


def test_a_mail_address_is_found_and_its_name_too() -> None:
    telecom = {"PatientTelecomInformation": "jdoe77@example.org"}
    assert kept("lung jdoe77@example.org", **telecom) == "lung"
    assert kept("lung jdoe77", **telecom) == "lung"


@pytest.mark.parametrize(
    ("address", "text", "left"),
    [
        ("12 Acacia Avenue, Leeds LS9 7TF", "lung 12 Acacia Avenue", "lung"),
        ("12 Acacia Avenue, Leeds LS9 7TF", "lung Acacia ave, LS9 7TF", "lung"),
        ("12 Acacia Avenue, Leeds LS9 7TF", "LS97TF lung", "lung"),
        ("Bergheimer Straße 58, 69115 Heidelberg", "69115 Heidelberg lung", "lung"),
        ("Rosenstrasse 12", "Rosenstraße lung", "lung"),
        ("3 Lung Road, Leeds", "3 Lung Road CT", "3 CT"),
    ],
)
def test_an_address_is_found(address: str, text: str, left: str) -> None:
    assert not set(kept(text, PatientAddress=address).lower().split()) - set(left.lower().split()) - {"ave"}


@pytest.mark.parametrize("text", ["Leeds", "CT Lung", "road", "12 Lung", "Church plan"])
def test_one_common_word_of_an_address_says_nothing(text: str) -> None:
    assert kept(text, PatientAddress="12 Church Road, Leeds") == text


def test_numbers_in_number_strings_are_found() -> None:
    ds = patient(PatientID="00123456", AcquisitionNumber=123456, SeriesNumber="19610407")
    found = reread(stage1(ds))
    assert found.AcquisitionNumber in (None, "")
    assert found.SeriesNumber in (None, "")
