"""Airflow's tasks, the receiver and several machines write at once; a process may be killed at any moment."""

from __future__ import annotations

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import count
from typing import Any

from sqlalchemy import func, select

from pacs2trial.settings import Settings
from pacs2trial.vault import Original, Vault
from pacs2trial.vault.tables import Identifier, Kind, Person, Pseudonym
from support.processes import Child, together

ORIGINALS = [Original(Kind.UID, f"1.2.3.{number}") for number in range(800)]
PATIENTS = [("", f"PAT{number}") for number in range(120)]


def resolve_shuffled(settings: Settings, seed: int) -> dict[Original, str]:
    order = random.Random(seed).sample(ORIGINALS, len(ORIGINALS))
    pseudonyms = Vault.open(settings).pseudonyms("T")
    found: dict[Original, str] = {}
    for start in range(0, len(order), 250):
        found |= pseudonyms.resolve(order[start : start + 250])
    return found


def enter_shuffled(settings: Settings, seed: int) -> dict[tuple[str, str], Any]:
    order = random.Random(seed).sample(PATIENTS, len(PATIENTS))
    identities = Vault.open(settings).identities
    return {pair: identities.patient(*pair) for pair in order[:30]} | identities.patients(order)


def test_processes_that_resolve_the_same_originals_agree(vault_settings: Settings) -> None:
    first, *others = together([partial(resolve_shuffled, vault_settings, seed) for seed in range(4)])
    assert all(other == first for other in others)
    with Vault.open(vault_settings).session(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(Pseudonym)) == len(ORIGINALS)


def test_processes_that_enter_the_same_patients_agree(vault_settings: Settings) -> None:
    first, *others = together([partial(enter_shuffled, vault_settings, seed) for seed in range(4)])
    assert all(other == first for other in others)


def test_who_comes_second_leaves_no_person_behind(vault_settings: Settings) -> None:
    together([partial(enter_shuffled, vault_settings, seed) for seed in range(4)])
    with Vault.open(vault_settings).session(read_only=True) as session:
        persons = set(session.scalars(select(Person.id)))
        assert persons == set(session.scalars(select(Identifier.person_id)))
        assert len(persons) == len(PATIENTS)


def test_threads_of_one_process_agree(vault: Vault) -> None:
    pseudonyms = vault.pseudonyms("T")
    with ThreadPoolExecutor(8) as threads:
        first, *others = threads.map(
            lambda seed: pseudonyms.resolve(random.Random(seed).sample(ORIGINALS, len(ORIGINALS))), range(8)
        )
    assert all(other == first for other in others)


def test_a_vault_that_is_open_works_in_a_forked_child(vault: Vault) -> None:
    here = vault.pseudonyms("T").resolve(ORIGINALS[:10])
    (there,) = together([lambda: vault.pseudonyms("T").resolve(ORIGINALS[:20])])
    assert vault.pseudonyms("T").resolve(ORIGINALS[:20]) == there
    assert here.items() <= there.items()


def test_a_killed_process_leaves_whole_batches(vault_settings: Settings) -> None:
    def resolve_for_ever(send: Callable[[Any], None]) -> None:
        pseudonyms = Vault.open(vault_settings).pseudonyms("T")
        for batch in count():
            send(pseudonyms.resolve(Original(Kind.UID, f"1.{batch}.{number}") for number in range(100)))

    told: dict[Original, str] = {}
    for _ in range(3):
        child = Child(resolve_for_ever)
        for _ in range(5):
            told |= child.result()
        child.kill()
    with Vault.open(vault_settings).session(read_only=True) as session:
        known = dict(session.execute(select(Pseudonym.lookup, Pseudonym.pseudo)).all())
    assert len(known) % 100 == 0, "a batch stands whole or not at all"
    assert all(known[original.value] == pseudo for original, pseudo in told.items()), "what was returned is committed"


def test_a_process_killed_inside_a_transaction_leaves_nothing(vault: Vault, vault_settings: Settings) -> None:
    def stop_half_way(send: Callable[[Any], None]) -> None:
        opened = Vault.open(vault_settings)
        with opened.session() as session:
            opened.identities.enter(session, PATIENTS)
            send("entered")
            for _ in count():
                pass

    child = Child(stop_half_way)
    assert child.result() == "entered"
    child.kill()
    with vault.session(read_only=True) as session:
        assert session.scalar(select(func.count()).select_from(Identifier)) == 0
        assert session.scalar(select(func.count()).select_from(Person)) == 0
    assert len(vault.identities.patients(PATIENTS)) == len(PATIENTS)
