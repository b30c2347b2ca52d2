"""``reidentify``, ``mapping``, ``backup``, ``restore-backup``: for the custodian of the vault."""

from __future__ import annotations

import csv
import io
import sqlite3
import stat
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

import pydicom
import pytest
from sqlalchemy import select

from pacs2trial.settings import Settings
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import AuditEntry, Disclosure
from pacs2trial.workspace import Workspace
from pacs2trial_demo.identities import LUCZYNSKA
from support.hospital import FIRST_DAY, Hospital, small_study

if TYPE_CHECKING:
    from .conftest import Site


def acts(ws: Workspace) -> list[tuple[str, str, str]]:
    with ws.vault.session(read_only=True) as session:
        return [(entry.act, entry.target, entry.reason) for entry in session.scalars(select(AuditEntry))]


def originals(site: Site, pseudonym: object) -> dict[str, str]:
    """What a pseudonym stands for, by scope."""
    found = site.json("reidentify", pseudonym, "--reason", "adverse event")["originals"]
    return {one["scope"]: one["value"] for one in found}


def packed(enrolled: Hospital) -> pydicom.Dataset:
    """The first object of the package of LA-001."""
    with zipfile.ZipFile(enrolled.package("LUNGART", "LA-001").path) as archive:
        name = next(name for name in sorted(archive.namelist()) if name.endswith(".dcm"))
        return pydicom.dcmread(io.BytesIO(archive.read(name)))


def test_subject_key_leads_to_the_patient(site: Site, enrolled: Hospital) -> None:
    assert originals(site, "LA-001") == {"LUNGART": LUCZYNSKA.patient_id}
    assert ("reidentify", "LA-001", "adverse event") in acts(enrolled.ws)


def test_uid_of_a_package_leads_to_the_original(staged_site: Site, enrolled: Hospital) -> None:
    expected = {str(dataset.SOPInstanceUID) for dataset in small_study()}
    assert originals(staged_site, packed(enrolled).SOPInstanceUID)["LUNGART"] in expected


def test_uid_and_patient_code_of_staging_lead_to_the_originals(staged_site: Site) -> None:
    path = next((staged_site.home / "staging").rglob("*.dcm"))
    staged = pydicom.dcmread(path)
    assert originals(staged_site, path.stem)["STAGING"] in {str(one.SOPInstanceUID) for one in small_study()}
    assert originals(staged_site, staged.PatientID)["STAGING"] == LUCZYNSKA.patient_id
    assert originals(staged_site, staged.AccessionNumber)["STAGING"] == LUCZYNSKA.accession_number(FIRST_DAY)


def test_every_reidentification_is_a_disclosure(site: Site, enrolled: Hospital) -> None:
    originals(site, "LA-001")
    with enrolled.ws.vault.session(read_only=True) as session:
        found = session.scalars(select(Disclosure).where(Disclosure.caller == "reidentify")).all()
    assert [(one.count, one.purpose) for one in found] == [(1, "patient_id of LUNGART: adverse event")]


def test_reidentification_needs_a_reason(site: Site, enrolled: Hospital) -> None:
    assert site("reidentify", "LA-001").exit_code == 2
    assert site.refusal("reidentify", "LA-001", "--reason", " ") == [
        "a re-identification needs a reason: --reason TEXT"
    ]
    assert all(act != "reidentify" for act, _target, _reason in acts(enrolled.ws))


def test_unknown_pseudonym_is_not_repeated(site: Site) -> None:
    assert site.refusal("reidentify", LUCZYNSKA.patient_id, "--reason", "x") == [
        "the vault knows no such pseudonym; type it exactly as it stands in the package or in staging"
    ]


