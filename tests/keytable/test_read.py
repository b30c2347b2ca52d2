from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from pacs2trial.errors import InputError
from pacs2trial.keytable import KeyTableRow, check_key_table, key_file, read_key_table
from pacs2trial.settings import Settings
from pacs2trial.trials.definition import Keys, TrialDefinition

PLAIN = "patient_id,subject_key,arm\n0012,LA-001,Bräunung\n"
Write = Callable[[str | bytes], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(content: str | bytes) -> Path:
        path = tmp_path / "keys.csv"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return written


def faults(rows: list[KeyTableRow]) -> list[str]:
    return [fault for row in rows for fault in row.faults]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "latin-1", "utf-16", "utf-16-le", "utf-16-be"])
def test_any_common_encoding_is_read(write: Write, encoding: str) -> None:
    (row,) = read_key_table(write(PLAIN.encode(encoding)))
    assert (row.patient_id, row.subject_key, dict(row.columns)) == ("0012", "LA-001", {"arm": "Bräunung"})


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_any_common_delimiter_and_line_ending_is_read(write: Write, delimiter: str, ending: str) -> None:
    (row,) = read_key_table(write(PLAIN.replace(",", delimiter).replace("\n", ending)))
    assert (row.number, row.patient_id, row.subject_key) == (2, "0012", "LA-001")


def test_the_delimiter_that_excel_names_is_taken(write: Write) -> None:
    (row,) = read_key_table(write("sep=;\r\npatient_id;subject_key;note\r\n1;LA-001;a,b,c\r\n"))
    assert (row.number, dict(row.columns)) == (2, {"note": "a,b,c"})


def test_quoted_cells_may_hold_delimiters_and_lines(write: Write) -> None:
    rows = read_key_table(write('patient_id,subject_key,note\n1,LA-001,"a, b\nc ""d"""\n2,LA-002,e\n'))
    assert [(row.number, row.columns["note"]) for row in rows] == [(2, 'a, b\nc "d"'), (3, "e")]


@pytest.mark.parametrize("cell", ["0012", "1e5", "NA", "NULL", "None", "nan", "true", "1.50", "9007199254740993"])
def test_every_cell_stays_text(write: Write, cell: str) -> None:
    (row,) = read_key_table(write(f"patient_id,subject_key,free\n{cell},{cell},{cell}\n"))
    assert (row.patient_id, row.subject_key, row.columns["free"]) == (cell, cell, cell)


def test_empty_lines_count_but_are_left_out(write: Write) -> None:
    rows = read_key_table(write("patient_id,subject_key\n\n1,LA-001\n,\n2,LA-002\n\n"))
    assert [row.number for row in rows] == [3, 5]


def test_spaces_around_cells_and_the_case_of_column_names_do_not_count(write: Write) -> None:
    (row,) = read_key_table(write(" Patient_ID , SUBJECT_KEY \n 1 , LA-001 \n"))
    assert (row.patient_id, row.subject_key) == ("1", "LA-001")


def test_visits_aliases_and_issuers_are_read(write: Write) -> None:
    (row,) = read_key_table(
        write(
            "patient_id,subject_key,issuer,alias,accession_number,study_date_from,study_date_to\n"
            "1,LA-001,HOSP,Yes,A1,2024-01-31,20240229\n"
        )
    )
    assert row.patient == ("HOSP", "1")
    assert row.alias
    assert row.visit == ("A1", date(2024, 1, 31), date(2024, 2, 29))


@pytest.mark.parametrize("day", ["31.01.2024", "01/02/2024", "2024-02-30", "2024-1-1", "yesterday", "٢٠٢٤٠١٠١"])
def test_a_day_that_is_ambiguous_or_none_is_a_fault(write: Write, day: str) -> None:
    rows = read_key_table(write(f"patient_id,subject_key,study_date_from\n1,LA-001,{day}\n"))
    assert faults(rows) == ["column study_date_from: write the day as 2024-01-31 (year, month, day)"]


