"""``check``: everything is looked at, each fault with its remedy."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pacs2trial.examine import file_system, in_version_control, staging_disk
from pacs2trial.receiver import Receiver
from pacs2trial.settings import Settings
from pacs2trial_demo.pacs import DemoPacs
from support.face_programs import registered, script
from support.hospital import PELVIS, Hospital

if TYPE_CHECKING:
    from .conftest import Site


@pytest.fixture
def pacs(tmp_path: Path) -> Iterator[DemoPacs]:
    folder = tmp_path / "pacs"
    folder.mkdir()
    with DemoPacs(folder, "DEMOPACS", {}) as running:
        yield running


def connect(site: Site, port: int, aet: str = "DEMOPACS") -> None:
    path = site.home / "connections.json"
    fields = {"conn_type": "dicom", "host": "127.0.0.1", "port": port, "extra": {"aet": aet, "connect_timeout": 2}}
    path.write_text(json.dumps({"main": fields}))
    path.chmod(0o600)


def findings(site: Site, *, status: int = 1) -> dict[str, dict[str, Any]]:
    return {finding["subject"]: finding for finding in site.json("check", status=status)["findings"]}


def test_right_site_passes(site: Site, pacs: DemoPacs) -> None:
    site("init")
    connect(site, pacs.port)
    found = findings(site, status=0)
    assert all(finding["good"] for finding in found.values())
    assert set(found) == {
        "versions", "clock", "Airflow's side", "secret", "vault", "audit", "folders", "disk", "Airflow", "time zone",
        "trial LUNGART", "trial PELVIC", "keys LUNGART", "keys PELVIC", "PACS main", "query/retrieve", "receiver",
    }  # fmt: skip
    done = site("check")
    assert done.exit_code == 0
    assert done.stderr.splitlines()[-1] == "all 17 checks passed"
    assert "ok     PACS main: DEMOPACS at 127.0.0.1" in done.stdout


def test_before_init_it_says_to_run_init(new_site: Site) -> None:
    done = new_site("check")
    assert done.exit_code == 1
    assert f"WRONG  secret: {new_site.home / 'secret.json'} is missing" in done.stdout
    assert "→ run pacs2trial init" in done.stdout
    assert not new_site.home.exists()


def test_open_secret_is_found(site: Site) -> None:
    (site.home / "secret.json").chmod(0o644)
    finding = findings(site)["secret"]
    assert not finding["good"]
    assert finding["remedy"] == f"run chmod 600 {site.home / 'secret.json'}"


def test_open_folder_is_found(site: Site) -> None:
    (site.home / "keys").chmod(0o755)
    assert findings(site)["folder"]["remedy"] == f"run chmod 700 {site.home / 'keys'}"


def test_full_disk_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACS2TRIAL_MINIMUM_FREE_MB", "999999999")
    finding = findings(site)["disk"]
    assert "the receiver refuses below 999999999" in finding["text"]


def test_airflow_with_another_vault_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site("init")
    monkeypatch.setenv("AIRFLOW_CONN_PACS2TRIAL_VAULT", '{"conn_type": "sqlite", "schema": "/elsewhere/vault.db"}')
    finding = findings(site)["Airflow"]
    assert finding["text"] == "AIRFLOW_CONN_PACS2TRIAL_VAULT names another vault than PACS2TRIAL_DATABASE_URL"


def test_airflow_that_was_never_told_is_found(site: Site) -> None:
    assert findings(site)["Airflow"]["remedy"] == "run pacs2trial init"


def test_broken_definition_is_found(site: Site) -> None:
    (site.trials / "broken.yaml").write_text("trial: BROKEN\nsponser: x\n")
    assert "broken.yaml line 2, sponser: unknown field" in findings(site)["definition broken.yaml"]["text"]


def test_a_wrong_list_of_safe_private_attributes_is_found(site: Site) -> None:
    (site.home / "safe_private.csv").write_text("group,creator,low_byte,vr,vm,because\n0028,ACME,01,LO,1,kernel\n")
    assert "safe_private.csv, line 2: group: must be" in findings(site)["trial LUNGART"]["text"]


def test_a_program_that_removes_faces_is_looked_for(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PACS2TRIAL_FACE_PROGRAMS", str(registered(tmp_path, script(tmp_path))))
    assert findings(site)["faces, front third 1.0"]["good"]
    registered(tmp_path, script(tmp_path), command=["/nowhere/deface", "{in}", "{out}"])
    assert "/nowhere/deface is not there" in findings(site)["faces, front third 1.0"]["text"]


def test_missing_and_wrong_key_tables_are_found(site: Site) -> None:
    (site.home / "keys" / "lungart.csv").unlink()
    (site.home / "keys" / "pelvic.csv").write_text("patient_id,subject_key\n1,PV-001\n1,PV-002\n")
    found = findings(site)
    assert "there is no key table" in found["keys LUNGART"]["text"]
    assert "rows 2 and 3 give one patient_id two subject keys" in found["keys PELVIC"]["text"]
    assert found["keys PELVIC"]["remedy"] == "run pacs2trial keys check PELVIC"


def test_key_table_beside_the_definitions_is_found(site: Site) -> None:
    (site.trials / "lungart.csv").write_text("patient_id,subject_key\n")
    assert findings(site)["key tables"]["remedy"] == f"move it to {site.home / 'keys'}"


def test_a_bucket_that_does_not_answer_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PACS2TRIAL_PACKAGES_URL", "s3://trial/packages")
    monkeypatch.setenv("PACS2TRIAL_PACKAGES_CONNECTION", "nobody")
    assert "'nobody' is unknown" in findings(site)["packages"]["text"]


def test_staging_in_a_bucket_that_looks_like_a_folder_is_found(site: Site, tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text(f"bucket {site.home} fuse.s3fs rw 0 0\n")
    settings = Settings(home=site.home, trials=site.trials)
    (finding,) = staging_disk(settings, mounts)
    assert not finding.good
    assert "object storage mounted by s3fs" in finding.text
    assert list(staging_disk(settings)) == []


def test_folder_in_a_repository_counts_unless_it_is_ignored(tmp_path: Path) -> None:
    keys = tmp_path / "var" / "keys"
    keys.mkdir(parents=True)
    assert not in_version_control(keys)
    subprocess.run(["git", "init", "--quiet", str(tmp_path)], check=True)
    assert in_version_control(keys)
    (tmp_path / ".gitignore").write_text("var/\n")
    assert not in_version_control(keys)


def test_unknown_connection_is_found(site: Site) -> None:
    finding = findings(site)["PACS main"]
    assert finding["text"].startswith("connection 'main' is unknown: set AIRFLOW_CONN_MAIN")


def test_silent_pacs_is_found(site: Site) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        connect(site, probe.getsockname()[1])
        finding = findings(site)["PACS main"]
    assert not finding["good"]
    assert finding["remedy"] == "see that the PACS runs and that host, port and firewall are right"


def test_a_pacs_that_two_trials_ask_in_different_ways_is_examined_once(site: Site, enrolled: Hospital) -> None:
    enrolled.define(PELVIS, source={"pacs": "main", "modalities": ["CT"], "retrieve": "c-get"})
    for _ in ("unknown", "silent"):
        found = [one["subject"] for one in site.json("check", status=1)["findings"]]
        assert found.count("PACS main") == 1
        connect(site, 1)


def test_port_that_is_free_is_told(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    monkeypatch.setenv("PACS2TRIAL_RECEIVER_PORT", str(port))
    assert findings(site)["receiver"] == {
        "subject": "receiver", "good": True, "text": f"is not running; its port {port} is free", "remedy": "",
        "warning": False,
    }  # fmt: skip


def test_port_that_another_program_has_is_found(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        monkeypatch.setenv("PACS2TRIAL_RECEIVER_PORT", str(other.getsockname()[1]))
        finding = findings(site)["receiver"]
    assert not finding["good"]
    assert finding["remedy"] == "end the program that has it, or set PACS2TRIAL_RECEIVER_PORT"


def test_own_receiver_is_recognised(site: Site, enrolled: Hospital, monkeypatch: pytest.MonkeyPatch) -> None:
    receiver = Receiver(enrolled.ws)
    port = receiver.start()
    try:
        monkeypatch.setenv("PACS2TRIAL_RECEIVER_PORT", str(port))
        assert findings(site)["receiver"]["text"] == f"PACS2TRIAL runs and answers C-ECHO on port {port}"
    finally:
        receiver.stop()


def test_network_share_is_recognised(tmp_path: Path) -> None:
    mounts = tmp_path / "mounts"
    mounts.write_text("/dev/sda / ext4 rw 0 0\nserver:/x /srv/far\\040away nfs4 rw 0 0\n")
    assert file_system(Path("/srv/far away/home/vault.db"), mounts) == "nfs4"
    assert file_system(Path("/srv/vault.db"), mounts) == "ext4"
