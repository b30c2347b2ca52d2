import time
from datetime import date

import pytest
from pynetdicom import evt

from pacs2trial.errors import InputError, PermanentError, TransientError
from pacs2trial.network.find import find_instances, find_series, find_studies, inquiry
from support.scripted_pacs import PATIENT_ID, SERIES, STUDY, ScriptedPacs, dataset, finds, impatient

SUCCESS, PENDING = 0x0000, 0xFF00
THE_DAY = date(2024, 3, 5), date(2024, 3, 5)


def study(**changes):
    found = {"QueryRetrieveLevel": "STUDY", "PatientID": PATIENT_ID, "StudyInstanceUID": STUDY, "StudyDate": "20240305"}
    return dataset(**(found | changes))


def recording(seen, *answers):
    def handler(event):
        seen.append(event.identifier)
        yield from answers

    return evt.EVT_C_FIND, handler


def test_a_study_is_returned_with_what_the_pacs_tells(scripted_pacs: ScriptedPacs):
    node = scripted_pacs.node(finds((PENDING, study(AccessionNumber="A1 ", IssuerOfPatientID="HOSP"))))
    (found,) = find_studies(node, PATIENT_ID)
    assert (found.study, found.study_date) == (STUDY, date(2024, 3, 5))
    assert (found.accession_number, found.issuer) == ("A1", "HOSP")


def test_optional_keys_may_be_missing(scripted_pacs: ScriptedPacs):
    answer = dataset(PatientID=PATIENT_ID, StudyInstanceUID=STUDY)
    (found,) = find_studies(scripted_pacs.node(finds((PENDING, answer))), PATIENT_ID)
    assert (found.study_date, found.accession_number, found.issuer) == (None, "", "")


@pytest.mark.parametrize("other", [PATIENT_ID.lower(), "0" + PATIENT_ID, PATIENT_ID + "1", "", None])
def test_answers_of_another_patient_are_dropped(scripted_pacs: ScriptedPacs, other):
    foreign = study(StudyInstanceUID="1.2.3", PatientID=other)
    node = scripted_pacs.node(finds((PENDING, foreign), (PENDING, study())))
    assert [found.study for found in find_studies(node, PATIENT_ID)] == [STUDY]


def test_padding_around_a_patient_id_means_nothing(scripted_pacs: ScriptedPacs):
    node = scripted_pacs.node(finds((PENDING, study(PatientID=f" {PATIENT_ID}  "))))
    assert len(find_studies(node, f"{PATIENT_ID} ")) == 1


def test_a_wildcard_in_a_patient_id_brings_no_other_patient(scripted_pacs: ScriptedPacs):
    node = scripted_pacs.node(finds((PENDING, study()), (PENDING, study(PatientID="47*", StudyInstanceUID="1.2.3"))))
    assert [found.study for found in find_studies(node, "47*")] == ["1.2.3"]


@pytest.mark.parametrize("nobody", ["", "  ", "A\\B"])
def test_no_query_goes_out_for_an_empty_or_double_patient_id(scripted_pacs: ScriptedPacs, nobody):
    seen = []
    node = scripted_pacs.node(recording(seen))
    with pytest.raises(InputError):
        find_studies(node, nobody)
    assert not seen


@pytest.mark.parametrize(
    ("date_from", "date_to", "asked"),
    [
        (None, None, ""),
        (date(2024, 1, 2), None, "20240102-"),
        (None, date(2024, 1, 3), "-20240103"),
        (date(2024, 1, 2), date(2024, 1, 3), "20240102-20240103"),
    ],
)
def test_the_window_is_asked_for_by_range_matching(scripted_pacs: ScriptedPacs, date_from, date_to, asked):
    seen = []
    find_studies(scripted_pacs.node(recording(seen)), PATIENT_ID, date_from, date_to)
    assert str(seen[0].StudyDate or "") == asked


def test_a_pacs_that_ignores_the_window_does_not_widen_it(scripted_pacs: ScriptedPacs):
    answers = [(PENDING, study(StudyInstanceUID=f"1.2.{n}", StudyDate=f"2024010{n}")) for n in range(1, 6)]
    node = scripted_pacs.node(finds(*answers, (PENDING, study(StudyInstanceUID="1.2.9", StudyDate=""))))
    found = find_studies(node, PATIENT_ID, date(2024, 1, 2), date(2024, 1, 4))
    assert [one.study for one in found] == ["1.2.2", "1.2.3", "1.2.4"]


def test_a_study_answered_twice_counts_once(scripted_pacs: ScriptedPacs):
    assert len(find_studies(scripted_pacs.node(finds((PENDING, study()), (PENDING, study()))), PATIENT_ID)) == 1