def test_an_alias_that_is_neither_yes_nor_no_is_a_fault(write: Write) -> None:
    assert faults(read_key_table(write("patient_id,subject_key,alias\n1,LA-001,perhaps\n"))) == [
        "column alias: write yes or leave it empty"
    ]


def test_a_row_with_more_cells_than_columns_is_a_fault(write: Write) -> None:
    (fault,) = faults(read_key_table(write("patient_id,subject_key\n1,LA-001,Smith\n")))
    assert "3 cells under 2 columns" in fault


def test_empty_columns_at_the_end_do_no_harm(write: Write) -> None:
    rows = read_key_table(write("patient_id,subject_key,,\n1,LA-001,,\n2,LA-002,,,,\n3,LA-003\n"))
    assert len(rows) == 3
    assert not faults(rows)


def test_a_value_under_a_column_without_a_name_is_a_fault(write: Write) -> None:
    (fault,) = faults(read_key_table(write("patient_id,subject_key,,\n1,LA-001,,x\n")))
    assert "without a name" in fault


def test_faults_of_reading_are_listed_with_all_others(write: Write, trial: TrialDefinition) -> None:
    rows = read_key_table(write("patient_id,subject_key,alias\n1*,LA-001,perhaps\n"))
    assert len(check_key_table(rows, trial)) == 2


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("patient_id,key", "column subject_key is missing: add it"),
        ("PatientID,subject_key", "column patient_id is missing: rename 'PatientID'"),
        ("Patient Id;Subject-Key", "column subject_key is missing: rename 'Subject-Key'"),
        ("patient_id,subject_key,patient_id", "column 3 has the same name"),
        ("patient_id,subject_key,StudyDateFrom", "rename it to study_date_from"),
    ],
)
def test_a_wrong_header_is_refused_with_the_remedy(write: Write, header: str, said: str) -> None:
    with pytest.raises(InputError) as raised:
        read_key_table(write(f"{header}\n"))
    assert any(said in problem and problem.startswith("keys.csv: row 1") for problem in raised.value.problems)


def test_a_table_without_header_is_refused_without_repeating_its_cells(write: Write) -> None:
    with pytest.raises(InputError) as raised:
        read_key_table(write("PLANTED-4711,LA-001\nPLANTED-4712,LA-002\n"))
    assert "PLANTED" not in str(raised.value)
    assert len(raised.value.problems) == 2


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "must name the columns"),
        (b"\n\npatient_id,subject_key\n", "must name the columns"),
        (b'patient_id,subject_key\n"1,LA-001\n2,LA-002\n', "row 2: a quote is not closed"),
        (b"patient_id\0,subject_key\0", "not a text file"),
        (b"\xff\xfep\x00a", "damaged"),
    ],
)
def test_a_damaged_file_is_refused(write: Write, content: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_key_table(write(content))


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"PK\x03\x04rest", "damaged"), (b"\xd0\xcf\x11\xe0rest", "save it as .xlsx without a password")],
)
def test_a_damaged_or_old_workbook_is_recognised_by_its_content(write: Write, content: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said):
        read_key_table(write(content))


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="there is no key table"):
        read_key_table(tmp_path / "keys.csv")


def test_the_key_file_lies_below_the_folder_of_key_tables(settings: Settings, trial: TrialDefinition) -> None:
    with pytest.raises(InputError, match="there is no key table"):
        key_file(trial, settings)
    settings.keys.mkdir(parents=True)
    (settings.keys / "lungart.csv").touch()
    assert key_file(trial, settings) == settings.keys / "lungart.csv"


@pytest.mark.parametrize("name", ["../secret.json", "/etc/passwd", "a/../../b.csv"])
def test_a_key_file_elsewhere_is_refused(settings: Settings, trial: TrialDefinition, name: str) -> None:
    with pytest.raises(InputError, match="never outside"):
        key_file(trial.model_copy(update={"keys": Keys(file=name)}), settings)
