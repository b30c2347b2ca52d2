from __future__ import annotations

from datetime import date

import pytest

from pacs2trial.errors import InputError
from pacs2trial.keytable import accession_lookup, current_version, enrolled, import_key_table
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.tables import Disclosure
from pacs2trial.workspace import Workspace
from support.key_tables import Table

VISIT = ("alias", "accession_number", "study_date_from", "study_date_to", "arm", "timepoint")


def test_without_a_key_table_the_remedy_is_told(workspace: Workspace) -> None:
    with pytest.raises(InputError, match="run `pacs2trial keys import LUNGART`"):
        enrolled(workspace.vault, "LUNGART")


def test_only_the_asked_subjects_come(workspace: Workspace, trial: TrialDefinition, table: Table) -> None:
    import_key_table(workspace.vault, trial, table("1,LA-001", "2,LA-002", "3,LA-003"), actor="ann")
    found = enrolled(workspace.vault, "LUNGART", ["LA-003", "LA-001"])
    assert [subject.subject_key for subject in found] == ["LA-001", "LA-003"]
    assert enrolled(workspace.vault, "LUNGART", []) == []


def test_an_unknown_subject_key_is_named(workspace: Workspace, trial: TrialDefinition, table: Table) -> None:
    import_key_table(workspace.vault, trial, table("1,LA-001"), actor="ann")
    with pytest.raises(InputError) as raised:
        enrolled(workspace.vault, "LUNGART", ["LA-001", "LA-009", "LA-008"])
    assert [problem.split("'")[1] for problem in raised.value.problems] == ["LA-008", "LA-009"]


def test_a_patient_id_typed_as_a_subject_key_is_not_repeated(
    workspace: Workspace, trial: TrialDefinition, table: Table
) -> None:
    import_key_table(workspace.vault, trial, table("PLANTED-4711,LA-001"), actor="ann")
    with pytest.raises(InputError, match="are patient IDs") as raised:
        enrolled(workspace.vault, "LUNGART", ["PLANTED-4711"])
    assert "PLANTED" not in str(raised.value)


def test_a_withdrawn_subject_is_found_in_the_version_that_named_it(
    workspace: Workspace, trial: TrialDefinition, table: Table
) -> None:
    import_key_table(workspace.vault, trial, table("1,LA-001", "2,LA-002"), actor="ann")
    first = current_version(workspace.vault, "LUNGART").id
    import_key_table(workspace.vault, trial, table("1,LA-001"), actor="ann")
    assert [subject.subject_key for subject in enrolled(workspace.vault, "LUNGART")] == ["LA-001"]
    assert len(enrolled(workspace.vault, "LUNGART", version_id=first)) == 2


def test_visits_carry_what_restricts_them(workspace: Workspace, trial: TrialDefinition, table: Table) -> None:
    rows = table(
        "1,LA-001,,A1,,,x,T0",
        "1,LA-001,,,2024-01-01,2024-01-31,x,T1",
        "2,LA-001,yes,,,,x,T2",
        columns=VISIT,
    )
    import_key_table(workspace.vault, trial, rows, actor="ann")
    (subject,) = enrolled(workspace.vault, "LUNGART")
    main, alias = subject.identifier_ids
    assert [(v.identifier_id, v.accession_lookup, v.date_from, v.date_to) for v in subject.visits] == [
        (main, accession_lookup(workspace.vault, "A1"), None, None),
        (main, None, date(2024, 1, 1), date(2024, 1, 31)),
        (alias, None, None, None),
    ]


def test_only_columns_on_which_all_visits_agree_are_the_subject_s(
    workspace: Workspace, trial: TrialDefinition, table: Table
) -> None:
    rows = table("1,LA-001,,A1,,,x,T0", "1,LA-001,,A2,,,x,T1", columns=VISIT)
    import_key_table(workspace.vault, trial, rows, actor="ann")
    (subject,) = enrolled(workspace.vault, "LUNGART")
    assert dict(subject.columns) == {"arm": "x"}
    assert [visit.columns["timepoint"] for visit in subject.visits] == ["T0", "T1"]


def test_an_accession_number_is_found_whatever_its_padding(workspace: Workspace) -> None:
    vault = workspace.vault
    assert accession_lookup(vault, "A1 ") == accession_lookup(vault, "A1") == vault.fingerprint(b"A1")
    assert accession_lookup(vault, " ") is None


def test_reading_the_subjects_is_recorded(workspace: Workspace, trial: TrialDefinition, table: Table) -> None:
    import_key_table(workspace.vault, trial, table("1,LA-001", "2,LA-002"), actor="ann")
    enrolled(workspace.vault, "LUNGART", ["LA-002"])
    with workspace.vault.session(read_only=True) as session:
        last = session.query(Disclosure).order_by(Disclosure.id.desc()).first()
    assert last is not None
    assert (last.caller, last.purpose, last.count) == ("keytable", "enrolled", 1)


def test_nothing_of_a_row_shows_in_a_representation(workspace: Workspace, trial: TrialDefinition, table: Table) -> None:
    rows = table("PLANTED-1,LA-001,,PLANTED-2,,,PLANTED-3,", columns=VISIT)
    import_key_table(workspace.vault, trial, rows, actor="ann")
    assert "PLANTED" not in repr([rows, enrolled(workspace.vault, "LUNGART")])
