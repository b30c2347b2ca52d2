"""How often the vault asks its database: one statement for a batch, whatever its size."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from pacs2trial.settings import Settings
from pacs2trial.vault import Original, Vault
from pacs2trial.vault.database import BATCH
from pacs2trial.vault.tables import Kind
from support.statements import heard

UIDS = [Original(Kind.UID, f"1.2.826.0.1.{number}") for number in range(BATCH)]
OF_ONE_OBJECT = [*UIDS[:20], Original(Kind.ACCESSION, "A1"), Original(Kind.STUDY_ID, "S1")]
BY_ANOTHER = pytest.mark.parametrize("known", [0, 1, BATCH - 1])


@contextmanager
def statements(vault: Vault, table: str) -> Iterator[list[str]]:
    """The first words of all statements about ``table``, once the block is left."""
    seen: list[str] = []
    with heard(vault) as said:
        yield seen
    plain = [f"{statement} ".replace("\n", " ").replace(",", " ") for statement in said]
    seen += [statement.split()[0] for statement in plain if f" {table} " in statement]


@pytest.mark.parametrize("asked", [UIDS, OF_ONE_OBJECT], ids=["a series", "an object"])
def test_new_originals_are_one_question_and_one_insert(vault: Vault, asked: list[Original]) -> None:
    pseudonyms = vault.pseudonyms("T")
    with statements(vault, "pseudonym") as seen:
        pseudonyms.resolve(asked)
    assert seen == ["SELECT", "INSERT"]


@pytest.mark.parametrize("asked", [UIDS, OF_ONE_OBJECT], ids=["a series", "an object"])
def test_known_originals_are_one_question(vault: Vault, vault_settings: Settings, asked: list[Original]) -> None:
    first = vault.pseudonyms("T").resolve(asked)
    fresh = Vault.open(vault_settings)
    with statements(fresh, "pseudonym") as seen:
        assert fresh.pseudonyms("T").resolve(asked) == first
    assert seen == ["SELECT"]
    fresh.close()


@BY_ANOTHER
def test_what_another_process_was_first_with_is_read_once_more(
    vault: Vault, vault_settings: Settings, known: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another process writes between our question and our insert."""
    other = Vault.open(vault_settings)
    pseudonyms = vault.pseudonyms("T")
    select = pseudonyms._select

    def then_the_other(session: Any, keys: Any) -> Any:
        found = select(session, keys)
        monkeypatch.setattr(pseudonyms, "_select", select)
        expected.update(other.pseudonyms("T").resolve(UIDS[:known]))
        return found

    expected: dict[Original, str] = {}
    monkeypatch.setattr(pseudonyms, "_select", then_the_other)
    with statements(vault, "pseudonym") as seen:
        found = pseudonyms.resolve(UIDS)
    assert seen == ["SELECT", "INSERT", "SELECT"][: 3 if known else 2]
    assert expected.items() <= found.items()
    assert set(found) == set(UIDS)
    other.close()


def test_patients_are_one_question_and_one_insert_of_each_table(vault: Vault) -> None:
    with statements(vault, "identifier") as identifiers, statements(vault, "person") as persons:
        vault.identities.patients(("", f"P{number}") for number in range(BATCH))
    assert identifiers.count("INSERT") == 1
    assert persons.count("INSERT") == 1
