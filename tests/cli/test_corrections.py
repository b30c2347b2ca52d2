"""``keys outdated``, ``keys doubts``, ``status`` and ``retrieve`` after a correction, or in doubt."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from pacs2trial.delivery import deliver_subject
from pacs2trial_demo.generate import write
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from pacs2trial_demo.pacs import DemoPacs
from support.hospital import SECOND_DAY, Hospital, small_study

if TYPE_CHECKING:
    from .conftest import Site


def test_what_was_delivered_is_shown_kept_exported_and_settled(
    staged_site: Site, enrolled: Hospital, tmp_path: Path
) -> None:
    enrolled.define("LUNGART", deliver=[{"to": "folder"}], schedule="0 2 * * *")
    enrolled.verify(enrolled.package("LUNGART", "LA-001"))
    deliver_subject(enrolled.ws, enrolled.ws.definition("LUNGART"), "LA-001")
    assert staged_site("keys", "outdated", "LUNGART").exit_code == 0
    (staged_site.home / "keys" / "lungart.csv").write_text(f"patient_id,subject_key\n{LUCZYNSKA.patient_id},LA-009\n")
    done = staged_site("keys", "import", "LUNGART", "--yes")
    assert done.exit_code == 0
    assert "delivered  LA-001  folder" in done.stderr
    assert "airflow backfill create --dag-id trial_LUNGART --from-date 2024-03-13T00:00:00+00:00" in done.stderr
    assert (
        '--reprocess-behavior completed --max-active-runs 1 --dag-run-conf \'{"subjects":["LA-009"]}\'' in done.stderr
    )
    assert LUCZYNSKA.patient_id not in done.output
    (entry,) = staged_site.json("status", "LUNGART")["outdated"]
    assert (entry["subject_key"], entry["effect"], entry["belongs_to"]) == ("LA-001", "withdrawn", "LA-009")
    file = tmp_path / "told.csv"
    assert staged_site("keys", "outdated", "LUNGART", "--output", file).exit_code == 3
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert staged_site("keys", "outdated", "LUNGART", "--settle", "LA-001", "--reason", "deleted there").exit_code == 0
    assert staged_site("keys", "outdated", "LUNGART").exit_code == 0
    (entry,) = staged_site.json("keys", "outdated", "LUNGART", "--all")["outdated"]
    assert entry["settlement"] == "deleted there"


def test_a_doubt_is_listed_shown_and_decided(staged_site: Site, enrolled: Hospital) -> None:
    enrolled.stage(small_study(replace(LUCZYNSKA, birth_date=date(1950, 1, 1)), SECOND_DAY))
    assert staged_site("filter", "LUNGART").exit_code == 3
    found = staged_site.json("keys", "doubts", "LUNGART", status=3)["doubts"]
    assert len(found) == 2
    token = next(one["token"] for one in found if one["study_date"] == SECOND_DAY.isoformat())
    assert staged_site.json("keys", "doubts", "LUNGART", "--show", token)["told"]["birth_dates"] == ["19500101"]
    assert staged_site("keys", "doubts", "LUNGART", "--leave-out", token).exit_code == 2
    assert staged_site("keys", "doubts", "LUNGART", "--leave-out", token, "--reason", "not hers").exit_code == 0
    assert staged_site("filter", "LUNGART").exit_code == 0
    assert staged_site("keys", "doubts", "LUNGART").exit_code == 0


def test_retrieve_ends_with_three_while_a_study_is_in_doubt(site: Site, enrolled: Hospital, tmp_path: Path) -> None:
    enrolled.enrol("LUNGART", {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER})
    for number, dataset in enumerate(small_study()[:2]):
        dataset.PatientID = (LUCZYNSKA, OXENBARGER)[number].patient_id
        dataset.SeriesInstanceUID = f"1.2.3.{number}"
        write(dataset, tmp_path / "pacs")
    with DemoPacs(tmp_path / "pacs", "DEMOPACS", {}) as pacs:
        fields = {"conn_type": "dicom", "host": "127.0.0.1", "port": pacs.port, "extra": {"aet": "DEMOPACS"}}
        path = site.home / "connections.json"
        path.write_text(json.dumps({"main": fields}))
        path.chmod(0o600)
        done = site("retrieve", "LUNGART")
    assert done.exit_code == 3, done.output
    assert "a study is known under two patient IDs" in done.stdout
    assert "pacs2trial keys doubts LUNGART" in done.stderr
