"""``keys``: from the file into the vault, whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import select

from pacs2trial.vault.tables import AuditEntry, KeyVersion
from support.hospital import Hospital

if TYPE_CHECKING:
    from .conftest import Site

HEADER = "patient_id,subject_key\n"


def write(site: Site, text: str) -> Path:
    path = site.home / "keys" / "lungart.csv"
    path.write_text(HEADER + text)
    return path


def versions(enrolled: Hospital) -> int:
    with enrolled.ws.vault.session(read_only=True) as session:
        return len(session.scalars(select(KeyVersion).where(KeyVersion.trial == "LUNGART")).all())


def test_right_table_is_told_so(site: Site) -> None:
    path = write(site, "ZZ1,LA-001\nZZ2,LA-002\n")
    assert site("keys", "check", "LUNGART").stdout == f"{path} is right: 2 rows, 2 subjects\n"


def test_every_problem_is_told_with_its_row_and_without_identities(site: Site) -> None:
    write(site, "ZZ1,LA-001\nZZ1,LA-002\nZZ3,WRONG\n")
    lines = site.refusal("keys", "check", "LUNGART")
    assert lines == [
        "lungart.csv: rows 2 and 3 give one patient_id two subject keys: a patient has one, delete the wrong row",
        "lungart.csv: row 4, column subject_key: it does not have this trial's form 'LA-[0-9]{3}': correct it",
    ]


def test_another_file_can_be_named(site: Site, tmp_path: Path) -> None:
    other = tmp_path / "other.csv"
    other.write_text(HEADER + "ZZ9,LA-009\n")
    assert site.json("keys", "check", "LUNGART", other)["file"] == str(other)


def test_missing_file_is_told(site: Site, tmp_path: Path) -> None:
    assert site.refusal("keys", "check", "LUNGART", tmp_path / "absent.csv") == [
        f"there is no key table {tmp_path / 'absent.csv'}"
    ]


def test_import_shows_the_difference_and_imports(site: Site, enrolled: Hospital) -> None:
    text = (site.home / "keys" / "lungart.csv").read_text()
    (site.home / "keys" / "lungart.csv").write_text(text + "ZZ2,LA-002\n")
    done = site("keys", "import", "LUNGART", "--yes")
    assert done.exit_code == 0
    assert done.stdout == "imported: LUNGART has 2 subjects\n"
    assert done.stderr.splitlines() == [
        "added          1  LA-002",
        "changed        0",
        "withdrawn      0",
        "unchanged      1",
        "to make 1 subjects anew in one run, with studies that are not known yet:",
        """  airflow dags trigger trial_LUNGART --conf '{"subjects":["LA-002"]}'""",
    ]
    assert versions(enrolled) == 2


def test_import_of_the_same_table_changes_nothing(site: Site, enrolled: Hospital) -> None:
    done = site("keys", "import", "LUNGART")
    assert done.stdout == "nothing changes: 1 subjects are as they were\n"
    assert versions(enrolled) == 1


def test_without_anybody_to_ask_nothing_is_imported(site: Site, enrolled: Hospital) -> None:
    write(site, "ZZ2,LA-002\n")
    lines = site.refusal("keys", "import", "LUNGART")
    assert lines[-1] == ("Import this key table into trial LUNGART? Nobody can be asked here: repeat with --yes")
    assert versions(enrolled) == 1


def test_json_tells_the_difference_too(site: Site) -> None:
    write(site, "ZZ2,LA-002\n")
    done = site.json("keys", "import", "LUNGART", "--yes")
    assert done["imported"] is True
    assert (done["change"]["added"], done["change"]["withdrawn"]) == (["LA-002"], ["LA-001"])


def test_show_is_for_custodians_and_audited(site: Site, enrolled: Hospital) -> None:
    done = site("keys", "show", "LUNGART")
    assert done.exit_code == 0
    patient_id = (site.home / "keys" / "lungart.csv").read_text().splitlines()[1].split(",")[0]
    assert f"LA-001   {patient_id}" in done.stdout
    with enrolled.ws.vault.session(read_only=True) as session:
        entry = session.scalars(select(AuditEntry).where(AuditEntry.act == "keys show")).one()
    assert (entry.trial, entry.target) == ("LUNGART", "version 1")


def test_history_lists_imports(site: Site) -> None:
    write(site, "ZZ2,LA-002\n")
    site("keys", "import", "LUNGART", "--yes")
    listed = site.json("keys", "history", "LUNGART")["versions"]
    assert [(one["number"], one["rows"]) for one in listed] == [(1, 1), (2, 1)]
    assert "imported" in site("keys", "history", "LUNGART").stdout.splitlines()[0]


@pytest.mark.parametrize("command", ["check", "import"])
def test_before_init_nothing_is_done(new_site: Site, command: str) -> None:
    (message,) = new_site.refusal("keys", command, "LUNGART")
    assert message.startswith("the secret file")
    assert "pacs2trial init" in message
