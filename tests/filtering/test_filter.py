"""A trial judges every instance of a subject, by the rules as they are now."""

from __future__ import annotations

from datetime import date

import pytest
from sqlalchemy import select, update

from pacs2trial.errors import TransientError
from pacs2trial.filtering.filter import Filtered
from pacs2trial.keytable import KeyTableRow, accession_lookup
from pacs2trial.staging import ledger
from pacs2trial.staging.balance import balance
from pacs2trial.vault.tables import Disclosure, Instance, InstanceState, Judgement, TrialInstance
from support.filter_bench import ROW, TRIAL, Bench
from support.ledgers import PACS
from support.vaults import write_definition


def test_wanted_and_clean_is_accepted(bench: Bench):
    bench.enrol(ROW)
    one = bench.arrive(1)
    assert bench.filter() == Filtered("LA-001", accepted=1, not_wanted=0, held=0, rejected=0, reasons={})
    assert bench.judgements() == {one: Judgement.ACCEPTED}


def test_a_modality_that_the_trial_does_not_list_is_not_wanted(bench: Bench):
    bench.enrol(ROW)
    bench.arrive(1)
    other = bench.arrive(2, modality="MR")
    found = bench.filter()
    assert (found.accepted, found.not_wanted) == (1, 1)
    assert found.reasons == {"modality MR is not in source.modalities": 1}
    assert bench.judgements()[other] == Judgement.NOT_WANTED


def test_quarantine_holds_what_is_wanted_and_leaves_the_rest_aside(bench: Bench):
    bench.enrol(ROW)
    bench.arrive(1)
    doubtful = bench.arrive(2, state=InstanceState.QUARANTINED)
    ultrasound = bench.arrive(3, modality="US", state=InstanceState.QUARANTINED)
    found = bench.filter()
    assert (found.accepted, found.held, found.not_wanted) == (1, 1, 1)
    assert bench.judgements()[doubtful] == Judgement.HELD
    assert bench.judgements()[ultrasound] == Judgement.NOT_WANTED
    (line,) = balance(bench.ws.vault, TRIAL)
    assert (line.held, line.not_wanted, line.deliverable()) == (1, 1, False)


def test_what_stage_1_rejected_is_rejected_here(bench: Bench):
    bench.enrol(ROW)
    bench.arrive(1, state=InstanceState.REJECTED)
    assert bench.filter().rejected == 1


def test_what_has_not_arrived_is_not_judged_unless_another_trial_wants_it(bench: Bench):
    bench.enrol(ROW)
    bench.arrive(1)
    gap, unknown = bench.book.announced("A1", 2), bench.book.announced("A1", 3, modality="")
    foreign = bench.book.announced("A1", 4, modality="MR")
    ledger.expect(bench.ws.vault, [gap, unknown, foreign], source=PACS)
    bench.filter()
    judged = bench.judgements()
    assert gap.sop_instance not in judged
    assert unknown.sop_instance not in judged
    assert judged[foreign.sop_instance] == Judgement.NOT_WANTED
    (line,) = balance(bench.ws.vault, TRIAL)
    assert (line.waiting, line.undecided, line.deliverable()) == (2, 0, False)


def test_after_the_filter_nothing_that_arrived_is_undecided(bench: Bench):
    bench.enrol(ROW)
    for number, (modality, state) in enumerate(
        (m, s)
        for m in ("CT", "MR", "US", "")
        for s in (InstanceState.STAGED, InstanceState.QUARANTINED, InstanceState.REJECTED)
    ):
        bench.arrive(number, modality=modality, state=state)
    bench.filter()
    (line,) = balance(bench.ws.vault, TRIAL)
    assert line.undecided == 0
    assert line.accepted + line.held + line.refused + line.not_wanted == 12


@pytest.mark.parametrize(
    ("studies", "accepted"), [({"study_date_from": date(2024, 3, 2)}, 2), ({"study_date_to": date(2024, 3, 1)}, 1)]
)
def test_visits_by_date_let_in_their_studies_and_no_others(bench: Bench, studies: dict[str, date], accepted: int):
    bench.enrol(KeyTableRow(2, "A1", "LA-001", **studies))
    for study in (1, 2, 3):
        bench.arrive(1, study=study)
    found = bench.filter()
    assert (found.accepted, found.not_wanted, found.held) == (accepted, 3 - accepted, 0)
    assert set(found.reasons) == {"the study matches no visit"}


