from __future__ import annotations

import re
import time

import pytest

from pacs2trial.keytable import check_key_table
from pacs2trial.trials.definition import TrialDefinition
from support.key_tables import Table

VISIT = ("accession_number", "study_date_from", "study_date_to")


def any_key(trial: TrialDefinition) -> TrialDefinition:
    """The trial with a pattern that lets every key through, to see the other checks."""
    return trial.model_copy(update={"subject_key": ".*"})


def test_a_right_table_has_no_problems(table: Table, trial: TrialDefinition) -> None:
    rows = table(
        "0012,LA-001,HOSP,,A1,,,-3.5",
        "0012,LA-001,HOSP,,A2,,,+4",
        "77,LA-002,,,,2024-01-01,2024-02-01,two words",
        "78,LA-002,,yes,,,,two words",
        "MÜLLER/12-3,LA-003,,no,,,,",
        columns=["issuer", "alias", *VISIT, "arm"],
    )
    assert check_key_table(rows, trial) == []


def test_a_table_without_rows_is_a_problem(table: Table, trial: TrialDefinition) -> None:
    assert check_key_table(table(), trial) == [
        "lungart.csv: there are no rows below the header; a trial without subjects has no key table"
    ]


@pytest.mark.parametrize(
    "patient_id",
    [
        *("12*", "1?2", "*", "1\\2"),
        *("=1+1", "+12", "-12", "@12"),
        *("1.23457E+11", "1,23E+05", "2e+10", "123.0", "123,00"),
        *("01-Mar", "Mar-05", "1. Mai", "12-Jan-24", "3 October 2021", "01/02/2003", "1.2.03", "2024-01-31"),
        *("2024-01-31 00:00:00", "1/2/2003 12:00"),
        *("#REF!", "#N/A", "########", "#NAME?"),
        *("12\u00a034", "12\u200b34", "12\x0734", "12\u202e34"),
        "1" * 65,
    ],
)
def test_an_id_that_cannot_be_right_is_a_problem(table: Table, trial: TrialDefinition, patient_id: str) -> None:
    problems = check_key_table(table("1,LA-001", f'"{patient_id}",LA-002'), trial)
    assert problems
    assert all(problem.startswith("lungart.csv: row 3, column patient_id: ") for problem in problems)
    assert not any(patient_id in problem for problem in problems if len(patient_id) > 2)


@pytest.mark.parametrize(
    "patient_id",
    ["1E5", "12-34-56", "1.2.840.1", "A.B", "O'BRIEN", "MARK-12", "MARCHAND 7", "DEC", "12 34", "010190-1234"],
)
def test_an_unusual_id_is_none(table: Table, trial: TrialDefinition, patient_id: str) -> None:
    assert check_key_table(table(f'"{patient_id}",LA-001'), trial) == []


def test_empty_cells_are_problems(table: Table, trial: TrialDefinition) -> None:
    assert check_key_table(table(",LA-001", "1,"), trial) == [
        "lungart.csv: row 2, column patient_id: it is empty: fill it in, or delete the row",
        "lungart.csv: row 3, column subject_key: it is empty: fill it in, or delete the row",
    ]


@pytest.mark.parametrize("key", ["LA-1", "LA-0001", "la-001", "LA-001x", "XLA-001"])
def test_a_key_of_another_form_is_a_problem(table: Table, trial: TrialDefinition, key: str) -> None:
    (problem,) = check_key_table(table(f"1,{key}"), trial)
    assert "row 2, column subject_key" in problem
    assert trial.subject_key in problem


@pytest.mark.parametrize(
    "key", ["a/b", "..", ".hidden", "a b", "CON", "nul.1", "a:b", "ä", "a.", "-rf", "a" * 65, "~", "a\\b"]
)
def test_a_key_that_cannot_name_a_file_is_a_problem(table: Table, trial: TrialDefinition, key: str) -> None:
    problems = check_key_table(table(f"1,{key}"), any_key(trial))
    assert any("row 2, column subject_key" in problem for problem in problems)


def test_a_key_that_is_a_patient_id_is_a_problem(table: Table, trial: TrialDefinition) -> None:
    (problem,) = check_key_table(table("X1,LA-001", "77,x1"), any_key(trial))
    assert "row 3, column subject_key: it is a patient ID" in problem


def test_repeated_rows_are_a_problem(table: Table, trial: TrialDefinition) -> None:
    assert check_key_table(table("1,LA-001", "2,LA-002", "1,LA-001", "1,LA-001"), trial) == [
        "lungart.csv: rows 2, 4 and 5 are the same: delete all but one"
    ]


def test_two_rows_of_a_patient_must_be_visits(table: Table, trial: TrialDefinition) -> None:
    rows = table("1,LA-001,A1,,,x", "1,LA-001,,,,x", columns=[*VISIT, "arm"])
    (problem,) = check_key_table(rows, trial)
    assert "rows 2 and 3 have the same patient_id and subject_key" in problem


