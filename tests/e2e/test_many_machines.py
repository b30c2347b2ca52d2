"""PostgreSQL, Redis and two Celery workers: a run goes on while its parts fall over, and gives what one machine gives.

One cluster serves all tests of the module: it gets damaged objects, starts a run, is knocked about, repeats the run
calmly, and makes a subject anew under another key while the nightly run is busy. The reference is made by the library
alone, in this process, from a copy of the vault on SQLite.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote

import httpx
import pydicom
import pytest
from sqlalchemy import select

from pacs2trial.staging.ledger import balance
from pacs2trial.vault.tables import Instance, InstanceState, Lock, PackageRow, PackageState
from pacs2trial.workspace import Workspace
from pacs2trial_demo.identities import IDENTITIES, VANDENBROUCKX, planted_values
from pacs2trial_demo.pacs import DemoPacs
from pacs2trial_demo.rest import AirflowRest
from support import damaged, deferring, traces
from support.cluster import WORKERS, Cluster, cluster
from support.demo_site import connection
from support.leaks import original_uids, search
from support.one_machine import LUNG, REKEYED, two_sites, write_archive
from support.programs import need
from support.rekeying import Rekeyed, rekey
from support.vaults import PostgresServer
from support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]

DAG_ID = f"trial_{LUNG}"
ENDED = {"success", "failed"}
_READY = re.compile(r"(?:one|two)@\S+ ready\.")
"""What a worker says each time it starts."""
TOLD = {
    "airflow.sql": DAG_ID,
    "answers.txt": "pacs2trial",
    "lineage.json": "pacs2trial_step",
    "processes.txt": "celery",
    "logs/api-server.log": "debug",
    "logs/dag-processor.log": "debug",
    "logs/receiver.log": "quarantined",
    "logs/scheduler.log": "debug",
    "logs/triggerer.log": "debug",
    "logs/worker-1.log": "debug",
}
"""What shows of a file that there was something to search."""
PEOPLE = {"vera": ["Viewer"], "rita": ["User", "Reviewer"], "kim": ["User", "Custodian"]}
"""A viewer, a research radiographer, a key custodian: users of Airflow and their roles there."""


@dataclass
class Ran:
    """What happened, and the digests that one machine gives, at first and under the corrected key."""

    cluster: Cluster
    pacs: DemoPacs
    ws: Workspace
    reference: tuple[set[str], set[str]]
    refused: httpx.Response
    pushed: list[int | None] = field(default_factory=list)
    stopped: str = ""
    disturbed: str = ""
    again: str = ""
    last_run: str = ""
    made: set[str] = field(default_factory=set)
    waited: deferring.Waited | None = None
    rekeyed: Rekeyed | None = None
    command_lines: set[str] = field(default_factory=set)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``archive`` is the PACS, ``late`` what it gets later, ``medium`` a stranger's files, ``whole`` both undamaged."""
    folder = tmp_path_factory.mktemp("many")
    write_archive(folder / "archive")
    damaged.damage(folder / "late", VANDENBROUCKX, folder / "whole")
    damaged.medium(folder / "medium", folder / "whole")
    return folder


@pytest.fixture(scope="module")
def ran(folder: Path) -> Iterator[Ran]:
    server = PostgresServer(need("initdb"), need("pg_ctl"))
    try:
        server.start()
        yield from _ran(folder, server)
        server.stop()
    finally:
        server.remove()


def _ran(folder: Path, server: PostgresServer) -> Iterator[Ran]:
    settings, reference = two_sites(folder, server)
    ws = Workspace.open(settings)
    destinations = {settings.receiver_aet: (settings.receiver_host, settings.receiver_port)}
    with DemoPacs(folder / "archive", "DEMOPACS", destinations) as pacs:
        lineage = {"type": "file", "log_file_path": str(folder / "cluster" / "lineage.json"), "append": True}
        extra = {
            "AIRFLOW_CONN_DEMO_PACS": connection(pacs),
            "AIRFLOW__OPENLINEAGE__TRANSPORT": json.dumps(lineage),
        }
        with cluster(folder / "cluster", settings, server, extra) as made:
            made.start("receiver", "api-server", "scheduler", "dag-processor", "triggerer", *WORKERS)
            one = Ran(made, pacs, ws, reference, _ready(made))
            _take_in_damaged(one, folder)
            _stop(one)
            _disturb(one)
            _repeat(one)
            one.rekeyed = rekey(made, pacs, ws, LUNG, folder / "late", REKEYED)
            deferring.see_ended(made, one.waited)
            yield one
    ws.vault.close()


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
        ran.command_lines |= traces.command_lines()
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


def _take_in_damaged(ran: Ran, folder: Path) -> None:
    """A stranger's damaged objects are pushed, and come on a medium."""
    eventually(lambda: "listens on" in ran.cluster.log("receiver"), seconds=60)
    ran.pushed = damaged.send_damaged(ran.ws.settings.receiver_port, folder / "whole")
    ran.cluster.type(f"pacs2trial stage {folder / 'medium'}", ends=1)


def _stop(ran: Ran) -> None:
    """The PACS refuses some objects, and a person stops the run in the middle of a transfer."""
    before = _staged(ran.ws)
    ran.pacs.faults.delay = 0.5
    ran.pacs.faults.fail_suboperations = 3
    run_id = ran.cluster.rest().trigger(DAG_ID)
    eventually(lambda: _staged(ran.ws) > before, seconds=200)
    path = f"/api/v2/dags/{DAG_ID}/dagRuns/{quote(run_id, safe='')}"
    headers = {"Authorization": ran.cluster.rest().token}
    httpx.patch(ran.cluster.url + path, json={"state": "failed"}, headers=headers, timeout=60).raise_for_status()
    eventually(lambda: not _locks(ran.ws), seconds=60)
    ran.stopped = _follow(ran, run_id)


