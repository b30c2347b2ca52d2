"""What an import does to packages and deliveries in the vault, on each kind of database."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from pacs2trial.errors import TransientError
from pacs2trial.keytable import enrolled, import_key_table
from pacs2trial.keytable.corrections import Effect, last_deliveries, settle_outdated
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import DateShift, Delivery, OutdatedDelivery, PackageRow, PackageState, Subject
from support.key_tables import Table

TRIAL = "LUNGART"


def package(vault: Vault, key: str, content: str, *destinations: str) -> int:
    """A verified package of a subject, which these destinations have got."""
    (subject,) = enrolled(vault, TRIAL, [key])
    pin = vault.pin("package", b"{}")
    with vault.session() as session:
        last = session.scalars(select(PackageRow.version).where(PackageRow.subject_id == subject.subject_id)).all()
        row = PackageRow(
            trial=TRIAL,
            subject_id=subject.subject_id,
            version=max(last, default=0) + 1,
            revision=subject.revision,
            content_digest=content * 64,
            sha256=content * 64,
            size=1,
            path=f"{TRIAL}/{key}.zip",
            inputs=pin,
            state=PackageState.VERIFIED,
        )
        session.add(row)
        session.flush()
        session.add_all(
            Delivery(
                package_id=row.id,
                trial=TRIAL,
                subject_id=subject.subject_id,
                destination=destination,
                content_digest=content * 64,
                receipt={"path": f"/there/{key}.zip"},
            )
            for destination in destinations
        )
        return row.id


def states(vault: Vault) -> dict[str, tuple[str, bool]]:
    """By subject key: the state of its package, and whether that is stale."""
    with vault.session(read_only=True) as session:
        rows = session.execute(select(Subject, PackageRow).join(PackageRow, PackageRow.subject_id == Subject.id))
        return {subject.key: (row.state, row.revision != subject.revision) for subject, row in rows}


def outdated(vault: Vault) -> list[tuple[str, str, str, str]]:
    with vault.session(read_only=True) as session:
        rows = session.execute(
            select(Subject.key, OutdatedDelivery.effect, OutdatedDelivery.belongs_to, OutdatedDelivery.destination)
            .join(OutdatedDelivery, OutdatedDelivery.subject_id == Subject.id)
            .order_by(Subject.key, OutdatedDelivery.id)
        )
        return [(key, effect, belongs_to, place) for key, effect, belongs_to, place in rows]


def test_exactly_the_packages_of_corrected_subjects_become_stale(
    vault: Vault, trial: TrialDefinition, table: Table
) -> None:
    import_key_table(
        vault, trial, table("1,LA-001,a", "2,LA-002,a", "3,LA-003,a", "4,LA-004,a", columns=["arm"]), actor="ann"
    )
    for key in ("LA-001", "LA-002", "LA-003", "LA-004"):
        package(vault, key, "a", "folder")
    change = import_key_table(
        vault, trial, table("1,LA-001,a", "2,LA-002,b", "33,LA-003,a", columns=["arm"]), actor="ann"
    )
    assert states(vault) == {
        "LA-001": ("verified", False),
        "LA-002": ("verified", True),
        "LA-003": ("superseded", True),
        "LA-004": ("superseded", True),
    }
    assert set(change.superseded) == {"LUNGART/LA-003.zip", "LUNGART/LA-004.zip"}
    assert outdated(vault) == [
        ("LA-002", "key row changed", "", "folder"),
        ("LA-003", "other patient", "", "folder"),
        ("LA-004", "withdrawn", "", "folder"),
    ]


def test_who_was_delivered_under_another_key_is_told(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    import_key_table(vault, trial, table("1,LA-001", "2,LA-002", "3,LA-003"), actor="ann")
    for key in ("LA-001", "LA-002", "LA-003"):
        package(vault, key, "a", "folder")
    import_key_table(vault, trial, table("2,LA-001", "1,LA-002", "3,LA-009"), actor="ann")
    assert outdated(vault) == [
        ("LA-001", "other patient", "LA-002", "folder"),
        ("LA-002", "other patient", "LA-001", "folder"),
        ("LA-003", "withdrawn", "LA-009", "folder"),
    ]


def test_a_merged_patient_is_told_under_the_key_that_stays(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    import_key_table(vault, trial, table("1,LA-001", "2,LA-002"), actor="ann")
    for key in ("LA-001", "LA-002"):
        package(vault, key, "a", "folder")
    import_key_table(vault, trial, table("1,LA-001,", "2,LA-001,yes", columns=["alias"]), actor="ann")
    assert outdated(vault) == [
        ("LA-001", "key row changed", "", "folder"),
        ("LA-002", "withdrawn", "LA-001", "folder"),
    ]
    assert states(vault) == {"LA-001": ("verified", True), "LA-002": ("superseded", True)}


def test_that_a_person_looked_at_a_row_makes_nothing_stale(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    import_key_table(vault, trial, table("1,LA-001,", "2,LA-002,", columns=["as_is"]), actor="ann")
    package(vault, "LA-001", "a", "folder")
    change = import_key_table(vault, trial, table("1,LA-001,yes", "2,LA-002,", columns=["as_is"]), actor="ann")
    assert change.changed == ("LA-001",)
    assert change.corrections == ()
    assert states(vault) == {"LA-001": ("verified", False)}
    assert outdated(vault) == []


def test_only_the_last_content_at_each_destination_counts(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    import_key_table(vault, trial, table("1,LA-001", "2,LA-002"), actor="ann")
    package(vault, "LA-001", "a", "folder", "sftp")
    package(vault, "LA-001", "b", "folder")
    (subject,) = enrolled(vault, TRIAL, ["LA-001"])
    with vault.session(read_only=True) as session:
        found = last_deliveries(session, [subject.subject_id])
    assert [(each.destination, each.content_digest[0]) for each in found] == [("folder", "b"), ("sftp", "a")]
    import_key_table(vault, trial, table("2,LA-002"), actor="ann")
    assert [row[3] for row in outdated(vault)] == ["folder", "sftp"]


def test_a_subject_that_returns_finds_its_old_deliveries_told_once(
    vault: Vault, trial: TrialDefinition, table: Table
) -> None:
    import_key_table(vault, trial, table("1,LA-001", "2,LA-002"), actor="ann")
    package(vault, "LA-002", "a", "folder")
    import_key_table(vault, trial, table("1,LA-001"), actor="ann")
    change = import_key_table(vault, trial, table("1,LA-001", "2,LA-002"), actor="ann")
    assert [(each.subject_key, each.effect) for each in change.corrections] == [("LA-002", Effect.RETURNED)]
    assert outdated(vault) == [("LA-002", "withdrawn", "", "folder")]


def test_an_import_waits_for_a_run_that_works_on_a_subject_it_corrects(
    vault: Vault, trial: TrialDefinition, table: Table
) -> None:
    import_key_table(vault, trial, table("1,LA-001", "2,LA-002"), actor="ann")
    with vault.lock("LUNGART/LA-002"):
        import_key_table(vault, trial, table("11,LA-001", "2,LA-002"), actor="ann")
        with pytest.raises(TransientError, match="LUNGART/LA-002: a run is at work on 1 of the subjects"):
            import_key_table(vault, trial, table("11,LA-001"), actor="ann")
    assert len(enrolled(vault, TRIAL)) == 2
    import_key_table(vault, trial, table("11,LA-001"), actor="ann")
    assert len(enrolled(vault, TRIAL)) == 1


def test_what_is_settled_stays_written_down(vault: Vault, trial: TrialDefinition, table: Table) -> None:
    import_key_table(vault, trial, table("1,LA-001", "2,LA-002"), actor="ann")
    package(vault, "LA-002", "a", "folder")
    import_key_table(vault, trial, table("1,LA-001"), actor="ann")
    with vault.session() as session:
        assert len(settle_outdated(session, {"trial": TRIAL}, by="bob", settlement="deleted there")) == 1
        assert settle_outdated(session, {"trial": TRIAL}, by="eve", settlement="x") == []
    with vault.session(read_only=True) as session:
        (row,) = session.scalars(select(OutdatedDelivery))
    assert (row.settled_by, row.settlement) == ("bob", "deleted there")
    assert row.settled_at is not None


def test_another_trial_s_merge_leaves_subject_and_dates_of_this_one(
    vault: Vault, trial: TrialDefinition, other_trial: TrialDefinition, table: Table
) -> None:
    import_key_table(vault, trial, table("1,LA-001"), actor="ann")
    (before,) = enrolled(vault, TRIAL)
    shift = vault.date_shift(before.person_id, TRIAL)
    package(vault, "LA-001", "a", "folder")
    import_key_table(vault, other_trial, table("2,PV-001,", "1,PV-001,yes", columns=["alias"]), actor="ann")
    (after,) = enrolled(vault, TRIAL)
    assert after.person_id == vault.identities.patient("", "1").person_id == vault.identities.patient("", "2").person_id
    assert vault.date_shift(after.person_id, TRIAL) == shift
    assert states(vault) == {"LA-001": ("verified", False)}


def test_trials_that_each_know_one_id_keep_their_dates_when_a_third_merges_them(
    vault: Vault, trial: TrialDefinition, other_trial: TrialDefinition, table: Table
) -> None:
    third = trial.model_copy(update={"trial": "THIRD"})
    import_key_table(vault, trial, table("1,LA-001"), actor="ann")
    import_key_table(vault, other_trial, table("2,PV-001"), actor="ann")
    shifts = {name: vault.date_shift(enrolled(vault, name)[0].person_id, name) for name in ("LUNGART", "PELVIC")}
    import_key_table(vault, third, table("2,LA-001,", "1,LA-001,yes", columns=["alias"]), actor="ann")
    persons = {enrolled(vault, name)[0].person_id for name in ("LUNGART", "PELVIC", "THIRD")}
    assert len(persons) == 1
    for name, shift in shifts.items():
        assert vault.date_shift(enrolled(vault, name)[0].person_id, name) == shift
    import_key_table(vault, third, table("2,LA-001,", "1,LA-002,", columns=["alias"]), actor="ann")
    assert enrolled(vault, "LUNGART")[0].person_id != enrolled(vault, "PELVIC")[0].person_id
    for name, shift in shifts.items():
        assert vault.date_shift(enrolled(vault, name)[0].person_id, name) == shift


def test_a_merge_that_would_move_another_trial_s_dates_makes_a_new_person(
    vault: Vault, trial: TrialDefinition, other_trial: TrialDefinition, table: Table
) -> None:
    import_key_table(vault, other_trial, table("1,PV-001", "2,PV-002"), actor="ann")
    shifts = [vault.date_shift(subject.person_id, "PELVIC") for subject in enrolled(vault, "PELVIC")]
    import_key_table(vault, other_trial, table("1,PV-001"), actor="ann")
    import_key_table(vault, trial, table("2,LA-001,", "1,LA-001,yes", columns=["alias"]), actor="ann")
    (subject,) = enrolled(vault, "PELVIC")
    assert vault.date_shift(subject.person_id, "PELVIC") == shifts[0]
    assert enrolled(vault, TRIAL)[0].person_id == subject.person_id
    with vault.session(read_only=True) as session:
        assert len(set(session.scalars(select(DateShift.days)))) == len(set(shifts))