def test_mapping_leads_from_originals_to_the_trial(staged_site: Site, enrolled: Hospital) -> None:
    packed_uid = str(packed(enrolled).SOPInstanceUID)
    done = staged_site.json("mapping", "export", "LUNGART")
    folder = staged_site.home / "mapping" / "LUNGART"
    assert done["export"]["folder"] == str(folder)
    patients, uids = rows(folder / "patid_mapping.csv"), rows(folder / "uid_mapping.csv")
    assert patients == [{"id_old": LUCZYNSKA.patient_id, "id_new": "LA-001"}]
    original = {row["id_new"]: row["id_old"] for row in uids}[packed_uid]
    assert original in {str(dataset.SOPInstanceUID) for dataset in small_study()}
    assert len(uids) == done["export"]["uids"] == len({row["id_old"] for row in uids})
    assert ("mapping export", str(folder), "") in acts(enrolled.ws)


def test_mapping_is_closed_to_others(staged_site: Site, tmp_path: Path) -> None:
    done = staged_site("mapping", "export", "LUNGART", "--output", tmp_path / "out")
    assert "these files identify patients" in done.stderr
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "out").iterdir()} == {0o600}


def test_objects_that_a_trial_made_come_back_by_command(site: Site, enrolled: Hospital, tmp_path: Path) -> None:
    enrolled.stage(small_study())
    derived = packed(enrolled)
    derived.SOPInstanceUID, derived.SeriesInstanceUID = "1.2.3.4.1", "1.2.3.4.2"
    derived.file_meta.MediaStorageSOPInstanceUID = derived.SOPInstanceUID
    derived.save_as(tmp_path / "derived.dcm", enforce_file_format=True)
    done = site("reidentify", "--files", tmp_path / "derived.dcm", "--output", tmp_path / "out", "--reason", "import")
    assert done.exit_code == 0, done.output
    assert dcmread_id(tmp_path / "out" / "1.2.3.4.1.dcm") == LUCZYNSKA.patient_id
    assert site("reidentify", "--files", tmp_path / "derived.dcm", "--reason", "import").exit_code == 2
    assert site("reidentify", "LA-001", "LA-002", "--reason", "import").exit_code == 2


def dcmread_id(path: Path) -> str:
    return str(pydicom.dcmread(path).PatientID)


def test_mapping_of_an_unused_trial_is_refused(site: Site, enrolled: Hospital) -> None:
    path = site.trials / "breast.yaml"
    path.write_text((site.trials / "lungart.yaml").read_text().replace("LUNGART", "BREAST"))
    (message,) = site.refusal("mapping", "export", "BREAST")
    assert message == "trial BREAST has no subjects and no pseudonyms yet: run pacs2trial keys import BREAST"


def test_mapping_of_another_system_is_taken_over(site: Site, enrolled: Hospital, tmp_path: Path) -> None:
    assert site.refusal("mapping", "import", "absent.csv") == ["absent.csv: there is no such file"]
    table = tmp_path / "uidmods.csv"
    table.write_text("MODTime,OldUID,MODType,NewUID,Stage\n1,1.2.3,StudyInstanceUID,1.9.9,\n", "utf-8")
    assert site("mapping", "import", table).stdout == "taken over: 1 UIDs, 0 patient codes; 0 rows were known\n"
    assert originals(site, "1.9.9") == {"STAGING": "1.2.3"}
    assert ("mapping import", "uidmods.csv", "") in acts(enrolled.ws)


def test_backup_holds_the_vault_while_it_is_open(site: Site, enrolled: Hospital, tmp_path: Path) -> None:
    done = site("backup", tmp_path / "vault.backup")
    assert done.exit_code == 0
    assert "is not in it: back it up as well" in done.stderr
    assert stat.S_IMODE((tmp_path / "vault.backup").stat().st_mode) == 0o600
    enrolled.enrol("LUNGART", {"LA-002": LUCZYNSKA})
    done = site("restore-backup", tmp_path / "vault.backup", "--yes")
    assert done.exit_code == 0, done.stderr
    assert originals(site, "LA-001") == {"LUNGART": LUCZYNSKA.patient_id}
    assert site.json("keys", "history", "LUNGART")["versions"][-1]["number"] == 1
    (former,) = site.home.glob("vault.db.before-restore-*")
    assert stat.S_IMODE(former.stat().st_mode) == 0o600
    assert [act for act, _, _ in acts(enrolled.ws)].count("restore-backup") == 1
    assert enrolled.ws.vault.audit.verify_chain() == []


