from __future__ import annotations

import re

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import text

from pacs2trial.errors import PermanentError
from pacs2trial.settings import Settings
from pacs2trial.vault import Original, Vault
from pacs2trial.vault.derivation import joined, keyed_digest, uid_from
from pacs2trial.vault.tables import Kind, Pseudonym, Scope
from pacs2trial.workspace import Workspace

MARKER = "ACC-PLANTED-77"


def uids(count: int, root: str = "1.2.826.0.1") -> list[Original]:
    return [Original(Kind.UID, f"{root}.{number}") for number in range(count)]


def test_one_original_has_one_pseudonym_for_ever(vault: Vault, vault_settings: Settings) -> None:
    first = vault.pseudonyms("STAGING").resolve(uids(1200))
    assert vault.pseudonyms("STAGING").resolve(uids(1200)) == first
    assert Vault.open(vault_settings).pseudonyms("STAGING").resolve(uids(1200)) == first


def test_different_originals_have_different_pseudonyms(workspace: Workspace) -> None:
    pseudo = workspace.vault.pseudonyms("STAGING").resolve(uids(1200))
    assert len(set(pseudo.values())) == 1200


def test_anagram_trials_share_nothing(vault: Vault) -> None:
    asked = [*uids(50), *(Original(kind, "12") for kind in (Kind.ACCESSION, Kind.STUDY_ID))]
    one = vault.pseudonyms("TRIAL12").resolve(asked)
    other = vault.pseudonyms("TRIAL21").resolve(asked)
    assert not set(one.values()) & set(other.values())


def test_staging_and_a_trial_share_nothing(workspace: Workspace) -> None:
    staged = workspace.vault.pseudonyms("STAGING").resolve(uids(50))
    assert not set(staged.values()) & set(workspace.vault.pseudonyms("T").resolve(uids(50)).values())


def test_two_sites_share_nothing(workspace: Workspace, tmp_path_factory: pytest.TempPathFactory) -> None:
    elsewhere = Settings(home=tmp_path_factory.mktemp("elsewhere"))
    Vault.create(elsewhere)
    here, there = (each.pseudonyms("T").resolve(uids(20)) for each in (workspace.vault, Vault.open(elsewhere)))
    assert not set(here.values()) & set(there.values())


@given(st.lists(st.binary(max_size=6), max_size=4), st.lists(st.binary(max_size=6), max_size=4))
def test_lengths_keep_parts_apart(one: list[bytes], other: list[bytes]) -> None:
    assert (joined(*one) == joined(*other)) == (one == other)


def test_a_uid_becomes_a_uid(workspace: Workspace) -> None:
    for pseudo in workspace.vault.pseudonyms("STAGING").resolve(uids(300)).values():
        assert re.fullmatch(r"2\.25\.(0|[1-9][0-9]*)", pseudo)
        assert len(pseudo) <= 64


@pytest.mark.parametrize("kind", [Kind.ACCESSION, Kind.STUDY_ID])
def test_other_identifiers_become_readable_codes(workspace: Workspace, kind: Kind) -> None:
    codes = workspace.vault.pseudonyms("STAGING").resolve(Original(kind, str(number)) for number in range(300)).values()
    assert len(set(codes)) == 300
    assert all(re.fullmatch(r"[A-Z0-9]{13,16}", code) for code in codes)


def test_padding_does_not_count(workspace: Workspace) -> None:
    asked = [Original(Kind.UID, value) for value in ("1.2.3", "1.2.3\0", "1.2.3 ")]
    assert len(set(workspace.vault.pseudonyms("STAGING").resolve(asked).values())) == 1


@pytest.mark.parametrize(("kind", "value"), [(Kind.UID, ""), (Kind.UID, " \0"), (Kind.PATIENT_ID, "1")])
def test_what_has_no_pseudonym_is_refused(workspace: Workspace, kind: Kind, value: str) -> None:
    with pytest.raises(ValueError, match="not empty"):
        workspace.vault.pseudonyms("STAGING").resolve([Original(kind, value)])


@hypothesis_settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.permutations(range(12)), st.integers(1, 12))
def test_order_and_batches_do_not_matter(workspace: Workspace, order: list[int], size: int) -> None:
    expected = {
        original: uid_from(keyed_digest(_staging_key(workspace.vault), "uid", original.value)) for original in uids(12)
    }
    pseudonyms = Vault.open(workspace.settings).pseudonyms("STAGING")
    found: dict[Original, str] = {}
    for start in range(0, 12, size):
        found |= pseudonyms.resolve([uids(12)[place] for place in order[start : start + size]])
    assert found == expected


