from __future__ import annotations

import re

import pytest
from sqlalchemy import text

from pacs2trial.settings import Settings
from pacs2trial.vault import Vault
from pacs2trial.workspace import Workspace

MARKER = "PLANTED-4711"


def test_a_patient_is_the_same_for_ever(vault: Vault, vault_settings: Settings) -> None:
    first = vault.identities.patient("HOSP", "123")
    assert vault.identities.patient("HOSP", "123") == first
    assert Vault.open(vault_settings).identities.patient("HOSP", "123") == first


def test_a_patient_id_means_another_patient_with_another_issuer(workspace: Workspace) -> None:
    one, other = workspace.vault.identities.patient("A", "123"), workspace.vault.identities.patient("B", "123")
    assert one.person_id != other.person_id
    assert one.code != other.code


def test_issuer_and_patient_id_are_kept_apart(workspace: Workspace) -> None:
    assert workspace.vault.identities.patient("A1", "23") != workspace.vault.identities.patient("A", "123")


def test_an_empty_issuer_is_the_site_s(settings: Settings) -> None:
    settings = Settings(**{**settings.model_dump(), "issuer": "SITE"})
    Vault.create(settings)
    identities = Vault.open(settings).identities
    assert identities.patient("", "123") == identities.patient("SITE", "123")


def test_padding_does_not_count_but_case_and_zeros_do(workspace: Workspace) -> None:
    asked = workspace.vault.identities.patients([("", value) for value in ("12a", " 12a ", "12a\0", "12A", "012a")])
    assert len({patient.code for patient in asked.values()}) == 3


def test_a_code_fits_a_patient_id(workspace: Workspace) -> None:
    patients = workspace.vault.identities.patients([("", str(number)) for number in range(700)])
    codes = {patient.code for patient in patients.values()}
    assert len(codes) == 700
    assert all(re.fullmatch(r"[A-Z][A-Z0-9]{13}", code) for code in codes)


def test_an_empty_patient_id_names_nobody(workspace: Workspace) -> None:
    with pytest.raises(ValueError, match="names nobody"):
        workspace.vault.identities.patient("HOSP", " ")


def test_the_way_back(vault: Vault) -> None:
    pairs = [("HOSP", "123"), ("", "Ünï 4")]
    ids = {pair: patient.identifier_id for pair, patient in vault.identities.patients(pairs).items()}
    back = vault.identities.original_ids(ids.values(), caller="test", purpose="way back")
    assert {back[identifier]: identifier for identifier in back} == ids


def test_no_patient_id_stands_in_the_database_in_clear(vault: Vault) -> None:
    vault.identities.patient(f"ISSUER-{MARKER}", MARKER)
    with vault.session(read_only=True) as session:
        rows = session.execute(text("SELECT * FROM identifier")).all()
    assert MARKER not in repr(rows)


def test_asking_whether_a_patient_is_known_makes_nobody(workspace: Workspace) -> None:
    assert not workspace.vault.identities.is_known("", "123")
    assert not workspace.vault.identities.is_known("", "123")
    workspace.vault.identities.patient("", "123")
    assert workspace.vault.identities.is_known("", "123")
    assert not workspace.vault.identities.is_known("", "")
