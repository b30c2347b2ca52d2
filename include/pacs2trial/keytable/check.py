"""Everything that can be wrong with a key table, told at once, by row number.

A message never repeats a patient ID, nor anything that could be one by mistake: it ends up in logs.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import TypeVar

from pacs2trial.keytable.cells import (
    LONGEST_ACCESSION,
    LONGEST_ID,
    free_cell_faults,
    id_faults,
    key_faults,
    near,
)
from pacs2trial.keytable.row import KeyTableRow
from pacs2trial.trials.columns import columns_asked
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.nearest import unknown

Group = TypeVar("Group", bound=Hashable)
Problem = tuple[int, str]
"""First row it concerns, and the message."""


def check_key_table(rows: Sequence[KeyTableRow], definition: TrialDefinition) -> list[str]:
    """All problems of a key table, in the order of its rows; empty when it can be imported."""
    name = definition.keys.file or f"key table of {definition.trial}"
    if not rows:
        return [f"{name}: there are no rows below the header; a trial without subjects has no key table"]
    problems = [
        *_missing_columns(rows, definition),
        *_cell_problems(rows, definition),
        *_repeated_rows(rows),
        *_patients_with_two_keys(rows),
        *_keys_of_two_patients(rows),
        *_near_patients(rows),
        *_near_keys(rows),
        *_keys_that_are_patients(rows),
    ]
    return [f"{rows[0].place.table or name}: {message}" for _, message in sorted(problems)]


def rows_text(rows: Iterable[KeyTableRow]) -> str:
    """``row 3``, ``rows 3, 7 and 9``, ``rows 2 to 500``."""
    numbers = sorted({row.number for row in rows})
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][-1] + 1:
            spans[-1].append(number)
        else:
            spans.append([number])
    parts: list[str] = []
    for span in spans:
        parts += [f"{span[0]} to {span[-1]}"] if len(span) > 2 else [str(number) for number in span]
    if len(parts) == 1:
        return f"{'row' if len(numbers) == 1 else 'rows'} {parts[0]}"
    return f"rows {', '.join(parts[:-1])} and {parts[-1]}"


def _missing_columns(rows: Sequence[KeyTableRow], definition: TrialDefinition) -> Iterator[Problem]:
    """Columns that the definition asks for; a subject's own cell may still be empty, which holds that subject alone."""
    there = {column for row in rows for column in row.columns}
    first = {column: field for field, column in reversed(list(columns_asked(definition)))}
    for column, field in first.items():
        if column not in there:
            missing = unknown("column", column, there, "the table has no such column")
            yield 0, f"{definition.place(field)}: {missing}: add it to the table, or correct the definition"


def _cell_problems(rows: Iterable[KeyTableRow], definition: TrialDefinition) -> Iterator[Problem]:
    """What is wrong with single cells; the same fault in several rows is told once, with all of them."""
    found: dict[str, list[KeyTableRow]] = {}
    for row in rows:
        unread = {fault.split(":")[0] for fault in row.faults}
        others = (fault for fault in _cell_faults(row, definition) if fault.split(":")[0] not in unread)
        for fault in (*row.faults, *others):
            found.setdefault(fault, []).append(row)
    for fault, several in found.items():
        yield _problem(several, _with_cell(fault, several), joint=", ")


def _with_cell(fault: str, rows: Sequence[KeyTableRow]) -> str:
    """A fault of ``column x`` with the cell, or with the letter of the column, where the table is a sheet."""
    column, _, rest = fault.partition(":")
    letter = rows[0].place.letters.get(column.removeprefix("column "))
    if letter is None:
        return fault
    place = f"cell {letter}{rows[0].number}" if len(rows) == 1 else f"{letter} of the sheet"
    return f"{column} ({place}):{rest}"


def _cell_faults(row: KeyTableRow, definition: TrialDefinition) -> Iterator[str]:
    if not row.patient_id:
        yield "column patient_id: it is empty: fill it in, or delete the row"
    if not row.subject_key:
        yield "column subject_key: it is empty: fill it in, or delete the row"
    elif not definition.is_subject_key(row.subject_key):
        yield f"column subject_key: it does not have this trial's form {definition.subject_key!r}: correct it"
    yield from (f"column patient_id: {fault}" for fault in id_faults(row.patient_id, LONGEST_ID, as_is=row.as_is))
    yield from (f"column subject_key: {fault}" for fault in key_faults(row.subject_key) if row.subject_key)
    yield from (f"column accession_number: {fault}" for fault in id_faults(row.accession_number, LONGEST_ACCESSION))
    yield from (f"column issuer: {fault}" for fault in id_faults(row.issuer, LONGEST_ID))
    for column, cell in row.columns.items():
        yield from (f"column {column}: {fault}" for fault in free_cell_faults(cell))
    if row.study_date_from and row.study_date_to and row.study_date_from > row.study_date_to:
        yield "column study_date_to: it lies before study_date_from: correct one of them"


