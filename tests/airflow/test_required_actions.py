"""Airflow's own question, answered in Airflow: the run of the review's DAG waits, goes on, and does what was said.

The DAG runs in a process of its own as ``dag.test`` runs it; the answers go to Airflow's API server, as from its UI.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from pacs2trial.holdings.packages import packages
from pacs2trial.review import ReviewItem, ReviewState, put_questions, reviews
from pacs2trial.settings import Settings
from pacs2trial.vault.tables import AuditEntry, Delivery
from pacs2trial.workspace import Workspace
from pacs2trial_demo.identities import IDENTITIES, LUCZYNSKA, OXENBARGER, planted_in
from support.api_server import ApiServer, api_server
from support.dag_runs import Ended, run_dags
from support.hospital import LUNG, Hospital, small_study
from support.waiting import eventually

DAG = f"review_{LUNG}"
COMMENT = "PLANTED-COMMENT-4711"


@dataclass(frozen=True)
class Answered:
    """What was asked and answered: LA-001 was approved, then LA-002 rejected, each in a run of its own."""

    hospital: Hospital
    server: ApiServer
    questions: dict[str, dict[str, Any]]
    refused: dict[str, int]
    kept: dict[str, Any]
    approved: Ended
    rejected: Ended


def asked(hospital: Hospital, key: str) -> ReviewItem:
    (item,) = reviews(hospital.ws, LUNG, key)
    return item


def details(server: ApiServer, item: ReviewItem) -> str:
    return f"/api/v2/dags/{DAG}/dagRuns/{item.prompt}/taskInstances/review/-1/hitlDetails"


def question(server: ApiServer, hospital: Hospital, key: str) -> dict[str, Any]:
    """Airflow's question about a subject, when the run that asks it waits for the answer."""
    eventually(lambda: asked(hospital, key).prompt != "", seconds=200, every=0.5)
    run = f"/api/v2/dags/{DAG}/dagRuns/{asked(hospital, key).prompt}/taskInstances/review"
    with server.client("nora") as client:
        eventually(lambda: client.get(run).json().get("state") == "awaiting_input", seconds=100, every=0.5)
        found: dict[str, Any] = client.get(details(server, asked(hospital, key))).json()
    return found


def answer(server: ApiServer, user: str, item: ReviewItem, option: str, **form: str) -> httpx.Response:
    with server.client(user) as client:
        return client.patch(details(server, item), json={"chosen_options": [option], "params_input": form})


def put(hospital: Hospital, key: str) -> None:
    hospital.verify(hospital.package(LUNG, key))
    put_questions(hospital.ws, hospital.ws.definition(LUNG))


@pytest.fixture(scope="module")
def answered(airflow_home: Path, furnished_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Answered]:
    folder = tmp_path_factory.mktemp("required")
    shutil.copytree(furnished_home, folder / "site")
    settings = Settings(home=folder / "site" / "home", trials=folder / "site" / "trials", receiver_port=0)
    hospital = Hospital(Workspace.open(settings))
    hospital.define(LUNG, review="always", deliver=[{"to": "folder", "path": "outbox"}])
    hospital.enrol(LUNG, {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER})
    hospital.stage(small_study(OXENBARGER, parts={"CT"}, slices=2))
    put(hospital, "LA-001")
    environment = {"PACS2TRIAL_HOME": str(settings.home), "PACS2TRIAL_TRIALS": str(settings.trials)}
    with api_server(folder, environment) as server, ThreadPoolExecutor(1) as beside:
        runs = beside.submit(run_dags, folder, (DAG, {}), (DAG, {}))
        questions = {"LA-001": question(server, hospital, "LA-001")}
        put(hospital, "LA-002")
        first = asked(hospital, "LA-001")
        refused = {
            "uma, who is no reviewer": answer(server, "uma", first, "Approve all").status_code,
            "vic, a viewer": answer(server, "vic", first, "Approve all").status_code,
            "no such option": answer(server, "nora", first, "Send all").status_code,
        }
        assert asked(hospital, "LA-001").state is ReviewState.OPEN
        kept = answer(server, "nora", first, "Approve all", comment=COMMENT).json()
        questions["LA-002"] = question(server, hospital, "LA-002")
        second = asked(hospital, "LA-002")
        refused["a rejection without a reason"] = answer(server, "nora", second, "Reject all").status_code
        assert asked(hospital, "LA-002").state is ReviewState.OPEN
        assert answer(server, "nora", second, "Reject all", reason="other-patient").status_code == 200
        approved, rejected = runs.result()
        yield Answered(hospital, server, questions, refused, kept, approved, rejected)
    hospital.ws.vault.close()


def test_approving_delivers_exactly_the_approved_content(answered: Answered) -> None:
    ws, item = answered.hospital.ws, asked(answered.hospital, "LA-001")
    assert (item.state, item.answered_by) == (ReviewState.APPROVED, "nora")
    assert (answered.approved.state, answered.approved.tasks["deliver"]) == ("success", {"LA-001": "success"})
    (package,) = packages(ws.vault, LUNG, "LA-001")
    outbox = ws.settings.home / "delivered" / "outbox"
    sent = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in outbox.iterdir()}
    assert sent == {"LA-001.zip": package.sha256}
    with ws.vault.session(read_only=True) as session:
        assert session.scalars(select(Delivery.content_digest)).all() == [item.content_digest]


def test_rejecting_delivers_nothing(answered: Answered) -> None:
    item = asked(answered.hospital, "LA-002")
    assert (item.state, item.answered_by, item.reason) == (ReviewState.REJECTED, "nora", "other-patient")
    assert (answered.rejected.state, answered.rejected.tasks["review"]) == ("success", "skipped")
    assert "success" not in str(answered.rejected.tasks.get("deliver"))
    assert packages(answered.hospital.ws.vault, LUNG, "LA-002")[0].deliveries == []


def test_what_may_not_be_answered_is_refused_and_changes_nothing(answered: Answered) -> None:
    assert answered.refused == {
        "uma, who is no reviewer": 403,
        "vic, a viewer": 403,
        "no such option": 409,
        "a rejection without a reason": 409,
    }


def test_the_question_leads_to_the_pages_and_they_lead_back(answered: Answered) -> None:
    for key, asking in answered.questions.items():
        page = f"/pacs2trial/pages/trials/{LUNG}/reviews/{key}"
        assert f"[{key}]({page})" in asking["body"]
        assert f"]({page.rpartition('/')[0]})**" in asking["body"]
        with answered.server.client("nora") as client:
            shown = client.get(page).text
        prompt = asked(answered.hospital, key).prompt
        assert f'href="/dags/{DAG}/runs/{httpx.QueryParams(r=prompt)!s}'.replace("r=", "") in shown
        assert "/tasks/review/required_actions" in shown


def test_neither_question_nor_airflow_s_database_holds_an_identity_or_the_comment(answered: Answered) -> None:
    assert answered.kept["params_input"]["comment"] is None
    stored = (Path(os.environ["AIRFLOW_HOME"]) / "airflow.db").read_bytes()
    for content in (str(answered.questions).encode(), stored):
        assert not planted_in(content, *IDENTITIES)
        assert COMMENT.encode() not in content
    with answered.hospital.ws.vault.session(read_only=True) as session:
        entries = session.scalars(select(AuditEntry).where(AuditEntry.act == "review approved")).all()
        assert any(COMMENT in str(vars(entry)) for entry in entries)
