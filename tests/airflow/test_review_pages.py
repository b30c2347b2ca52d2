"""The pages of reviews on Airflow's API server: who sees them, who decides, and what a decision does."""

from __future__ import annotations

import html
import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import expect

from pacs2trial.review import ReviewState, put_questions, reviews, series_of, take_questions
from pacs2trial.settings import Settings
from pacs2trial.workspace import Workspace
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER, VANDENBROUCKX
from support.api_server import ApiServer, api_server
from support.browsing import barriers, chromium, page_of, picture
from support.hospital import LUNG, Hospital, small_study

PAGES = f"/pacs2trial/pages/trials/{LUNG}"
WHO = {"LA-001": LUCZYNSKA, "LA-002": OXENBARGER, "LA-003": VANDENBROUCKX}


@pytest.fixture(scope="module")
def asked(tmp_path_factory: pytest.TempPathFactory, furnished_home: Path) -> Iterator[Hospital]:
    """Three subjects whose packages are up for review."""
    folder = tmp_path_factory.mktemp("asked")
    shutil.copytree(furnished_home, folder / "site")
    settings = Settings(home=folder / "site" / "home", trials=folder / "site" / "trials", receiver_port=0)
    workspace = Workspace.open(settings)
    made = Hospital(workspace)
    made.define(LUNG, review="always", deliver=[{"to": "folder"}])
    made.enrol(LUNG, WHO)
    made.stage(small_study(OXENBARGER, parts={"CT"}, slices=2))
    made.stage(small_study(VANDENBROUCKX, parts={"CT"}, slices=2))
    for key in WHO:
        made.verify(made.package(LUNG, key))
    put_questions(workspace, workspace.definition(LUNG))
    yield made
    workspace.vault.close()


