"""PostgreSQL, Redis and two Celery workers: a run goes on while its parts fall over, and gives what one machine gives.

One cluster serves all tests of the module: it starts a run, is knocked about, and repeats the run calmly. The reference
is made by the library alone, in this process, from a copy of the vault on SQLite.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import httpx
import psutil
import pydicom
import pytest
from sqlalchemy import select

from pacs2trial.collect import collect_subject
from pacs2trial.filtering.filter import filter_subject
from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.keytable import enrolled
from pacs2trial.receiver.scp import Receiver
from pacs2trial.settings import Settings
from pacs2trial.staging.ledger import balance
from pacs2trial.vault import Vault
from pacs2trial.vault.backup import back_up, restore_backup
from pacs2trial.vault.tables import Instance, InstanceState, Lock, PackageRow, PackageState
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import RT_PARTS, study, write
from pacs2trial_demo.identities import IDENTITIES, planted_values
from pacs2trial_demo.pacs import DemoPacs
from pacs2trial_demo.rest import AirflowRest
from support.airflow_env import ROOT
from support.cluster import WORKERS, Cluster, cluster
from support.demo_site import ENROLLED, STUDIES, connection, enrol
from support.leaks import original_uids, search
from support.programs import need
from support.vaults import PostgresServer
from support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]

LUNG = "DEMO-LUNG"
DAG_ID = f"trial_{LUNG}"
ENDED = {"success", "failed"}
_READY = re.compile(r"(?:one|two)@\S+ ready\.")
"""What a worker says each time it starts."""
PEOPLE = {"vera": ["Viewer"], "rita": ["User", "Reviewer"], "kim": ["User", "Custodian"]}
"""A viewer, a research radiographer, a key custodian: users of Airflow and their roles there."""


@dataclass
class Ran:
    """What happened, and the digests that one machine gives."""

    cluster: Cluster
    pacs: DemoPacs
    ws: Workspace
    reference: set[str]
    refused: httpx.Response
    stopped: str = ""
    disturbed: str = ""
    again: str = ""
    last_run: str = ""


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("archive")
    for identity in ENROLLED[LUNG].values():
        for when in STUDIES.get(identity, ()):
            for ds in study(identity, when=when, parts=RT_PARTS, slices=12, matrix=32):
                write(ds, folder / str(identity.number) / str(when))
    return folder


@pytest.fixture(scope="module")
def ran(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ran]:
    folder = tmp_path_factory.mktemp("many")
    server = PostgresServer(need("initdb"), need("pg_ctl"))
    try:
        server.start()
        yield from _ran(folder, archive, server)
        server.stop()
    finally:
        server.remove()


def _ran(folder: Path, archive: Path, server: PostgresServer) -> Iterator[Ran]:
    settings, reference = _sites(folder, archive, server)
    ws = Workspace.open(settings)
    receiver = Receiver(ws)
    destinations = {settings.receiver_aet: (settings.receiver_host, receiver.start())}
    with DemoPacs(archive, "DEMOPACS", destinations) as pacs:
        lineage = {"type": "file", "log_file_path": str(folder / "cluster" / "lineage.json"), "append": True}
        extra = {
            "AIRFLOW_CONN_DEMO_PACS": connection(pacs),
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(lineage),
        }
        with cluster(folder / "cluster", settings, server, extra) as made:
            made.start("api-server", "scheduler", "dag-processor", *WORKERS)
            one = Ran(made, pacs, ws, reference, _ready(made))
            _stop(one)
            _disturb(one)
            _repeat(one)
            yield one
    receiver.stop()
    ws.vault.close()


def _sites(folder: Path, archive: Path, server: PostgresServer) -> tuple[Settings, set[str]]:
    """A site on PostgreSQL, and what another one with the same vault makes of the same objects on SQLite."""
    trials = folder / "trials"
    trials.mkdir()
    shutil.copy(ROOT / "include" / "trials" / "demo_lung.yaml", trials)
    alone = Settings(home=folder / "alone", trials=trials, receiver_port=0)
    Vault.create(alone)
    ws = Workspace.open(alone)
    enrol(ws, LUNG, ENROLLED[LUNG])
    shutil.copytree(alone.home, folder / "shared", ignore=shutil.ignore_patterns("vault.db*"))
    (folder / "cluster").mkdir()
    shared = Settings(
        home=folder / "shared", trials=trials, receiver_port=0, database_url=server.new_database(), batch_subjects=1
    )
    back_up(alone, folder / "vault.backup")
    restore_backup(shared, folder / "vault.backup", actor="test")
    for path in sorted(archive.rglob("*.dcm")):
        stage_part10(ws, path.read_bytes(), source="file")
    digests = _made_alone(ws)
    ws.vault.close()
    return shared, digests


def _made_alone(ws: Workspace) -> set[str]:
    definition = ws.definition(LUNG)
    made = []
    for subject in enrolled(ws.vault, LUNG, [key for key, who in ENROLLED[LUNG].items() if who in STUDIES]):
        filter_subject(ws, definition, subject)
        made += collect_subject(ws, definition, subject)
    return {one.content_digest for one in made}


def _ready(made: Cluster) -> httpx.Response:
    """Wait until all components work and let people in; the answer to a hospital ID typed as subject key."""
    AirflowRest(made.url, "admin", made.password).wait_until_healthy(180)
    httpx.get(f"{made.url}/execution/health", timeout=120).raise_for_status()  # the first question takes it long
    rest = made.rest()
    ask = httpx.Client(base_url=made.url, headers={"Authorization": rest.token}, timeout=60)
    for role in ("Reviewer", "Custodian"):
        ask.post("/auth/fab/v1/roles", json={"name": role, "actions": []}).raise_for_status()
    for user, roles in PEOPLE.items():
        person = {"username": user, "first_name": user, "last_name": "Person", "email": f"{user}@localhost"}
        login = {"password": made.password, "roles": [{"name": role} for role in roles]}
        ask.post("/auth/fab/v1/users", json=person | login).raise_for_status()
    eventually(lambda: rest.has_dag(DAG_ID), seconds=180)
    rest.unpause(DAG_ID)
    wrong = {"logical_date": None, "conf": {"subjects": [IDENTITIES[0].patient_id]}}
    return ask.post(f"/api/v2/dags/{DAG_ID}/dagRuns", json=wrong)


def _follow(ran: Ran, run_id: str) -> str:
    """The state in which a run ends."""
    deadline = time.monotonic() + 400
    while (state := _asked(lambda: ran.cluster.rest().run_state(DAG_ID, run_id))) not in ENDED:
        assert time.monotonic() < deadline, f"the run is {state}"
        ran.cluster.revive()
        time.sleep(1)
    return state


def _asked(question: Callable[[], str]) -> str:
    """The answer, also while what answers is being started anew."""
    deadline = time.monotonic() + 120
    while True:
        try:
            return question()
        except httpx.HTTPError:
            assert time.monotonic() < deadline
            time.sleep(0.5)


def _stop(ran: Ran) -> None:
    """The PACS refuses some objects, and a person stops the run in the middle of a transfer."""
    ran.pacs.faults.delay = 0.5
    ran.pacs.faults.fail_suboperations = 3
    run_id = ran.cluster.rest().trigger(DAG_ID)
    eventually(lambda: _staged(ran.ws) > 0, seconds=200)
    path = f"/api/v2/dags/{DAG_ID}/dagRuns/{quote(run_id, safe='')}"
    headers = {"Authorization": ran.cluster.rest().token}
    httpx.patch(ran.cluster.url + path, json={"state": "failed"}, headers=headers, timeout=60).raise_for_status()
    eventually(lambda: not _locks(ran.ws), seconds=60)
    ran.stopped = _follow(ran, run_id)


def _disturb(ran: Ran) -> None:
    """A worker dies in the middle of a transfer, then broker, database and scheduler are started anew."""
    made, rest = ran.cluster, ran.cluster.rest()
    before = _staged(ran.ws)
    run_id = rest.trigger(DAG_ID)
    eventually(lambda: _staged(ran.ws) > before, seconds=200)
    tasks = rest.task_instances(DAG_ID, run_id)
    pid = next(task["pid"] for task in tasks if task["task_id"] == "retrieve" and task["state"] == "running")
    killed = made.worker_of(pid)
    assert killed is not None
    made.kill(killed)
    ran.pacs.faults.delay = 0
    made.restart("redis")
    made.restart_postgres()
    made.restart("scheduler")
    made.start(killed)
    ran.disturbed = _follow(ran, run_id)
    eventually(lambda: len(_READY.findall(made.log(killed))) == 2, seconds=120)


def _repeat(ran: Ran) -> None:
    """Everything is made once more with both workers there."""
    ran.last_run = _asked(lambda: ran.cluster.rest().trigger(DAG_ID, {"remake": "everything"}))
    ran.again = _follow(ran, ran.last_run)


def _staged(ws: Workspace) -> int:
    with ws.vault.session(read_only=True) as session:
        return len(session.scalars(select(Instance.id).where(Instance.state == InstanceState.STAGED)).all())


def _locks(ws: Workspace) -> list[str]:
    with ws.vault.session(read_only=True) as session:
        return list(session.scalars(select(Lock.name)))


def test_a_run_that_a_person_stops_lets_go_of_its_subjects(ran: Ran) -> None:
    assert ran.stopped == "failed"
    assert any(request.service == "C-CANCEL" for request in ran.pacs.requests)


def test_a_run_ends_although_its_worker_broker_database_and_scheduler_fell_over(ran: Ran) -> None:
    assert ran.disturbed in ENDED


def test_a_run_is_shared_by_two_workers(ran: Ran) -> None:
    assert ran.again == "success"
    assert [worker for worker in WORKERS if ran.last_run not in ran.cluster.log(worker)] == []


def test_packages_are_those_of_one_machine(ran: Ran) -> None:
    with ran.ws.vault.session(read_only=True) as session:
        query = select(PackageRow.content_digest)
        made = set(session.scalars(query.where(PackageRow.state != PackageState.SUPERSEDED)))
    assert made == ran.reference
    assert len(made) == 2


def test_every_expected_instance_is_settled(ran: Ran) -> None:
    for row in balance(ran.ws.vault, LUNG):
        assert row.failed == row.missing == 0, row
    for path in ran.ws.settings.staging.rglob("*"):
        assert not path.is_file() or path.suffix == ".dcm", path


def test_staged_files_are_whole(ran: Ran) -> None:
    files = list(ran.ws.settings.staging.rglob("*.dcm"))
    assert len(files) == _staged(ran.ws)
    for path in files:
        assert pydicom.dcmread(path).SOPInstanceUID


def test_a_viewer_starts_nothing_and_a_research_radiographer_does(ran: Ran) -> None:
    for user, status in {"vera": 403, "rita": 200, "kim": 200}.items():
        answer = _post(ran, user, f"/api/v2/dags/{DAG_ID}/dagRuns", {"logical_date": None, "conf": {"dry_run": True}})
        assert answer.status_code == status, (user, answer.text)


def test_staged_images_are_for_reviewers_and_custodians(ran: Ran) -> None:
    for user, status in {"vera": 403, "admin": 403, "rita": 200, "kim": 200}.items():
        answer = _get(ran, user, "/pacs2trial/dicomweb/STAGING/studies")
        assert answer.status_code == status, (user, answer.text[:300])


def test_nothing_outside_the_vault_names_a_patient(ran: Ran, archive: Path) -> None:
    """After failures, a stopped run, a refused form and debug logging: database, logs, broker, folders, processes."""
    assert ran.refused.status_code == 400
    made = ran.cluster
    folder = made.processes.logs.parent
    dump = folder / "airflow.sql"
    database = made.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "")
    subprocess.run([need("pg_dump"), "--inserts", "--file", dump, database], check=True, capture_output=True)
    answers = [
        _get(ran, "admin", f"/api/v2/{path}").text for path in ("eventLogs?limit=1000", "assets/events?limit=1000")
    ]
    answers.append(_get(ran, "admin", f"/api/v2/dags/{DAG_ID}/dagRuns?limit=100").text)
    (folder / "answers.json").write_text("\n".join(answers) + ran.refused.text, "utf-8")
    (folder / "processes.txt").write_text(_command_lines(made), "utf-8")
    planted = {value for identity in IDENTITIES for value in planted_values(identity)}
    assert dump.stat().st_size > 100_000
    assert "pacs2trial_step" in (folder / "lineage.json").read_text("utf-8")
    assert not search(folder, planted, original_uids(archive))
    shared = ran.ws.settings.home
    vault = [shared / "secret.json", shared / "keys"]
    assert not search(shared, planted, original_uids(archive), leave_out=vault)


def _command_lines(made: Cluster) -> str:
    lines = []
    for started in made.processes.all():
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            below = psutil.Process(started.pid).children(recursive=True)
            for process in (psutil.Process(started.pid), *below):
                with contextlib.suppress(psutil.NoSuchProcess):
                    lines += [*process.cmdline(), *(f"{name}={value}" for name, value in process.environ().items())]
    assert any("celery" in line for line in lines)
    return "\n".join(lines)


def _get(ran: Ran, user: str, path: str) -> httpx.Response:
    return httpx.get(ran.cluster.url + path, headers={"Authorization": ran.cluster.rest(user).token}, timeout=60)


def _post(ran: Ran, user: str, path: str, body: dict[str, object]) -> httpx.Response:
    headers = {"Authorization": ran.cluster.rest(user).token}
    return httpx.post(ran.cluster.url + path, json=body, headers=headers, timeout=60)