def test_backup_restores_a_lost_vault(site: Site, enrolled: Hospital, tmp_path: Path) -> None:
    site("backup", tmp_path / "vault.backup")
    enrolled.ws.vault.close()
    for path in site.home.glob("vault.db*"):
        path.unlink()
    done = site.json("restore-backup", tmp_path / "vault.backup", "--yes")
    assert done == {"restored": True, "former": None}
    assert originals(site, "LA-001") == {"LUNGART": LUCZYNSKA.patient_id}


def test_backup_never_overwrites(site: Site, tmp_path: Path) -> None:
    (tmp_path / "there").write_text("precious")
    assert site.refusal("backup", tmp_path / "there") == [
        f"{tmp_path / 'there'} exists already; a backup never overwrites anything"
    ]
    assert (tmp_path / "there").read_text() == "precious"


def test_backup_without_folder_is_refused(site: Site, tmp_path: Path) -> None:
    (message,) = site.refusal("backup", tmp_path / "absent" / "vault.backup")
    assert message == f"cannot write to {tmp_path / 'absent'}: No such file or directory"


def test_backup_before_init_is_refused(new_site: Site, tmp_path: Path) -> None:
    (message,) = new_site.refusal("backup", tmp_path / "vault.backup")
    assert message.startswith("there is no vault at")
    assert list(tmp_path.glob("*.backup*")) == []


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"no database at all, only text that is long enough" * 20, "is not a whole SQLite database"),
        (None, "not a vault"),
    ],
)
def test_what_is_no_backup_changes_nothing(site: Site, tmp_path: Path, content: bytes | None, message: str) -> None:
    wrong = tmp_path / "wrong"
    if content is None:
        sqlite3.connect(wrong).execute("CREATE TABLE other (id)").connection.close()
    else:
        wrong.write_bytes(content)
    (line,) = site.refusal("restore-backup", wrong, "--yes")
    assert message in line
    assert originals(site, "LA-001") == {"LUNGART": LUCZYNSKA.patient_id}
    assert not list(site.home.glob("*before-restore*"))


def test_damaged_backup_changes_nothing(site: Site, tmp_path: Path) -> None:
    site("backup", tmp_path / "vault.backup")
    content = bytearray((tmp_path / "vault.backup").read_bytes())
    content[4096 * 3 : 4096 * 12] = bytes(4096 * 9)
    (tmp_path / "vault.backup").write_bytes(content)
    assert len(site.refusal("restore-backup", tmp_path / "vault.backup", "--yes")) == 1
    assert originals(site, "LA-001") == {"LUNGART": LUCZYNSKA.patient_id}


def test_backup_of_another_site_is_refused(site: Site, tmp_path: Path) -> None:
    other = Settings(home=tmp_path / "other")
    Vault.create(other)
    (message,) = site.refusal("restore-backup", other.home / "vault.db", "--yes")
    assert "restore the right secret file" in message
    assert originals(site, "LA-001") == {"LUNGART": LUCZYNSKA.patient_id}


def test_restoring_asks_first(site: Site, tmp_path: Path) -> None:
    site("backup", tmp_path / "vault.backup")
    (message,) = site.refusal("restore-backup", tmp_path / "vault.backup")
    assert message.endswith("Nobody can be asked here: repeat with --yes")


def test_leftovers_of_backups_do_not_stay(site: Site, tmp_path: Path) -> None:
    site("backup", tmp_path / "vault.backup")
    site("restore-backup", tmp_path / "vault.backup", "--yes")
    assert not [path for folder in (site.home, tmp_path) for path in folder.glob(".*vault*")]


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
