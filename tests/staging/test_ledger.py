"""Every instance is in exactly one state, and a settled one stays what it is."""

from __future__ import annotations

import pytest
from sqlalchemy import select

from pacs2trial.staging import ledger
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import Instance, InstanceState, StagedVersion
from support.ledgers import PACS, PUSH, Book


@pytest.fixture
def book(vault: Vault) -> Book:
    return Book(vault)


def test_announced_instances_are_expected_and_counted_once(book: Book):
    these = [book.announced("A1", number) for number in range(3)]
    assert ledger.expect(book.vault, these, source=PACS) == 3
    assert ledger.expect(book.vault, [*these, book.announced("A1", 3)], source=PACS) == 1
    assert set(book.states().values()) == {InstanceState.EXPECTED}


def test_an_instance_named_twice_in_one_answer_is_one_instance(book: Book):
    one = book.announced("A1", 1)
    assert ledger.expect(book.vault, [one, one], source=PACS) == 1


def test_more_instances_than_one_statement_takes_are_all_expected(book: Book):
    identifier = book.announced("A1", 1)
    many = [ledger.Announced(**{**vars(identifier), "sop_instance": f"2.25.{number}"}) for number in range(1203)]
    assert ledger.expect(book.vault, many, source=PACS) == 1203
    assert ledger.record_missing(book.vault, [one.sop_instance for one in many], "never sent") == 1203


def test_an_arrival_settles_what_was_expected(book: Book):
    one = book.announced("A1", 1)
    ledger.expect(book.vault, [one], source=PACS)
    recorded = ledger.record_staged(book.vault, book.arrival("A1", 1), book.content())
    assert (recorded.state, recorded.new) == (InstanceState.STAGED, True)
    assert book.states() == {one.sop_instance: InstanceState.STAGED}


def test_what_a_pacs_announced_is_told_apart_from_what_came_unasked(book: Book):
    ledger.expect(book.vault, [book.announced("A1", 1)], source=PACS)
    ledger.record_staged(book.vault, book.arrival("A1", 1), book.content(1))
    ledger.record_staged(book.vault, book.arrival("A1", 2), book.content(2))
    assert _sources(book) == {book.announced("A1", 1).sop_instance: PACS, book.announced("A1", 2).sop_instance: PUSH}


def test_an_instance_that_came_unasked_counts_as_announced_once_a_pacs_names_it(book: Book):
    ledger.record_staged(book.vault, book.arrival("A1", 1), book.content())
    assert ledger.expect(book.vault, [book.announced("A1", 1)], source=PACS) == 0
    assert set(_sources(book).values()) == {PACS}


def test_what_a_retrieval_brought_along_is_not_announced_by_that(book: Book):
    ledger.record_staged(book.vault, book.arrival("A1", 1, source=PACS), book.content())
    assert set(_sources(book).values()) == {"pull:main"}


@pytest.mark.parametrize("settle", ["staged", "quarantined", "rejected"])
def test_announcing_again_never_downgrades_a_settled_instance(book: Book, settle: str):
    arrival, state = book.arrival("A1", 1), InstanceState(settle)
    if state is InstanceState.STAGED:
        ledger.record_staged(book.vault, arrival, book.content())
    else:
        with book.vault.session() as session:
            ledger.record_arrival(session, arrival, state, "a rule")
    ledger.expect(book.vault, [arrival.instance], source=PACS)
    assert ledger.record_missing(book.vault, [arrival.instance.sop_instance], "late") == 0
    assert ledger.record_failed(book.vault, [arrival.instance.sop_instance], "late") == 0
    assert book.states() == {arrival.instance.sop_instance: state}


@pytest.mark.parametrize("give_up", [ledger.record_missing, ledger.record_failed])
def test_what_was_given_up_may_be_announced_again_and_may_still_arrive(book: Book, give_up):
    one = book.announced("A1", 1)
    ledger.expect(book.vault, [one], source=PACS)
    assert give_up(book.vault, [one.sop_instance], "the PACS did not send it") == 1
    ledger.expect(book.vault, [one], source=PACS)
    assert book.states() == {one.sop_instance: InstanceState.EXPECTED}
    give_up(book.vault, [one.sop_instance], "again")
    assert ledger.record_staged(book.vault, book.arrival("A1", 1), book.content()).state is InstanceState.STAGED


def test_the_same_content_twice_is_one_version(book: Book):
    assert ledger.record_staged(book.vault, book.arrival("A1", 1), book.content()).new
    assert not ledger.record_staged(book.vault, book.arrival("A1", 1), book.content()).new
    assert _versions(book) == {book.content().digest: True}


def test_another_content_becomes_another_version_and_the_first_stays_current(book: Book):
    ledger.record_staged(book.vault, book.arrival("A1", 1), book.content(1))
    assert ledger.record_staged(book.vault, book.arrival("A1", 1), book.content(2)).new
    assert _versions(book) == {book.content(1).digest: True, book.content(2).digest: False}


@pytest.mark.parametrize("state", [InstanceState.QUARANTINED, InstanceState.REJECTED])
def test_a_clean_content_does_not_lift_doubt_about_another_one(book: Book, state: InstanceState):
    arrival = book.arrival("A1", 1)
    with book.vault.session() as session:
        ledger.record_arrival(session, arrival, state, "ultrasound")
    recorded = ledger.record_staged(book.vault, book.arrival("A1", 1), book.content())
    assert (recorded.state, recorded.reason) == (state, "ultrasound")
    assert _versions(book) == {book.content().digest: False}


def test_the_object_itself_corrects_what_the_pacs_said_of_it(book: Book):
    ledger.expect(book.vault, [book.announced("A1", 1, modality="OT")], source=PACS)
    ledger.record_staged(book.vault, book.arrival("A1", 1, modality="CT"), book.content())
    with book.vault.session() as session:
        assert session.scalars(select(Instance.modality)).all() == ["CT"]


def test_known_tells_patient_state_and_contents(book: Book):
    one = book.announced("A1", 1)
    assert ledger.known(book.vault, one.sop_instance) is None
    ledger.expect(book.vault, [one], source=PACS)
    found = ledger.known(book.vault, one.sop_instance)
    assert found == ledger.Known(one.identifier_id, InstanceState.EXPECTED, "", {})
    ledger.record_staged(book.vault, book.arrival("A1", 1), book.content())
    found = ledger.known(book.vault, one.sop_instance)
    assert found is not None
    assert found.contents == {book.content().digest: book.content().path}


def _sources(book: Book) -> dict[str, str]:
    with book.vault.session(read_only=True) as session:
        return dict(session.execute(select(Instance.sop_instance, Instance.source)).all())


def _versions(book: Book) -> dict[str, bool]:
    with book.vault.session(read_only=True) as session:
        return dict(session.execute(select(StagedVersion.digest, StagedVersion.current)).all())