def test_nothing_is_believed_only_when_it_is_said_twice(scripted_pacs: ScriptedPacs):
    asked = []

    def busy_at_first(event):
        asked.append(event.assoc)
        if len(asked) > 1:
            yield PENDING, study()

    node = scripted_pacs.node((evt.EVT_C_FIND, busy_at_first))
    with inquiry(node) as over:
        assert [found.study for found in find_studies(node, PATIENT_ID, over=over)] == [STUDY]
    assert len(set(asked)) == 2


def test_an_abort_after_some_answers_is_no_short_list(scripted_pacs: ScriptedPacs):
    def handler(event):
        yield PENDING, study()
        event.assoc.abort()

    with pytest.raises(TransientError, match="broke off during C-FIND"):
        find_studies(scripted_pacs.node((evt.EVT_C_FIND, handler)), PATIENT_ID)


def test_silence_after_some_answers_is_no_short_list(scripted_pacs: ScriptedPacs):
    def handler(event):
        yield PENDING, study()
        time.sleep(2)

    with pytest.raises(TransientError, match="silent for 1 s"):
        find_studies(impatient(scripted_pacs.node((evt.EVT_C_FIND, handler))), PATIENT_ID)


@pytest.mark.parametrize(
    ("status", "kind", "words"),
    [
        (0xA700, TransientError, "out of resources"),
        (0xC001, TransientError, "unable to process"),
        (0xFE00, TransientError, "cancelled"),
        (0xA900, PermanentError, "does not match the SOP Class"),
        (0x0124, PermanentError, "not authorized"),
    ],
)
def test_a_failure_after_some_answers_is_no_short_list(scripted_pacs: ScriptedPacs, status, kind, words):
    with pytest.raises(kind, match=words):
        find_studies(scripted_pacs.node(finds((PENDING, study()), (status, None))), PATIENT_ID, *THE_DAY)


def test_an_answer_without_its_unique_key_is_an_error(scripted_pacs: ScriptedPacs):
    with pytest.raises(PermanentError, match="without StudyInstanceUID"):
        find_studies(scripted_pacs.node(finds((PENDING, study(StudyInstanceUID="")))), PATIENT_ID)


def test_series_carry_their_modality(scripted_pacs: ScriptedPacs):
    answer = dataset(StudyInstanceUID=STUDY, SeriesInstanceUID=SERIES, Modality="CT")
    (found,) = find_series(scripted_pacs.node(finds((PENDING, answer))), STUDY)
    assert (found.series, found.modality) == (SERIES, "CT")


def test_series_of_another_study_are_dropped(scripted_pacs: ScriptedPacs):
    answer = dataset(StudyInstanceUID="1.2.3", SeriesInstanceUID=SERIES, Modality="CT")
    assert find_series(scripted_pacs.node(finds((PENDING, answer))), STUDY) == []


def test_instances_come_without_the_keys_above_and_without_sop_class(scripted_pacs: ScriptedPacs):
    node = scripted_pacs.node(finds(*((PENDING, dataset(SOPInstanceUID=f"1.2.{n}")) for n in (3, 1, 2))))
    found = find_instances(node, STUDY, SERIES)
    assert [one.sop_instance for one in found] == ["1.2.1", "1.2.2", "1.2.3"]
    assert {(one.study, one.series, one.sop_class) for one in found} == {(STUDY, SERIES, "")}


def test_a_lower_level_asks_only_by_unique_keys(scripted_pacs: ScriptedPacs):
    seen = []
    find_instances(scripted_pacs.node(recording(seen)), STUDY, SERIES)
    assert {element.keyword for element in seen[0]} == {
        "QueryRetrieveLevel",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "SOPInstanceUID",
        "SOPClassUID",
        "InstanceNumber",
    }


def test_many_questions_go_over_one_association(scripted_pacs: ScriptedPacs):
    opened = []
    node = scripted_pacs.node(finds((PENDING, study())), (evt.EVT_CONN_OPEN, opened.append))
    with inquiry(node) as over:
        for _ in range(3):
            assert len(find_studies(node, PATIENT_ID, over=over)) == 1
    assert len(opened) == 1


def test_a_name_of_another_alphabet_can_be_asked_for(scripted_pacs: ScriptedPacs):
    seen = []
    find_studies(scripted_pacs.node(recording(seen)), "ΑΒΓ-1")
    assert (seen[0].SpecificCharacterSet, seen[0].PatientID) == ("ISO_IR 192", "ΑΒΓ-1")


def test_found_things_do_not_show_their_values(scripted_pacs: ScriptedPacs):
    (found,) = find_studies(scripted_pacs.node(finds((PENDING, study(AccessionNumber="A1")))), PATIENT_ID)
    assert repr(found) == "StudyFound()"
