"""A running trial goes on with the UIDs that a Conquest server gave; what differs from the vault is refused whole."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select

from pacs2trial.errors import InputError
from pacs2trial.vault import Original, Vault
from pacs2trial.vault.tables import AuditEntry, Kind, Pseudonym
from pacs2trial.vault.takeover import TakenOver, import_uidmods

TRIALS = ("LUNGART", "PELVIC")
HEAD = "MODTime,OldUID,MODType,NewUID,Stage"
NAME, BIRTH = "Luczynska^Zofia", "19510719"
ROWS = (
    "1390000000,1.2.840.113619.2.55.3.1,StudyInstanceUID,1.3.6.1.4.1.9590.100.1.2.1,",
    "1390000000,1.2.840.113619.2.55.3.2,SOPInstanceUID,1.3.6.1.4.1.9590.100.1.2.2,",
    "1390000100,1.3.6.1.4.1.9590.100.1.2.1,StudyInstanceUID,1.3.6.1.4.1.9590.100.1.3.1,lungart",
    "1390000100,1.2.840.113619.2.55.3.9,FrameOfReferenceUID,1.3.6.1.4.1.9590.100.1.3.9,LUNGART",
    "1390000000,RXH4711,PatientID,8f3a01bc.77aa01ef,",
    "1390000100,8f3a01bc.77aa01ef,PatientID,LA-001,LUNGART",
    f"1390000000,{NAME},PatientName,PAT8f3a01bc,",
    f"1390000000,RXH4711.bd.{BIRTH},PatientBirthDate,8f3a01bc.bd.19510101,",
    "1390000000,1.2.840.10008.1.4.1.1,FrameOfReferenceUID,1.3.6.1.4.1.9590.100.1.2.8,",
)


def uid(value: str) -> Original:
    return Original(Kind.UID, value)


@pytest.fixture
def export(tmp_path: Path) -> Path:
    path = tmp_path / "uidmods.csv"
    path.write_text("\n".join([HEAD, *ROWS]) + "\n", "utf-8")
    return path


def taken(vault: Vault, path: Path) -> TakenOver:
    return import_uidmods(vault, path, TRIALS, actor="test")


def content(vault: Vault) -> set[tuple[int, str, str]]:
    with vault.session(read_only=True) as session:
        return {(row.scope_id, row.lookup, row.pseudo) for row in session.scalars(select(Pseudonym))}


def problems(vault: Vault, path: Path, *rows: str, head: str = HEAD) -> list[str]:
    path.write_text("\n".join([head, *rows]) + "\n", "utf-8")
    before = content(vault)
    with pytest.raises(InputError) as refused:
        taken(vault, path)
    assert content(vault) == before, "nothing was taken over"
    return list(refused.value.problems)


def test_both_stages_go_on_with_the_same_uids(vault: Vault, export: Path) -> None:
    assert taken(vault, export) == TakenOver(uids=4, patients=1, known=0, to_enrol=1, passed_over=3)
    study = uid("1.2.840.113619.2.55.3.1")
    staged = vault.pseudonyms("STAGING").resolve([study])[study]
    assert staged == "1.3.6.1.4.1.9590.100.1.2.1"
    assert vault.pseudonyms("LUNGART").resolve([uid(staged)]) == {uid(staged): "1.3.6.1.4.1.9590.100.1.3.1"}
    assert vault.identities.patient("", "RXH4711").code == "8f3a01bc.77aa01ef"


def test_a_trial_s_row_about_an_original_goes_through_staging(vault: Vault, export: Path) -> None:
    taken(vault, export)
    frame = uid("1.2.840.113619.2.55.3.9")
    staged = vault.pseudonyms("STAGING").resolve([frame])[frame]
    assert staged.startswith("2.25.")
    assert vault.pseudonyms("LUNGART").resolve([uid(staged)])[uid(staged)] == "1.3.6.1.4.1.9590.100.1.3.9"


def test_another_trial_shares_nothing_with_it(vault: Vault, export: Path) -> None:
    taken(vault, export)
    staged = uid("1.3.6.1.4.1.9590.100.1.2.1")
    assert vault.pseudonyms("PELVIC").resolve([staged])[staged].startswith("2.25.")


def test_a_second_import_changes_nothing(vault: Vault, export: Path) -> None:
    taken(vault, export)
    before = content(vault)
    again = taken(vault, export)
    assert (again.uids, again.patients, again.known) == (0, 0, 5)
    assert content(vault) == before


def test_what_differs_from_the_vault_is_refused_whole_by_line(vault: Vault, export: Path) -> None:
    taken(vault, export)
    found = problems(
        vault,
        export,
        "1,1.2.3.4.5,SOPInstanceUID,1.9.8.7,",
        "1,1.2.840.113619.2.55.3.1,StudyInstanceUID,1.9.9,",
        "1,1.2.3.4.6,SOPInstanceUID,1.3.6.1.4.1.9590.100.1.2.2,",
        "1,1.3.6.1.4.1.9590.100.1.2.1,StudyInstanceUID,1.9.7,LUNGART",
        "1,RXH4711,PatientID,other.code,",
        "1,RXH9999,PatientID,8f3a01bc.77aa01ef,",
    )
    assert found == [
        "line 3: the vault holds another pseudonym of this UID in STAGING",
        "line 4: the vault holds this pseudonym for another UID in STAGING",
        "line 5: the vault holds another pseudonym of this UID in LUNGART",
        "line 6: the vault holds another code of this patient",
        "line 7: the vault holds this code for another patient",
    ]


def test_rows_that_contradict_each_other_are_refused(vault: Vault, export: Path) -> None:
    assert problems(vault, export, "1,1.2.3,UID,1.9.1,", "1,1.2.3,UID,1.9.2,", "1,1.2.4,UID,1.9.1,") == [
        "line 3: the same original stands in line 2 with another pseudonym",
        "line 4: the same pseudonym stands in line 2 for another original",
    ]


def test_rows_that_cannot_be_used_are_told_by_line_and_without_values(vault: Vault, export: Path) -> None:
    found = problems(
        vault,
        export,
        "1,1.2.3,UID,not-a-uid,",
        "1,1.2.4,UID,1.9.2,BREAST",
        "1,RXH1,PatientID,../../etc,",
        "1,1.2.5",
    )
    assert found == [
        "line 2: NewUID is no UID of at most 64 characters",
        "line 3: its stage is no trial of this site; trials are LUNGART, PELVIC",
        "line 4: NewUID cannot stand for a patient: up to 32 letters, digits, '.', '_' and '-'",
        "line 5: 2 columns, expected MODTime, OldUID, MODType, NewUID, Stage",
    ]


def test_a_missing_column_is_named(vault: Vault, export: Path) -> None:
    (message,) = problems(vault, export, "1,1.2.3,1.9.1", head="MODTime,OldUID,NewUID")
    assert "MODType, Stage is missing" in message


@pytest.mark.parametrize("change", ["semicolons", "tabs", "no head", "bom", "latin-1", "crlf"])
def test_however_the_table_was_exported(vault: Vault, export: Path, change: str) -> None:
    text = "\n".join([HEAD, *ROWS]).replace("Luczynska", "Łuczyńska" if change != "latin-1" else "Lüczynska")
    encoding = "latin-1" if change == "latin-1" else "utf-8-sig" if change == "bom" else "utf-8"
    text = {
        "semicolons": text.replace(",", ";"),
        "tabs": text.replace(",", "\t"),
        "no head": text.split("\n", 1)[1],
        "crlf": text.replace("\n", "\r\n"),
    }.get(change, text)
    export.write_bytes(text.encode(encoding))
    assert taken(vault, export).uids == 4


def test_the_import_is_audited_with_counts_only(vault: Vault, export: Path) -> None:
    taken(vault, export)
    with vault.session(read_only=True) as session:
        (entry,) = session.scalars(select(AuditEntry).where(AuditEntry.act == "mapping import"))
    assert (entry.actor, entry.target, entry.detail) == ("test", "uidmods.csv", {"uids": 4, "patients": 1, "known": 0})


def test_a_long_table_is_taken_in_one_go(vault: Vault, export: Path) -> None:
    with export.open("w", encoding="utf-8") as file:
        file.write(HEAD + "\n")
        file.writelines(f"1,1.2.3.{number},SOPInstanceUID,1.9.{number},\n" for number in range(5_000))
    assert taken(vault, export).uids == 5_000