def test_the_row_decides_not_the_derivation(vault: Vault) -> None:
    pseudonyms = vault.pseudonyms("T")
    with vault.session() as session:
        scope = session.query(Scope).filter_by(name="T").one()
        session.add(Pseudonym(scope_id=scope.id, kind=Kind.UID, lookup="1.2.3", pseudo="1.9.9"))
    assert pseudonyms.resolve([Original(Kind.UID, "1.2.3")]) == {Original(Kind.UID, "1.2.3"): "1.9.9"}


def test_a_pseudonym_that_stands_for_another_original_is_an_error(vault: Vault, vault_settings: Settings) -> None:
    original = Original(Kind.UID, "1.2.3")
    pseudonyms = vault.pseudonyms("T")
    pseudo = pseudonyms.resolve([original])[original]
    with vault.session() as session:
        session.query(Pseudonym).filter_by(pseudo=pseudo).update({"lookup": "1.2.4"})
    fresh = Vault.open(vault_settings).pseudonyms("T")
    with pytest.raises(PermanentError, match="1 proposed pseudonyms stand for other originals") as raised:
        fresh.resolve([original, *uids(5)])
    assert "1.2.3" not in str(raised.value)
    with vault.session(read_only=True) as session:
        assert session.query(Pseudonym).count() == 1, "nothing of the refused batch may stay"


def test_the_way_back(vault: Vault) -> None:
    pseudonyms = vault.pseudonyms("STAGING")
    pseudo = pseudonyms.resolve(uids(700))
    back = pseudonyms.originals_of(Kind.UID, pseudo.values(), caller="test", purpose="way back")
    assert back == {code: original.value for original, code in pseudo.items()}


def test_the_way_back_leaves_out_what_is_unknown(workspace: Workspace) -> None:
    assert workspace.vault.pseudonyms("STAGING").originals_of(Kind.UID, ["2.25.1"], caller="test", purpose="x") == {}


def test_an_accession_number_is_encrypted_in_staging_and_comes_back(vault: Vault) -> None:
    original = Original(Kind.ACCESSION, MARKER)
    pseudonyms = vault.pseudonyms("STAGING")
    code = pseudonyms.resolve([original])[original]
    with vault.session(read_only=True) as session:
        (row,) = session.execute(text("SELECT * FROM pseudonym")).all()
    assert not any(MARKER in str(cell) or MARKER.encode() in bytes(str(cell), "latin-1", "replace") for cell in row)
    assert pseudonyms.originals_of(Kind.ACCESSION, [code], caller="test", purpose="x") == {code: MARKER}


def test_an_original_of_any_length_has_a_pseudonym(vault: Vault) -> None:
    pseudonyms = vault.pseudonyms("STAGING")
    long = Original(Kind.UID, "1." + "2" * 100_000)
    pseudo = pseudonyms.resolve([long])[long]
    assert pseudonyms.originals_of(Kind.UID, [pseudo], caller="test", purpose="x") == {pseudo: long.value}


def test_a_known_original_needs_no_database(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    pseudonyms = workspace.vault.pseudonyms("STAGING")
    first = pseudonyms.resolve(uids(10))
    monkeypatch.setattr(workspace.vault._database, "session", None)
    assert pseudonyms.resolve(uids(10)) == first


def test_the_memory_of_a_process_is_bounded(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pacs2trial.vault.pseudonyms.REMEMBERED", 20)
    pseudonyms = workspace.vault.pseudonyms("STAGING")
    for number in range(10):
        pseudonyms.resolve(uids(8, root=f"1.{number}"))
        assert len(pseudonyms._known) <= 20


def test_a_scope_has_a_name_of_the_right_form(workspace: Workspace) -> None:
    with pytest.raises(ValueError, match="a scope is"):
        workspace.vault.pseudonyms("lower case")


def test_an_erased_scope_cannot_be_opened(workspace: Workspace) -> None:
    workspace.vault.pseudonyms("T").resolve(uids(1))
    with workspace.vault.session() as session:
        session.query(Scope).filter_by(name="T").update({"salt": None, "data_key_sealed": None})
    with pytest.raises(PermanentError, match="was erased"):
        Vault.open(workspace.settings).pseudonyms("T")


def _staging_key(vault: Vault) -> bytes:
    return vault._scopes.open("STAGING").pseudonym_key
