"""Pages of texts, quarantine and key tables: what they show, what they propose and do, and to whom."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml
from sqlalchemy import select

from pacs2trial.collect.texts import texts_of
from pacs2trial.filtering.filter import filter_subject
from pacs2trial.intake.stage1 import stage_part10
from pacs2trial.keytable import enrolled_keys
from pacs2trial.settings import Settings
from pacs2trial.staging.quarantine import items
from pacs2trial.vault.tables import AuditEntry
from pacs2trial.workspace import Workspace
from pacs2trial_airflow.pages.uploads import pending
from pacs2trial_demo.generate import part10, study
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from support.api_server import ApiServer, api_server
from support.browsing import barriers, chromium, page_of, picture
from support.hospital import FIRST_DAY, LUNG, Hospital

PAGES = f"/pacs2trial/pages/trials/{LUNG}"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, furnished_home: Path) -> Iterator[Hospital]:
    """A trial that wants ultrasound as well, which waits in quarantine, and one package."""
    folder = tmp_path_factory.mktemp("desk")
    shutil.copytree(furnished_home, folder / "site")
    settings = Settings(home=folder / "site" / "home", trials=folder / "site" / "trials", receiver_port=0)
    made = Hospital(Workspace.open(settings))
    profile = {
        "options": ["clean_descriptors"],
        "rules": [{"attribute": "StudyDescription", "set": "Planning of {subject_key}"}],
    }
    made.define(LUNG, profile=profile, keys={"file": "lungart.csv"})
    made.verify(made.package(LUNG, "LA-001"))
    made.define(
        LUNG, profile=profile, keys={"file": "lungart.csv"}, source={"pacs": "main", "modalities": ["CT", "US"]}
    )
    for dataset in study(LUCZYNSKA, when=FIRST_DAY, parts={"US"}, matrix=64):
        stage_part10(made.ws, part10(dataset), source="file")
    filter_subject(made.ws, made.ws.definition(LUNG), made.subject(LUNG, "LA-001"))
    yield made
    made.ws.vault.close()


@pytest.fixture(scope="module")
def server(airflow_home: Path, desk: Hospital, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    settings = desk.ws.settings
    environment = {"PACS2TRIAL_HOME": str(settings.home), "PACS2TRIAL_TRIALS": str(settings.trials)}
    with api_server(tmp_path_factory.mktemp("server"), environment) as running:
        yield running


def ask(server: ApiServer, user: str | None, path: str, form: dict | None = None, **more: object) -> httpx.Response:
    with server.client(user) as client:
        if form is None and not more:
            return client.get(PAGES + path)
        return client.post(PAGES + path, data=form, headers={"Origin": server.url}, **more)


def acts(desk: Hospital, act: str) -> list[tuple[str, str]]:
    with desk.ws.vault.session(read_only=True) as session:
        rows = session.execute(select(AuditEntry.actor, AuditEntry.target).where(AuditEntry.act == act))
        return [(actor, target) for actor, target in rows]


def test_texts_are_shown_with_their_counts_and_a_rule_is_proposed(server: ApiServer, desk: Hospital) -> None:
    new = next(one for one in texts_of(desk.ws, LUNG) if one.new)
    shown = ask(server, "rita", "/values").text
    assert new.value in shown
    ticked = {"text": [f'["{new.attribute}", "{new.value}"]']}
    for verb, rule in (
        ("keep", {"attribute": new.attribute, "replace": {new.value: new.value}}),
        ("remove", {"attribute": new.attribute, "remove": True}),
    ):
        answer = ask(server, "rita", "/values", {"verb": verb, **ticked})
        proposal = (
            httpx.Response(200, text=answer.text).text.split("<textarea", 1)[1].split(">", 1)[1].split("</textarea>")[0]
        )
        assert yaml.safe_load(proposal.replace("&#39;", "'")) == {"profile": {"rules": [rule]}}
    assert not next(one for one in texts_of(desk.ws, LUNG) if one.value == new.value).new
    assert acts(desk, "texts reviewed") == [("rita", LUNG)]


@pytest.mark.parametrize(
    ("path", "form", "statuses"),
    [
        ("/values", None, {None: 401, "vic": 403, "uma": 200, "rita": 200}),
        ("/values", {"verb": "seen", "text": '["A", "b"]'}, {None: 401, "vic": 403, "uma": 403, "carl": 403}),
        ("/quarantine", None, {None: 401, "vic": 403, "uma": 200, "rita": 200}),
        ("/keys", None, {None: 401, "vic": 403, "uma": 403, "adam": 403, "rita": 403, "carl": 200}),
        ("/keys/identities", {}, {None: 401, "vic": 403, "uma": 403, "adam": 403, "rita": 403}),
        ("/keys/cancel", {}, {None: 401, "vic": 403, "rita": 403}),
        ("/keys/upload", {}, {None: 401, "vic": 403, "rita": 403}),
        ("/keys/import", {"digest": "0" * 64}, {None: 401, "vic": 403, "rita": 403, "carl": 400}),
    ],
)
def test_each_page_is_for_those_whom_it_concerns(
    server: ApiServer, path: str, form: dict | None, statuses: dict[str | None, int]
) -> None:
    found = {}
    for user in statuses:
        with server.client(user) as client:
            origin = {"Origin": server.url}
            done = client.get(PAGES + path) if form is None else client.post(PAGES + path, data=form, headers=origin)
        found[user] = done.status_code
    assert found == statuses


def test_a_quarantined_object_is_listed_and_its_picture_is_for_custodians(server: ApiServer, desk: Hospital) -> None:
    item = items(desk.ws, LUNG)[0]
    listed = ask(server, "rita", "/quarantine").text
    assert item.reason in listed
    assert "quarantine: ultrasound" in listed
    path = f"/quarantine/{item.token}"
    assert ask(server, "uma", path).status_code == 403
    assert ask(server, "rita", path).status_code == 200
    assert ask(server, "rita", f"{path}/picture").status_code == 403
    assert ask(server, "carl", f"{path}/picture").status_code == 403
    assert ask(server, "rita", f"{path}/look", {"frame": "1"}).status_code == 403
    assert acts(desk, "quarantine look") == []


def test_who_is_reviewer_and_custodian_sees_the_picture_and_is_written_down(server: ApiServer, desk: Hospital) -> None:
    item = items(desk.ws, LUNG)[0]
    answer = ask(server, "both", f"/quarantine/{item.token}/picture")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/png")
    assert answer.content.startswith(b"\x89PNG")
    assert "pixels" in ask(server, "both", f"/quarantine/{item.token}/look", {"frame": "1"}).text
    assert acts(desk, "quarantine look") == [("both", item.token)] * 2


def test_every_page_of_decisions_is_open_to_everybody(server: ApiServer, desk: Hospital) -> None:
    token = items(desk.ws, LUNG)[0].token
    with chromium() as browser, page_of(browser, server, "both") as page:
        for path in ("/values", "/quarantine", f"/quarantine/{token}", "/keys"):
            page.goto(PAGES + path)
            picture(page, f"desk{path.replace(f'/{token}', 'd').replace('/', '-')}")
            assert barriers(page) == []


def test_a_decision_about_an_object_needs_a_reason_and_is_audited(server: ApiServer, desk: Hospital) -> None:
    item = items(desk.ws, LUNG)[0]
    path = f"/quarantine/{item.token}"
    assert ask(server, "rita", path, {"verb": "reject"}).status_code == 400
    assert ask(server, "rita", path, {"verb": "discard", "reason": "quality"}).status_code == 400
    assert ask(server, "rita", path, {"verb": "reject", "reason": "identity-in-image"}).status_code == 303
    assert acts(desk, "quarantine-reject") == [("rita", item.token)]


def upload(server: ApiServer, text: str) -> str:
    answer = ask(server, "carl", "/keys/upload", files={"table": ("keys.csv", text.encode())})
    assert answer.status_code == 303, answer.text
    return ask(server, "carl", "/keys").text


def test_faults_of_an_uploaded_table_are_told_by_row_without_what_stands_there(server: ApiServer) -> None:
    shown = upload(server, "patient_id,subject_key\nPLANTED1,LA-001\nPLANTED2,nonsense\n")
    assert "row 3, column subject_key" in shown
    assert "PLANTED" not in shown
    assert "Import this table" not in shown


def test_an_uploaded_table_is_compared_then_imported_by_the_custodian(server: ApiServer, desk: Hospital) -> None:
    text = f"patient_id,subject_key\n{LUCZYNSKA.patient_id},LA-001\n{OXENBARGER.patient_id},LA-002\n"
    shown = upload(server, text)
    assert "LA-002" in shown
    assert OXENBARGER.patient_id not in shown
    waiting = pending(desk.ws.settings, LUNG)
    assert waiting.stat().st_mode & 0o777 == 0o600
    assert ask(server, "carl", "/keys/import", {"digest": "0" * 64}).status_code == 400
    digest = shown.split('name="digest" value="', 1)[1][:64]
    assert ask(server, "carl", "/keys/import", {"digest": digest}).status_code == 303
    assert enrolled_keys(desk.ws.vault, LUNG) == {"LA-001", "LA-002"}
    assert not waiting.exists()
    assert (desk.ws.settings.keys / "lungart.csv").read_text("utf-8") == text


def test_patient_ids_are_shown_on_request_and_that_is_audited(server: ApiServer, desk: Hospital) -> None:
    assert LUCZYNSKA.patient_id not in ask(server, "carl", "/keys").text
    assert LUCZYNSKA.patient_id in ask(server, "carl", "/keys/identities", {}).text
    assert [actor for actor, _target in acts(desk, "keys show")] == ["carl"]
