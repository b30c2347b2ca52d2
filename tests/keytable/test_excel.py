from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from openpyxl import Workbook
from openpyxl.worksheet.worksheet import Worksheet

from pacs2trial.errors import InputError
from pacs2trial.keytable import KeyTableRow, check_key_table, read_key_table
from pacs2trial.trials.definition import TrialDefinition

HEADER = ["patient_id", "subject_key"]
Sheet = Callable[..., Path]


@pytest.fixture
def sheet(tmp_path: Path) -> Sheet:
    """``sheet(*rows, header=…, change=…)``: a workbook of one sheet, which ``change`` may alter before it is saved."""

    def written(
        *rows: Sequence[Any], header: Sequence[Any] = HEADER, change: Callable[[Worksheet], None] = lambda _: None
    ) -> Path:
        book = Workbook()
        page = book.worksheets[0]
        for row in [header, *rows]:
            page.append(list(row))
        change(page)
        path = tmp_path / "lungart.xlsx"
        book.save(path)
        return path

    return written


def problems(path: Path, trial: TrialDefinition) -> list[str]:
    return check_key_table(read_key_table(path), trial)


def test_a_workbook_is_read_as_text(sheet: Sheet) -> None:
    seen = datetime(2024, 5, 2, 9, 30)  # noqa: DTZ001 - workbooks know no zones
    rows = read_key_table(
        sheet(
            ["0012", " LA-001 ", True, date(2024, 1, 31), 7, seen, 2.5, None],
            ["ÄB-7", "LA-002", None, "20240131", "07", date(2024, 5, 2), "x", "y"],
            header=["Patient_ID", "SUBJECT_KEY", "alias", "study_date_from", "dose", "seen", "weight", "note"],
        )
    )
    assert [(row.number, row.patient_id, row.subject_key, row.alias, row.study_date_from) for row in rows] == [
        (2, "0012", "LA-001", True, date(2024, 1, 31)),
        (3, "ÄB-7", "LA-002", False, date(2024, 1, 31)),
    ]
    assert rows[0].columns == {"dose": "7", "seen": "2024-05-02 09:30:00", "weight": "2.5", "note": ""}
    assert rows[1].columns == {"dose": "07", "seen": "2024-05-02", "weight": "x", "note": "y"}


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (12, "as a number, without leading zeros"),
        (1234567.0, "as a number, without leading zeros"),
        (123000.0e15, "the ID is lost"),
        (12.5, "the ID is lost"),
        (date(2024, 3, 1), "the ID is lost"),
        (True, "the ID is lost"),
        ("=A3&B3", "it holds a formula"),
        ("#REF!", "error value"),
        ("1.23E+05", "scientific notation"),
        ("12*", "wildcards"),
    ],
)
def test_what_excel_made_of_an_id_is_told_with_its_cell(
    sheet: Sheet, trial: TrialDefinition, value: object, said: str
) -> None:
    (problem,) = problems(sheet(["1", "LA-001"], [value, "LA-002"]), trial)
    assert problem.startswith("lungart.xlsx, sheet 1: row 3, column patient_id (cell A3): ")
    assert said in problem


def test_a_number_that_a_person_answers_for_is_taken(sheet: Sheet, trial: TrialDefinition) -> None:
    path = sheet([12, "LA-001", "yes"], [12.5, "LA-002", "yes"], header=[*HEADER, "as_is"])
    (problem,) = problems(path, trial)
    assert "row 3, column patient_id (cell A3)" in problem, "what is lost nobody can answer for"
    assert read_key_table(path)[0].patient_id == "12"


def test_many_cells_with_one_fault_are_one_problem(sheet: Sheet, trial: TrialDefinition) -> None:
    path = sheet(*([1000 + number, f"LA-{number:03d}"] for number in range(50)), ["A", "LA-900"], [9, "LA-901"])
    (problem,) = problems(path, trial)
    assert problem.startswith("lungart.xlsx, sheet 1: rows 2 to 51 and 53, column patient_id (A of the sheet): ")


def test_a_formula_in_a_free_column_is_told_too(sheet: Sheet, trial: TrialDefinition) -> None:
    (problem,) = problems(sheet(["1", "LA-001", '=HYPERLINK("x")'], header=[*HEADER, "arm"]), trial)
    assert problem == "lungart.xlsx, sheet 1: row 2, column arm (cell C2): it holds a formula: paste its value instead"


