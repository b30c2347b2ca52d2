"""The balance counts sets: every instance of a subject once after stage 1 and once after the filter."""

from __future__ import annotations

import sqlite3

import pytest
from sqlalchemy import update

from pacs2trial.errors import InputError
from pacs2trial.staging import ledger
from pacs2trial.staging.balance import Balance, balance, balance_by_study
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import Identifier, InstanceState, Judgement
from pacs2trial.workspace import Workspace
from support.ledgers import PACS, PUSH, Book

TRIAL = "LUNGART"


@pytest.fixture
def book(vault: Vault) -> Book:
    return Book(vault)


def test_a_subject_of_whom_nothing_is_known_has_a_balance_of_zeros(book: Book):
    book.enrol(TRIAL, "LA-001", "A1")
    assert balance(book.vault, TRIAL) == [Balance("LA-001")]
    assert not balance(book.vault, TRIAL)[0].deliverable()


def test_each_state_is_counted_apart_and_the_sum_is_what_was_announced(book: Book):
    book.enrol(TRIAL, "LA-001", "A1")
    these = [book.announced("A1", number) for number in range(6)]
    ledger.expect(book.vault, these, source=PACS)
    ledger.record_staged(book.vault, book.arrival("A1", 0), book.content())
    _settle(book, 1, InstanceState.QUARANTINED)
    _settle(book, 2, InstanceState.REJECTED)
    ledger.record_failed(book.vault, [these[3].sop_instance], "refused")
    ledger.record_missing(book.vault, [these[4].sop_instance], "never sent")
    (found,) = balance(book.vault, TRIAL)
    assert found == Balance(
        "LA-001",
        expected=6,
        staged=1,
        quarantined=1,
        rejected=1,
        failed=1,
        missing=1,
        waiting=1,
        undecided=2,
        refused=1,
    )
    assert not found.settled()


def test_what_came_unasked_is_counted_apart(book: Book):
    book.enrol(TRIAL, "LA-001", "A1")
    ledger.expect(book.vault, [book.announced("A1", 1)], source=PACS)
    ledger.record_staged(book.vault, book.arrival("A1", 2, source=PUSH), book.content())
    (found,) = balance(book.vault, TRIAL)
    assert (found.expected, found.unexpected, found.waiting, found.staged) == (1, 1, 1, 1)


def test_every_judgement_is_counted_and_the_sum_is_what_arrived(book: Book):
    subject = book.enrol(TRIAL, "LA-001", "A1")
    for number, judgement in enumerate(Judgement):
        arrival = book.arrival("A1", number)
        ledger.record_staged(book.vault, arrival, book.content(number + 1))
        book.judge(TRIAL, subject, arrival.instance, judgement)
    (found,) = balance(book.vault, TRIAL)
    assert (found.accepted, found.collected, found.held, found.refused, found.not_wanted) == (1, 1, 1, 1, 1)
    assert (found.staged, found.undecided) == (5, 0)


def test_a_quarantined_instance_that_the_trial_wants_holds_the_subject(book: Book):
    subject = book.enrol(TRIAL, "LA-001", "A1")
    _stage_accepted(book, subject, 1)
    _settle(book, 2, InstanceState.QUARANTINED)
    assert not _only(book).deliverable(), "nobody has judged it"
    book.judge(TRIAL, subject, book.announced("A1", 2), Judgement.HELD)
    assert (_only(book).held, _only(book).deliverable()) == (1, False)


def test_a_quarantined_instance_that_the_trial_does_not_want_holds_nobody(book: Book):
    subject = book.enrol(TRIAL, "LA-001", "A1")
    _stage_accepted(book, subject, 1)
    _settle(book, 2, InstanceState.QUARANTINED)
    book.judge(TRIAL, subject, book.announced("A1", 2), Judgement.NOT_WANTED)
    assert (_only(book).quarantined, _only(book).not_wanted, _only(book).deliverable()) == (1, 1, True)


@pytest.mark.parametrize("judgement", [Judgement.ACCEPTED, Judgement.COLLECTED])
def test_nothing_open_and_something_let_through_is_deliverable(book: Book, judgement: Judgement):
    subject = book.enrol(TRIAL, "LA-001", "A1")
    _stage_accepted(book, subject, 1, judgement)
    assert _only(book).deliverable()


@pytest.mark.parametrize("judgement", [Judgement.REJECTED, Judgement.NOT_WANTED])
def test_nothing_let_through_is_not_deliverable(book: Book, judgement: Judgement):
    subject = book.enrol(TRIAL, "LA-001", "A1")
    _stage_accepted(book, subject, 1, judgement)
    assert not _only(book).deliverable()


@pytest.mark.parametrize("open_end", ["waiting", "missing", "failed"])
def test_an_instance_that_did_not_arrive_forbids_delivery(book: Book, open_end: str):
    subject = book.enrol(TRIAL, "LA-001", "A1")
    _stage_accepted(book, subject, 1)
    absent = book.announced("A1", 2)
    ledger.expect(book.vault, [absent], source=PACS)
    if open_end != "waiting":
        give_up = {"missing": ledger.record_missing, "failed": ledger.record_failed}[open_end]
        give_up(book.vault, [absent.sop_instance], "gone")
    assert not _only(book).deliverable()


