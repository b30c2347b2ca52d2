from __future__ import annotations

import time

import pytest
from sqlalchemy import select, text

from pacs2trial.errors import InputError, TransientError
from pacs2trial.keytable import (
    KeyTableChange,
    KeyTableRow,
    compare_key_table,
    current_version,
    enrolled,
    import_key_table,
)
from pacs2trial.settings import Settings
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import AuditEntry, Identifier, KeyRow, KeyVersion, Subject
from support.key_tables import Table

MARKER = "PLANTED-4711"


def person_of(vault: Vault, trial: TrialDefinition) -> dict[str, int]:
    return {subject.subject_key: subject.person_id for subject in enrolled(vault, trial.trial)}


def patient_ids(vault: Vault, trial: TrialDefinition) -> dict[str, list[str]]:
    """The patient IDs of each subject, main one first."""
    found = {}
    for subject in enrolled(vault, trial.trial):
        originals = vault.identities.original_ids(subject.identifier_ids, caller="test", purpose="test")
        found[subject.subject_key] = [originals[identifier][1] for identifier in subject.identifier_ids]
    return found


def test_a_table_comes_back_as_enrolled_subjects(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    change = import_key_table(vault, trial, table("2,LA-002,b", "1,LA-001,a", columns=["arm"]), actor="ann")
    assert change == KeyTableChange(added=("LA-001", "LA-002"), changed=(), withdrawn=(), unchanged=0)
    first, second = enrolled(vault, "LUNGART")
    assert (first.subject_key, dict(first.columns), first.visits) == ("LA-001", {"arm": "a"}, ())
    assert (second.subject_key, dict(second.columns)) == ("LA-002", {"arm": "b"})
    assert patient_ids(vault, trial) == {"LA-001": ["1"], "LA-002": ["2"]}


def test_what_changed_is_told_and_the_version_counts_on(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    import_key_table(vault, trial, table("1,LA-001", "2,LA-002", "3,LA-003"), actor="ann")
    rows = table("1,LA-001", "22,LA-002", "4,LA-004")
    expected = KeyTableChange(added=("LA-004",), changed=("LA-002",), withdrawn=("LA-003",), unchanged=1)
    assert compare_key_table(vault, trial, rows) == expected
    assert current_version(vault, "LUNGART").number == 1, "comparing imports nothing"
    assert import_key_table(vault, trial, rows, actor="bob") == expected
    version = current_version(vault, "LUNGART")
    assert (version.number, version.rows, version.imported_by) == (2, 3, "bob")


def test_an_equal_table_makes_no_version(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    import_key_table(vault, trial, table("1,LA-001", "2,LA-002"), actor="ann")
    change = import_key_table(vault, trial, table("2,LA-002", "", "1,LA-001"), actor="ann")
    assert change.changes_nothing
    assert current_version(vault, "LUNGART").number == 1


def test_a_withdrawn_subject_is_marked_and_can_come_back(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    import_key_table(vault, trial, table("1,LA-001", "2,LA-002"), actor="ann")
    person = person_of(vault, trial)["LA-002"]
    import_key_table(vault, trial, table("1,LA-001"), actor="ann")
    with vault.session(read_only=True) as session:
        assert session.scalars(select(Subject.key).where(Subject.withdrawn_at.is_not(None))).all() == ["LA-002"]
    import_key_table(vault, trial, table("1,LA-001", "2,LA-002"), actor="ann")
    assert person_of(vault, trial)["LA-002"] == person
    with vault.session(read_only=True) as session:
        assert not session.scalars(select(Subject.key).where(Subject.withdrawn_at.is_not(None))).all()


def test_two_keys_can_be_swapped_in_one_import(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    import_key_table(vault, trial, table("1,LA-001", "2,LA-002"), actor="ann")
    before = person_of(vault, trial)
    shifts = {person: vault.date_shift(person, "LUNGART") for person in before.values()}
    change = import_key_table(vault, trial, table("2,LA-001", "1,LA-002"), actor="ann")
    assert change.changed == ("LA-001", "LA-002")
    after = person_of(vault, trial)
    assert after == {"LA-001": before["LA-002"], "LA-002": before["LA-001"]}
    assert {person: vault.date_shift(person, "LUNGART") for person in after.values()} == shifts


def test_a_person_keeps_his_dates_under_a_corrected_key(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    import_key_table(vault, trial, table("1,LA-001"), actor="ann")
    before = person_of(vault, trial)["LA-001"]
    import_key_table(vault, trial, table("1,LA-009"), actor="ann")
    assert person_of(vault, trial) == {"LA-009": before}


def test_an_alias_makes_two_patient_ids_one_person(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    rows = table("2,LA-001,yes", "1,LA-001,", columns=["alias"])
    import_key_table(vault, trial, rows, actor="ann")
    (subject,) = enrolled(vault, "LUNGART")
    assert patient_ids(vault, trial) == {"LA-001": ["1", "2"]}
    assert (
        vault.identities.patient("", "1").person_id == vault.identities.patient("", "2").person_id == subject.person_id
    )


def test_a_patient_merged_under_a_new_id_keeps_his_person(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    import_key_table(vault, trial, table("1,LA-001"), actor="ann")
    before = person_of(vault, trial)
    import_key_table(vault, trial, table("2,LA-001,", "1,LA-001,yes", columns=["alias"]), actor="ann")
    assert person_of(vault, trial) == before


def test_an_alias_that_was_wrong_is_split_again(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    import_key_table(vault, trial, table("1,LA-001,", "2,LA-001,yes", columns=["alias"]), actor="ann")
    before = person_of(vault, trial)["LA-001"]
    import_key_table(vault, trial, table("1,LA-001", "2,LA-002"), actor="ann")
    after = person_of(vault, trial)
    assert after["LA-001"] == before
    assert after["LA-002"] != before
    assert vault.identities.patient("", "2").person_id == after["LA-002"]


def test_re_keying_one_trial_leaves_the_others(
    vault: Vault, trial: TrialDefinition, other_trial: TrialDefinition, table: Table
) -> None:
    import_key_table(vault, trial, table("1,LA-001", "2,LA-002"), actor="ann")
    import_key_table(vault, other_trial, table("1,PV-001", "2,PV-002"), actor="ann")
    before = enrolled(vault, "PELVIC")
    import_key_table(vault, trial, table("2,LA-001", "3,LA-003"), actor="ann")
    assert enrolled(vault, "PELVIC") == before


def test_a_person_in_two_trials_is_one_with_two_date_shifts(
    vault: Vault, trial: TrialDefinition, other_trial: TrialDefinition, table: Table
) -> None:
    import_key_table(vault, trial, table("1,LA-001"), actor="ann")
    import_key_table(vault, other_trial, table("1,PV-001"), actor="ann")
    (here,), (there,) = enrolled(vault, "LUNGART"), enrolled(vault, "PELVIC")
    assert here.person_id == there.person_id
    assert here.subject_id != there.subject_id


def test_trials_may_not_disagree_about_who_is_one_person(
    vault: Vault, trial: TrialDefinition, other_trial: TrialDefinition, table: Table
) -> None:
    def one_person(key: str) -> list[KeyTableRow]:
        return table(f"1,{key}-001,", f"2,{key}-001,yes", columns=["alias"])

    def two_persons(key: str) -> list[KeyTableRow]:
        return table(f"1,{key}-001,", f"2,{key}-002,", columns=["alias"])

    import_key_table(vault, trial, one_person("LA"), actor="ann")
    with pytest.raises(InputError, match="rows 2 and 3 are several subjects here and one in trial LUNGART"):
        import_key_table(vault, other_trial, two_persons("PV"), actor="ann")
    import_key_table(vault, trial, two_persons("LA"), actor="ann")
    import_key_table(vault, other_trial, two_persons("PV"), actor="ann")
    with pytest.raises(InputError, match="rows 2 and 3 are one subject here and several in trial PELVIC"):
        import_key_table(vault, trial, one_person("LA"), actor="ann")
    assert current_version(vault, "LUNGART").number == 2


def test_an_empty_issuer_is_the_site_s(settings: Settings, trial: TrialDefinition, table: Table) -> None:
    settings = Settings(**{**settings.model_dump(), "issuer": "SITE"})
    Vault.create(settings)
    rows = table("1,LA-001,", "1,LA-002,SITE", columns=["issuer"])
    with pytest.raises(InputError, match="rows 2 and 3 give one patient_id two subject keys"):
        import_key_table(Vault.open(settings), trial, rows, actor="ann")


def test_nothing_is_imported_while_a_problem_stands(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    with pytest.raises(InputError) as raised:
        import_key_table(vault, trial, table("1,LA-001", "2*,LA-002", "3,wrong"), actor="ann")
    assert len(raised.value.problems) == 2
    with vault.session(read_only=True) as session:
        assert not any(session.query(kind).count() for kind in (Identifier, KeyRow, KeyVersion, Subject, AuditEntry))


def test_an_import_that_fails_half_way_leaves_nothing(
    vault: Vault, trial: TrialDefinition, table: Table, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise TransientError("lost")

    monkeypatch.setattr(vault.audit, "append", fail)
    with pytest.raises(TransientError):
        import_key_table(vault, trial, table("1,LA-001"), actor="ann")
    with vault.session(read_only=True) as session:
        assert not any(session.query(kind).count() for kind in (Identifier, KeyRow, KeyVersion, Subject))


def test_an_import_is_audited_with_what_it_changed(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    import_key_table(vault, trial, table(f"{MARKER},LA-001", "2,LA-002"), actor="ann")
    import_key_table(vault, trial, table(f"{MARKER},LA-001", "3,LA-003"), actor="ann")
    with vault.session(read_only=True) as session:
        entry = session.query(AuditEntry).order_by(AuditEntry.id.desc()).first()
    assert entry is not None
    assert (entry.act, entry.actor, entry.trial, entry.target) == ("key table imported", "ann", "LUNGART", "version 2")
    assert (entry.detail["added"], entry.detail["changed"], entry.detail["withdrawn"]) == (1, [], ["LA-002"])
    assert vault.audit.verify_chain() == []


def test_no_identity_stands_in_the_database_in_clear(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    rows = table(
        f"{MARKER},LA-001,{MARKER}-I,A-{MARKER[:13]},{MARKER} Street", columns=["issuer", "accession_number", "home"]
    )
    import_key_table(vault, trial, rows, actor="ann")
    enrolled(vault, "LUNGART")
    with vault.session(read_only=True) as session:
        names = session.connection().dialect.get_table_names(session.connection())
        dump = [repr(session.execute(text(f'SELECT * FROM "{name}"')).all()) for name in names]
    assert not any(MARKER[:13] in content for content in dump)


def test_two_thousand_subjects_are_imported_in_the_time_a_person_waits(
    vault: Vault, trial: TrialDefinition, table: Table
) -> None:
    trial = trial.model_copy(update={"subject_key": "LA-[0-9]{4}"})
    rows = table(*(f"{number * 7919:09d},LA-{number:04d}" for number in range(2000)))
    begun = time.process_time()
    import_key_table(vault, trial, rows, actor="ann")
    assert len(enrolled(vault, "LUNGART")) == 2000
    assert time.process_time() - begun < 5