@pytest.fixture(scope="module")
def server(airflow_home: Path, asked: Hospital, tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    settings = asked.ws.settings
    environment = {"PACS2TRIAL_HOME": str(settings.home), "PACS2TRIAL_TRIALS": str(settings.trials)}
    with api_server(tmp_path_factory.mktemp("server"), environment) as running:
        yield running


def say(server: ApiServer, user: str | None, key: str, **form: object) -> httpx.Response:
    with server.client(user) as client:
        return client.post(f"{PAGES}/reviews/{key}", data=form, headers={"Origin": server.url})


def content(asked: Hospital, key: str) -> str:
    (item,) = reviews(asked.ws, LUNG, key)
    return item.content_digest


def state(asked: Hospital, key: str) -> ReviewState:
    (item,) = reviews(asked.ws, LUNG, key)
    return item.state


@pytest.mark.parametrize(("user", "status"), [(None, 401), ("vic", 403), ("uma", 200), ("rita", 200), ("carl", 200)])
def test_whoever_may_see_what_the_trial_gets_sees_its_reviews(server: ApiServer, user: str | None, status: int) -> None:
    with server.client(user) as client:
        for path in ("/reviews", "/reviews/LA-001"):
            assert client.get(PAGES + path).status_code == status


@pytest.mark.parametrize(("user", "status"), [(None, 401), ("vic", 403), ("uma", 403), ("adam", 403), ("carl", 403)])
def test_reviewers_alone_decide(server: ApiServer, asked: Hospital, user: str | None, status: int) -> None:
    answer = say(server, user, "LA-001", verb="approve", content=content(asked, "LA-001"))
    assert answer.status_code == status
    assert state(asked, "LA-001") is ReviewState.OPEN


@pytest.mark.parametrize(("user", "words"), [("rita", "for your answer"), ("uma", "for a reviewer's answer")])
def test_whoever_looks_at_trials_is_told_what_waits_and_for_whom(server: ApiServer, user: str, words: str) -> None:
    with server.client(user) as client:
        for path in (PAGES.removesuffix(f"/trials/{LUNG}") + "/", PAGES):
            assert words in html.unescape(client.get(path).text)


def test_the_tab_of_a_review_s_run_shows_what_it_asked_about(server: ApiServer, asked: Hospital) -> None:
    (first, *_others) = take_questions(asked.ws, LUNG, "a run+1")
    tab = f"{PAGES.partition('/trials')[0]}/run"
    with server.client("uma") as client:
        answer = client.get(tab, params={"dag_id": f"review_{LUNG}", "run_id": "a run+1"})
        assert answer.status_code == 303
        assert f">{first.subject_key}</a>" in client.get(answer.headers["location"]).text
        other = client.get(tab, params={"dag_id": f"review_{LUNG}", "run_id": "another"}, follow_redirects=True)
        assert f">{first.subject_key}</a>" not in other.text
    with server.client("vic") as client:
        assert client.get(tab, params={"dag_id": f"review_{LUNG}", "run_id": "a run+1"}).status_code == 403


def test_a_reviewer_goes_through_the_pages_with_a_browser(server: ApiServer, asked: Hospital) -> None:
    with chromium() as browser:
        for dark in (False, True):
            with page_of(browser, server, dark=dark) as page:
                page.goto(f"{PAGES}/reviews")
                picture(page, f"reviews{'-dark' if dark else ''}")
                assert barriers(page) == []
                page.get_by_role("link", name="LA-001").click()
                expect(page.get_by_alt_text("Middle image of the series").first).to_be_visible()
                page.wait_for_load_state("networkidle")
                picture(page, f"review{'-dark' if dark else ''}")
                assert barriers(page) == []
        with page_of(browser, server) as page:
            page.goto(f"{PAGES}/reviews/LA-001")
            page.get_by_role("combobox", name="Reason").select_option("question")
            page.get_by_role("textbox", name="Comment").fill("which of both CT is the planning CT?")
            page.get_by_role("group", name="The package as it is").get_by_role("button", name="Hold").press("Enter")
            expect(page.get_by_text("question: which of both CT")).to_be_visible()
            expect(page.get_by_role("status")).to_contain_text("Held: it stays here")
            page.get_by_role("link", name="Next: LA-002 waits for you").click()
            page.get_by_role("heading", name="Review of LA-002").wait_for()
            page.get_by_role("row", name="CT").get_by_role("link").first.click()
            page.get_by_role("link", name="Review of LA-002").click()
            page.get_by_role("heading", name="Review of LA-002").wait_for()
    (item,) = reviews(asked.ws, LUNG, "LA-001")
    assert (item.state, item.answered_by, item.reason) == (ReviewState.HELD, "rita", "question")


def test_a_decision_of_another_site_is_refused(server: ApiServer, asked: Hospital) -> None:
    with server.client("rita") as client:
        form = {"verb": "approve", "content": content(asked, "LA-001")}
        answer = client.post(f"{PAGES}/reviews/LA-001", data=form, headers={"Origin": "https://elsewhere.example"})
    assert answer.status_code == 403
    assert state(asked, "LA-001") is not ReviewState.APPROVED


def test_an_approval_is_of_the_content_that_the_page_showed(server: ApiServer, asked: Hospital) -> None:
    assert say(server, "rita", "LA-002", verb="approve", content="0" * 64).status_code == 400
    assert say(server, "rita", "LA-002", verb="approve").status_code == 400
    assert say(server, "rita", "LA-002", verb="approve", content=content(asked, "LA-002")).status_code == 303
    (item,) = reviews(asked.ws, LUNG, "LA-002")
    assert (item.state, item.answered_by) == (ReviewState.APPROVED, "rita")


def test_a_rejection_needs_a_reason_of_the_list(server: ApiServer, asked: Hospital) -> None:
    given = {"verb": "reject", "content": content(asked, "LA-003")}
    for reason in ("", "PLANTED"):
        answer = say(server, "rita", "LA-003", **given, reason=reason)
        assert answer.status_code == 400
        assert "PLANTED" not in answer.text
    assert say(server, "rita", "LA-003", **given, reason="quality", comment="<b>noisy</b>").status_code == 303
    assert state(asked, "LA-003") is ReviewState.REJECTED
    with server.client("rita") as client:
        shown = client.get(f"{PAGES}/reviews/LA-003").text
    assert "&lt;b&gt;noisy&lt;/b&gt;" in shown
    assert "never leaves" in shown


def test_ticked_series_are_left_out_and_the_rest_is_approved(server: ApiServer, asked: Hospital) -> None:
    unwanted = next(one.series for one in series_of(asked.ws, LUNG, "LA-001") if one.modality == "REG")
    form = {"verb": "approve-rest", "content": content(asked, "LA-001"), "series": [unwanted], "reason": "not-protocol"}
    assert say(server, "rita", "LA-001", **form).status_code == 303
    assert state(asked, "LA-001") is ReviewState.PARTLY_APPROVED
    assert [one.series for one in series_of(asked.ws, LUNG, "LA-001") if one.answer] == [unwanted]


def test_airflow_s_own_prompt_is_answered_by_reviewers_alone(server: ApiServer) -> None:
    path = f"/api/v2/dags/review_{LUNG}/dagRuns/a/taskInstances/review/-1/hitlDetails"
    answer = {"chosen_options": ["Approve all"], "params_input": {}}
    for user, status in ((None, 401), ("uma", 403), ("adam", 403)):
        with server.client(user) as client:
            refused = client.patch(path, json=answer)
        assert refused.status_code == status
    assert "only reviewers answer this" in refused.text
