"""``retrieve`` outside the hours of the PACS, and ``--now``."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import select

from pacs2trial.vault.tables import AuditEntry
from pacs2trial_demo.generate import write
from pacs2trial_demo.pacs import DemoPacs
from support.hospital import MODALITIES, Hospital, small_study

from .conftest import Site


def acts(enrolled: Hospital) -> list[str]:
    with enrolled.ws.vault.session(read_only=True) as session:
        return list(session.scalars(select(AuditEntry.act)))


def test_retrieve_says_when_it_may_run_and_now_is_a_person_s_word(
    site: Site, enrolled: Hospital, tmp_path: Path
) -> None:
    enrolled.define("LUNGART", source={"pacs": "main", "modalities": list(MODALITIES), "retrieve": "c-get"})
    for dataset in small_study():
        write(dataset, tmp_path / "pacs")
    opens = datetime.now(UTC) + timedelta(hours=6)
    extra = {"aet": "DEMOPACS", "hours": f"{opens:%H:%M}-{opens + timedelta(hours=1):%H:%M}", "settle_quiet": 0.3}
    with DemoPacs(tmp_path / "pacs", "DEMOPACS", {}) as pacs:
        fields = {"conn_type": "dicom", "host": "127.0.0.1", "port": pacs.port, "extra": extra}
        path = site.home / "connections.json"
        path.write_text(json.dumps({"main": fields}))
        path.chmod(0o600)
        done = site("retrieve", "LUNGART")
        assert done.exit_code == 1, done.output
        assert f"it may from {opens:%A %Y-%m-%d %H:%M} (UTC) on" in " ".join(done.stderr.split())
        assert {one.service for one in pacs.requests} == {"C-FIND"}
        assert "retrieve at any hour" not in acts(enrolled)
        done = site("retrieve", "LUNGART", "--now")
        assert done.exit_code == 0, done.output
    assert acts(enrolled).count("retrieve at any hour") == 1