def test_hidden_and_merged_rows_are_told(sheet: Sheet, trial: TrialDefinition) -> None:
    def change(page: Worksheet) -> None:
        page.row_dimensions[3].hidden = True
        page.merge_cells("B4:B5")

    found = problems(sheet(["1", "LA-001"], ["2", "LA-002"], ["3", "LA-003"], ["4", "LA-004"], change=change), trial)
    assert [problem.removeprefix("lungart.xlsx, sheet 1: ") for problem in found] == [
        "row 3, it is hidden: show it, look at it, or delete it",
        "rows 4 and 5, it is part of merged cells: unmerge them and fill in each",
        "row 5, column subject_key (cell B5): it is empty: fill it in, or delete the row",
    ]


def test_a_hidden_column_is_refused(sheet: Sheet) -> None:
    def change(page: Worksheet) -> None:
        page.column_dimensions["B"].hidden = True

    with pytest.raises(InputError, match=r"lungart\.xlsx, sheet 1: column B it is hidden"):
        read_key_table(sheet(["1", "LA-001"], change=change))


def test_the_sheet_that_is_a_key_table_is_found(sheet: Sheet) -> None:
    def change(page: Worksheet) -> None:
        assert page.parent is not None
        page.parent.create_sheet("PLANTED notes", 0).append(["PLANTED-4711", "remark"])

    (row,) = read_key_table(sheet(["1", "LA-001"], change=change))
    assert (row.patient_id, row.place.table) == ("1", "lungart.xlsx, sheet 2")


@pytest.mark.parametrize(
    ("kind", "said"), [("second", "sheets 1 and 2 are key tables"), ("hidden", "sheet 1, the key table, is hidden")]
)
def test_which_sheet_is_meant_is_never_guessed(sheet: Sheet, kind: str, said: str) -> None:
    def change(page: Worksheet) -> None:
        assert page.parent is not None
        other = page.parent.create_sheet("PLANTED")
        if kind == "second":
            other.append(HEADER)
        else:
            page.sheet_state = "hidden"
            page.parent.active = other

    with pytest.raises(InputError, match=said) as raised:
        read_key_table(sheet(["1", "LA-001"], change=change))
    assert "PLANTED" not in str(raised.value)


def test_empty_rows_and_columns_at_the_end_do_no_harm(sheet: Sheet) -> None:
    def change(page: Worksheet) -> None:
        page.cell(40, 9).number_format = "@"
        page.cell(3, 1).value = None

    rows = read_key_table(sheet(["1", "LA-001"], [None, None], ["2", "LA-002", None], change=change))
    assert [row.number for row in rows] == [2, 4]
    assert not any(row.faults for row in rows)


def test_no_identity_stands_in_what_is_told(sheet: Sheet, trial: TrialDefinition) -> None:
    path = sheet(["PLANTED*", "PLANTED"], ["=PLANTED", "LA-001"], ["PLANTED2", "LA-002", "PLANTED3"])
    assert not any("PLANTED" in problem for problem in problems(path, trial))


def test_a_workbook_that_unpacks_without_end_is_refused(sheet: Sheet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs2trial.keytable.excel.MOST_BYTES", 1000)
    with pytest.raises(InputError, match="save the key table alone"):
        read_key_table(sheet(["1", "LA-001"]))


def test_rows_of_a_workbook_equal_those_of_the_same_csv(sheet: Sheet, tmp_path: Path) -> None:
    csv = tmp_path / "same.csv"
    csv.write_text("patient_id,subject_key,arm\n0012,LA-001,a\n,,\n13,LA-002,b\n")
    book = sheet(["0012", "LA-001", "a"], [], ["13", "LA-002", "b"], header=[*HEADER, "arm"])
    found: list[list[KeyTableRow]] = [read_key_table(csv), read_key_table(book)]
    assert found[0] == found[1]


def test_two_thousand_subjects_are_read_and_checked_in_the_time_a_person_waits(
    sheet: Sheet, trial: TrialDefinition
) -> None:
    trial = trial.model_copy(update={"subject_key": "LA-[0-9]{4}"})
    path = sheet(
        *([f"{number * 7919:09d}", f"LA-{number:04d}", "a"] for number in range(2000)), header=[*HEADER, "arm"]
    )
    begun = time.process_time()
    assert problems(path, trial) == []
    assert time.process_time() - begun < 5