def test_a_person_may_reject_an_instance_and_the_rest_is_delivered(book: Book):
    subject = book.enrol(TRIAL, "LA-001", "A1")
    _stage_accepted(book, subject, 1)
    _settle(book, 2, InstanceState.REJECTED)
    assert (_only(book).refused, _only(book).deliverable()) == (1, True)


def test_another_trials_gap_is_no_gap_here(book: Book):
    subject = book.enrol(TRIAL, "LA-001", "A1")
    book.enrol("PELVIC", "PV-001", "A1")
    _stage_accepted(book, subject, 1)
    ledger.expect(book.vault, [book.announced("A1", 2, modality="MR")], source=PACS)
    (narrowed,) = balance(book.vault, TRIAL, modalities={"CT"})
    assert (narrowed.waiting, narrowed.expected, narrowed.deliverable()) == (0, 0, True)
    book.judge(TRIAL, subject, book.announced("A1", 2), Judgement.NOT_WANTED)
    assert _only(book).deliverable(), "the filter said so"
    (other,) = balance(book.vault, "PELVIC")
    assert (other.waiting, other.undecided) == (1, 1)


def test_what_another_trial_fetches_is_not_wanted_here_before_the_filter_says_so(book: Book):
    subject = book.enrol(TRIAL, "LA-001", "A1")
    _stage_accepted(book, subject, 1)
    ledger.record_staged(book.vault, book.arrival("A1", 2, modality="MR"), book.content())
    (narrowed,) = balance(book.vault, TRIAL, modalities={"CT"})
    assert (narrowed.not_wanted, narrowed.undecided, narrowed.deliverable()) == (1, 0, True)
    assert (_only(book).undecided, _only(book).deliverable()) == (1, False), "what is wanted is not known here"


def test_all_hospital_ids_of_a_person_count(book: Book):
    book.enrol(TRIAL, "LA-001", "A1")
    ledger.record_staged(book.vault, book.arrival("A1", 1), book.content(1))
    ledger.record_staged(book.vault, book.arrival("B2", 2), book.content(2))
    assert _only(book).staged == 1
    _same_person(book, "A1", "B2")
    assert _only(book).staged == 2


def test_a_judgement_for_the_keys_former_owner_does_not_count(book: Book):
    subject = book.enrol(TRIAL, "LA-001", "A1")
    other = book.enrol(TRIAL, "LA-002", "B2")
    _stage_accepted(book, other, 1)
    assert (_only(book).accepted, _only(book).undecided, subject != other) == (0, 1, True)


def test_only_the_asked_subjects_are_told_and_an_unknown_one_is_refused(book: Book):
    book.enrol(TRIAL, "LA-001", "A1")
    book.enrol(TRIAL, "LA-002", "B2")
    assert [one.subject_key for one in balance(book.vault, TRIAL)] == ["LA-001", "LA-002"]
    assert [one.subject_key for one in balance(book.vault, TRIAL, ["LA-002"])] == ["LA-002"]
    with pytest.raises(InputError, match="'LA-009'"):
        balance(book.vault, TRIAL, ["LA-009"])


def test_the_balance_of_one_subject_costs_the_same_in_a_larger_trial(workspace: Workspace):
    book, vault = Book(workspace.vault), workspace.vault
    book.enrol(TRIAL, "LA-001", "A1")
    alone = _steps_of_sqlite(vault)
    for number in range(2, 200):
        book.enrol(TRIAL, f"LA-{number:03d}", f"A{number}")
    assert _steps_of_sqlite(vault) <= alone * 1.1


def test_the_balance_of_studies_adds_up_to_that_of_the_subject(book: Book):
    book.enrol(TRIAL, "LA-001", "A1")
    ledger.expect(
        book.vault, [book.announced("A1", n, study=study) for study in (1, 2) for n in range(study)], source=PACS
    )
    lines = balance_by_study(book.vault, TRIAL)
    assert {line.study: line.expected for line in lines} == {book.uid("1.2.3.1"): 1, book.uid("1.2.3.2"): 2}
    assert _only(book).expected == 3


def _steps_of_sqlite(vault: Vault) -> int:
    """What SQLite does for the balance of one subject, in instructions of its virtual machine."""
    steps = 0

    def count() -> int:
        nonlocal steps
        steps += 1
        return 0

    balance(vault, TRIAL, ["LA-001"])
    connection = vault.engine.raw_connection()
    driver = connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    connection.close()
    driver.set_progress_handler(count, 1)
    balance(vault, TRIAL, ["LA-001"])
    driver.set_progress_handler(None, 1)
    assert steps
    return steps


def _only(book: Book) -> Balance:
    return balance(book.vault, TRIAL, ["LA-001"])[0]


def _settle(book: Book, number: int, state: InstanceState) -> None:
    arrival = book.arrival("A1", number)
    with book.vault.session() as session:
        ledger.record_arrival(session, arrival, state, "a rule")


def _stage_accepted(book: Book, subject: int, number: int, judgement: Judgement = Judgement.ACCEPTED) -> None:
    arrival = book.arrival("A1", number)
    ledger.record_staged(book.vault, arrival, book.content(number))
    book.judge(TRIAL, subject, arrival.instance, judgement)


def _same_person(book: Book, first: str, second: str) -> None:
    keep, move = (book.vault.identities.patient("", patient_id) for patient_id in (first, second))
    with book.vault.session() as session:
        session.execute(update(Identifier).where(Identifier.id == move.identifier_id).values(person_id=keep.person_id))