def test_one_visit_twice_is_a_problem(table: Table, trial: TrialDefinition) -> None:
    rows = table("1,LA-001,A1,,,x", "1,LA-001,A1,,,y", columns=[*VISIT, "arm"])
    (problem,) = check_key_table(rows, trial)
    assert "rows 2 and 3 name the same visit" in problem


def test_a_visit_that_ends_before_it_begins_is_a_problem(table: Table, trial: TrialDefinition) -> None:
    (problem,) = check_key_table(table("1,LA-001,,2024-02-01,2024-01-01", columns=VISIT), trial)
    assert "row 2, column study_date_to" in problem


def test_one_patient_with_two_keys_is_a_problem(table: Table, trial: TrialDefinition) -> None:
    (problem,) = check_key_table(table("1,LA-001", "2,LA-002", "1,LA-003"), trial)
    assert "rows 2 and 4 give one patient_id two subject keys" in problem


def test_the_same_id_of_another_issuer_is_another_patient(table: Table, trial: TrialDefinition) -> None:
    assert check_key_table(table("1,LA-001,A", "1,LA-002,B", columns=["issuer"]), trial) == []


def test_one_key_for_two_patients_needs_an_alias(table: Table, trial: TrialDefinition) -> None:
    (problem,) = check_key_table(table("1,LA-001", "2,LA-001"), trial)
    assert "rows 2 and 3 give one subject key to several patient IDs" in problem
    assert check_key_table(table("1,LA-001,", "2,LA-001,yes", columns=["alias"]), trial) == []


def test_an_alias_needs_a_main_patient_id(table: Table, trial: TrialDefinition) -> None:
    (problem,) = check_key_table(table("1,LA-001,yes", "2,LA-002,", columns=["alias"]), trial)
    assert "row 2 with alias: yes, but no row with the main patient_id" in problem


@pytest.mark.parametrize(("one", "other"), [("0012", "12"), ("ab1", "AB1"), ("12 34", "1234"), ("00", "0")])
def test_near_matches_are_a_problem(table: Table, trial: TrialDefinition, one: str, other: str) -> None:
    (problem,) = check_key_table(table(f"{one},LA-001", "99,LA-002", f"{other},LA-003"), trial)
    assert "rows 2 and 4 have patient IDs that differ only in leading zeros, case or spaces" in problem


def test_near_matches_that_a_person_declared_one_are_none(table: Table, trial: TrialDefinition) -> None:
    assert check_key_table(table("0012,LA-001,", "12,LA-001,yes", columns=["alias"]), trial) == []


def test_keys_that_differ_only_in_case_are_a_problem(table: Table, trial: TrialDefinition) -> None:
    (problem,) = check_key_table(table("1,la-001", "2,LA-001"), any_key(trial))
    assert "rows 2 and 3 have subject keys that differ only in case" in problem


@pytest.mark.parametrize("cell", ["=HYPERLINK(A1)", "@SUM(A1)", "+1+1", "-A1", "#REF!", "a\x00b"])
def test_a_formula_in_a_free_column_is_a_problem(table: Table, trial: TrialDefinition, cell: str) -> None:
    rows = table(f'1,LA-001,"{cell}"'.replace("\x00", "\x01"), columns=["arm"])
    (problem,) = check_key_table(rows, trial)
    assert "row 2, column arm: " in problem


@pytest.mark.parametrize("accession", ["A*", "1.2E+11", "1" * 17])
def test_an_accession_number_is_checked_too(table: Table, trial: TrialDefinition, accession: str) -> None:
    (problem,) = check_key_table(table(f"1,LA-001,{accession},,", columns=VISIT), trial)
    assert "row 2, column accession_number: " in problem


def test_all_problems_are_told_at_once_in_the_order_of_the_rows(table: Table, trial: TrialDefinition) -> None:
    rows = table("1,LA-001", "1*,LA-002", "1,LA-003", ",LA-004", "7,nonsense", "07,LA-006")
    problems = check_key_table(rows, trial)
    numbers = [int(re.search(r"rows? (\d+)", problem).group(1)) for problem in problems]  # type: ignore[union-attr]
    assert len(problems) == 5
    assert numbers == sorted(numbers)


def test_no_problem_repeats_a_patient_id(table: Table, trial: TrialDefinition) -> None:
    ids = ["PLANTED1*", "PLANTED2", "planted2", "0PLANTED3", "PLANTED3", "=PLANTED4", "PLANTED5", "PLANTED5"]
    rows = table(*(f"{patient_id},{patient_id}" for patient_id in ids), "PLANTED5,LA-001", "PLANTED6,LA-001")
    problems = check_key_table(rows, trial)
    assert len(problems) > 10
    assert not any("planted" in problem.casefold() for problem in problems)


def test_two_thousand_subjects_are_checked_in_the_time_a_person_waits(table: Table, trial: TrialDefinition) -> None:
    rows = table(*(f"{number * 7919:09d},LA-{number % 1000:03d}" for number in range(2000)))
    begun = time.process_time()
    problems = check_key_table(rows, trial)
    assert time.process_time() - begun < 5
    assert len(problems) == 1000