def test_visits_by_accession_number_let_in_their_study(bench: Bench):
    bench.enrol(KeyTableRow(2, "A1", "LA-001", accession_number="ACC77"))
    wanted = bench.arrive(1, accession_lookup=accession_lookup(bench.ws.vault, "ACC77 "))
    other = bench.arrive(1, study=2, accession_lookup=accession_lookup(bench.ws.vault, "ACC78"))
    none = bench.arrive(1, study=3)
    bench.filter()
    assert bench.judgements() == {wanted: Judgement.ACCEPTED, other: Judgement.NOT_WANTED, none: Judgement.NOT_WANTED}


def test_a_study_of_two_visits_is_held(bench: Bench):
    rows = [KeyTableRow(n, "A1", "LA-001", study_date_from=date(2024, 2, n)) for n in (2, 3)]
    bench.enrol(*rows)
    bench.arrive(1)
    assert bench.filter().reasons == {"the study matches several visits": 1}


def test_a_study_that_holds_instances_of_two_persons_is_held(bench: Bench):
    bench.enrol(ROW)
    bench.arrive(1)
    bench.arrive(2, patient_id="B2")
    assert bench.filter().reasons == {"the study holds instances of two persons": 1}


def test_todays_site_rules_are_asked_again(bench: Bench):
    bench.enrol(ROW)
    bench.arrive(1, burned_in="YES")
    assert bench.filter().reasons == {"site rule: burned-in-annotation": 1}


def test_an_instance_without_facts_is_held(bench: Bench):
    bench.enrol(ROW)
    bench.arrive(1)
    with bench.ws.vault.session() as session:
        session.execute(update(Instance).values(facts_sealed=None))
    assert bench.filter().held == 1


def test_a_collected_instance_stays_collected_while_it_is_accepted(bench: Bench):
    bench.enrol(ROW)
    one = bench.arrive(1)
    bench.filter()
    _collect(bench)
    assert bench.filter().accepted == 1
    assert bench.judgements() == {one: Judgement.COLLECTED}


def test_a_changed_definition_is_applied_to_what_was_judged_before(bench: Bench):
    bench.enrol(ROW)
    one = bench.arrive(1)
    bench.filter()
    _collect(bench)
    source = {"pacs": "main", "modalities": ["MR"]}
    write_definition(bench.ws.settings.trials, TRIAL, subject_key="LA-[0-9]{3}", source=source)
    bench.filter()
    assert bench.judgements() == {one: Judgement.NOT_WANTED}


def test_a_decision_about_quarantine_changes_the_judgement(bench: Bench):
    bench.enrol(ROW)
    one = bench.arrive(1, state=InstanceState.QUARANTINED)
    bench.filter()
    with bench.ws.vault.session() as session:
        session.execute(update(Instance).values(state=InstanceState.REJECTED))
    bench.filter()
    assert bench.judgements() == {one: Judgement.REJECTED}


def test_facts_are_disclosed_once_a_run_to_the_filter(bench: Bench):
    bench.enrol(ROW)
    for number in range(3):
        bench.arrive(number)
    bench.arrive(4, modality="MR")
    bench.filter()
    with bench.ws.vault.session(read_only=True) as session:
        (row,) = session.scalars(select(Disclosure).where(Disclosure.caller == "filter"))
        assert (row.count, row.purpose) == (3, "rules of trial LUNGART")


def test_no_rule_repeats_a_value_of_the_object(bench: Bench):
    bench.enrol(KeyTableRow(2, "A1", "LA-001", accession_number="ACC77"))
    bench.arrive(1, series_description="ZEBRAFINCH^QUENTIN")
    bench.arrive(2, burned_in="YES", study=2)
    bench.filter()
    assert not any(marker in rule for rule in bench.rules() for marker in ("ZEBRA", "ACC77", "A1"))


def test_a_subject_that_another_process_works_on_is_left_alone(bench: Bench):
    bench.enrol(ROW)
    bench.arrive(1)
    with bench.ws.vault.lock("LUNGART/LA-001"), pytest.raises(TransientError):
        bench.filter()
    assert bench.judgements() == {}


def _collect(bench: Bench) -> None:
    with bench.ws.vault.session() as session:
        session.execute(update(TrialInstance).values(state=Judgement.COLLECTED))