def _repeated_rows(rows: Sequence[KeyTableRow]) -> Iterator[Problem]:
    complete = [row for row in rows if row.patient_id and row.subject_key]
    for same in _groups(complete, lambda row: (row.patient, row.subject_key)):
        if len(same) == 1:
            continue
        if len({row.content() for row in same}) < len(same):
            for equal in _groups(same, KeyTableRow.content):
                if len(equal) > 1:
                    yield _problem(equal, "are the same: delete all but one")
        elif not all(row.names_visit for row in same):
            yield _problem(
                same,
                "have the same patient_id and subject_key: delete one, or make them visits by an accession_number "
                "or study dates in each",
            )
        else:
            for equal in _groups(same, lambda row: row.visit):
                if len(equal) > 1:
                    yield _problem(equal, "name the same visit with different columns: keep one")


def _patients_with_two_keys(rows: Sequence[KeyTableRow]) -> Iterator[Problem]:
    for same in _groups([row for row in rows if row.patient_id], lambda row: row.patient):
        if len({row.subject_key for row in same if row.subject_key}) > 1:
            yield _problem(same, "give one patient_id two subject keys: a patient has one, delete the wrong row")


def _keys_of_two_patients(rows: Sequence[KeyTableRow]) -> Iterator[Problem]:
    complete = [row for row in rows if row.patient_id and row.subject_key]
    for same in _groups(complete, lambda row: row.subject_key):
        mains = [row for row in same if not row.alias]
        if not mains:
            yield _problem(same, "with alias: yes, but no row with the main patient_id: leave alias empty in one")
        elif len({row.patient for row in mains}) > 1:
            yield _problem(
                mains,
                "give one subject key to several patient IDs: correct the key; if they are one person, write "
                "alias: yes in all of them but one",
            )


def _near_patients(rows: Sequence[KeyTableRow]) -> Iterator[Problem]:
    for alike in _groups([row for row in rows if row.patient_id], lambda row: (row.issuer, near(row.patient_id))):
        declared = _declared_one_person(alike) or all(row.as_is for row in alike)
        if len({row.patient_id for row in alike}) > 1 and not declared:
            yield _problem(
                alike,
                "have patient IDs that differ only in leading zeros, case or spaces: write the ID as the PACS has it; "
                "if the PACS has both for one person, give them one subject key with alias: yes; if they really are "
                "two patients, write as_is: yes in each",
            )


def _declared_one_person(alike: Sequence[KeyTableRow]) -> bool:
    mains = {row.patient for row in alike if not row.alias}
    return len({row.subject_key for row in alike}) == 1 and len(mains) <= 1


def _near_keys(rows: Sequence[KeyTableRow]) -> Iterator[Problem]:
    for alike in _groups([row for row in rows if row.subject_key], lambda row: row.subject_key.casefold()):
        if len({row.subject_key for row in alike}) > 1:
            yield _problem(alike, "have subject keys that differ only in case: write the key in one way")


def _keys_that_are_patients(rows: Sequence[KeyTableRow]) -> Iterator[Problem]:
    patients = {row.patient_id.casefold() for row in rows if row.patient_id}
    for row in rows:
        if row.subject_key and row.subject_key.casefold() in patients:
            yield (
                row.number,
                f"row {row.number}, column subject_key: it is a patient ID of this table: give the subject another key",
            )


def _groups(rows: Iterable[KeyTableRow], by: Callable[[KeyTableRow], Group]) -> list[list[KeyTableRow]]:
    groups: dict[Group, list[KeyTableRow]] = {}
    for row in rows:
        groups.setdefault(by(row), []).append(row)
    return list(groups.values())


def _problem(rows: Sequence[KeyTableRow], what: str, *, joint: str = " ") -> Problem:
    return min(row.number for row in rows), f"{rows_text(rows)}{joint}{what}"