def _disturb(ran: Ran) -> None:
    """A worker dies in the middle of a transfer, then broker, database and scheduler are started anew."""
    made, rest = ran.cluster, ran.cluster.rest()
    run_id = rest.trigger(DAG_ID)
    eventually(lambda: _transfers(rest, run_id) != [], seconds=200, every=0.2)
    before = _staged(ran.ws)  # the run that was stopped may have had an object under way until now
    eventually(lambda: _staged(ran.ws) > before, seconds=200)
    pid = _transfers(rest, run_id)[0]
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


def _transfers(rest: AirflowRest, run_id: str) -> list[int]:
    """The processes in which a run fetches."""
    tasks = rest.task_instances(DAG_ID, run_id)
    return [task["pid"] for task in tasks if task["task_id"] == "retrieve" and task["state"] == "running"]


def _repeat(ran: Ran) -> None:
    """Everything is made once more with both workers there, while a run of another trial waits for its PACS."""
    day = datetime(2024, 3, 13, 2, tzinfo=UTC)
    ran.waited = deferring.start(ran.cluster, ran.pacs)
    ran.last_run = _asked(lambda: ran.cluster.rest().trigger(DAG_ID, {"remake": "everything"}, day=day))
    deferring.see_deferred(ran.cluster, ran.waited)
    ran.again = _follow(ran, ran.last_run)
    with ran.ws.vault.session(read_only=True) as session:
        query = select(PackageRow.content_digest).where(PackageRow.trial == LUNG)
        ran.made = set(session.scalars(query.where(PackageRow.state != PackageState.SUPERSEDED)))


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
    first, _second = ran.reference
    assert ran.made == first
    assert len(first) == 2


def test_the_backfill_that_an_import_prints_makes_anew_what_it_changed_and_that_once(ran: Ran) -> None:
    seen, (_first, second) = ran.rekeyed, ran.reference
    assert (
        '--reprocess-behavior completed --max-active-runs 1 --dag-run-conf \'{"subjects":["DL-004"]}\'' in seen.command
    )
    assert seen.states == {"success"}
    everything = ["balance", "collect", "deliver", "filter", "plan", "retrieve", "stage", "verify"]
    assert seen.runs == {"2024-03-13": everything, "2024-03-14": ["balance", "plan"]}  # the first had been done before
    assert [(one.version, one.state, one.delivered) for one in seen.after["DL-004"]] == [(1, "verified", 1)]
    assert {one.state for one in seen.after["DL-001"]} == {"superseded"}
    assert seen.after["DL-002"] == seen.before["DL-002"]
    assert {seen.after[key][-1].content for key in ("DL-002", "DL-004")} == second


def test_a_nightly_run_goes_on_beside_a_backfill_and_airflow_refuses_a_second_one(ran: Ran) -> None:
    seen = ran.rekeyed
    assert (seen.state_of_nightly, seen.nightly) == ("running", "success")
    assert seen.second == httpx.codes.CONFLICT
    assert "DL-003" not in seen.after


def test_a_task_waits_for_its_pacs_with_the_triggerer_and_is_taken_up_again(ran: Ran) -> None:
    waited = ran.waited
    assert waited.trigger == "airflow.providers.standard.triggers.temporal.DateTimeTrigger"
    assert waited.ended == "success"
    tasks = ran.cluster.rest().task_instances(deferring.DAG_ID, waited.run_id)
    (retrieved,) = [task for task in tasks if task["task_id"] == "retrieve"]
    assert datetime.fromisoformat(retrieved["end_date"]) > waited.opens
    assert retrieved["try_number"] == 1
    assert (ran.ws.settings.packages / deferring.TRIAL / "DH-001.zip").is_file()


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


def test_damaged_objects_are_kept_in_quarantine_and_told_by_counts(ran: Ran) -> None:
    (held,) = [row for row in balance(ran.ws.vault, LUNG) if row.subject_key == "DL-003"]
    assert held.quarantined
    assert 0 in ran.pushed
    assert len(list(ran.ws.settings.quarantine.iterdir())) >= 3
    assert "argument 1, file 5 of 5: is damaged" in ran.cluster.log("terminal")


def test_nothing_outside_the_vault_names_a_patient(ran: Ran, folder: Path) -> None:
    """After failures, a stopped run, damaged objects, a refused form and debug logging: what was written or shown."""
    assert ran.refused.status_code == 400
    made = ran.cluster
    traces.write_down(made, LUNG, reviewer="rita")
    (made.folder / "processes.txt").write_text("\n".join(sorted(ran.command_lines)), "utf-8")
    planted = {value for identity in (*IDENTITIES, damaged.STRANGER) for value in planted_values(identity)}
    uids = original_uids(folder / "archive") | original_uids(folder / "whole")
    for name, mark in TOLD.items():
        assert mark in (made.folder / name).read_text("utf-8", "replace"), name
    assert not search(made.folder, planted, uids)
    shared = ran.ws.settings.home
    vault = [shared / "secret.json", shared / "keys"]
    assert not search(shared, planted, uids, leave_out=vault)


def _get(ran: Ran, user: str, path: str) -> httpx.Response:
    return httpx.get(ran.cluster.url + path, headers={"Authorization": ran.cluster.rest(user).token}, timeout=60)


def _post(ran: Ran, user: str, path: str, body: dict[str, object]) -> httpx.Response:
    headers = {"Authorization": ran.cluster.rest(user).token}
    return httpx.post(ran.cluster.url + path, json=body, headers=headers, timeout=60)
