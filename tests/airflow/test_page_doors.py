"""The doors of the pages: login on every route, forms of this site alone, headers that let nothing else run."""

from __future__ import annotations

import re

import httpx
import pytest
from fastapi.routing import APIRoute

from pacs2trial_airflow.dicomweb import application as dicomweb
from pacs2trial_airflow.lazy import DICOMWEB, PAGES
from pacs2trial_airflow.pages import application as pages
from support.api_server import ApiServer

VALUES = {"scope": "LUNGART", "digest": "0", "name": "pages.css", "token": "0" * 64, "tag": "7FE00010"}
ROUTES = [
    (method, where + re.sub(r"\{(\w+)(:path)?\}", lambda found: VALUES.get(found[1], "1"), route.path))
    for where, application in ((PAGES, pages), (DICOMWEB, dicomweb))
    for route in application.make_application().routes
    if isinstance(route, APIRoute)
    for method in route.methods
]
"""Every route that the plugin has, so that a new one cannot be forgotten."""

FOR_WHOEVER_IS_LOGGED_IN = {
    f"{PAGES}/": 200,  # the trials that one may see: none
    f"{PAGES}/run": 404,  # without the run's name
    f"{PAGES}/icon.svg": 200,
    f"{PAGES}/icon-dark.svg": 200,
    f"{PAGES}/assets/0/pages.css": 404,
    f"{PAGES}/viewer/files/pages.css": 404,
}
"""Routes that show nothing of a trial, with what a viewer of Airflow without any role is answered."""


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_sees_anything_without_a_login(server: ApiServer, method: str, path: str) -> None:
    with server.client() as client:
        assert client.request(method, path, headers={"Origin": server.url}).status_code == 401


def test_a_viewer_of_airflow_sees_and_changes_nothing_of_a_trial(server: ApiServer) -> None:
    with server.client("vic") as client:
        answers = {
            (method, path): client.request(method, path, headers={"Origin": server.url}) for method, path in ROUTES
        }
    expected = {(method, path): FOR_WHOEVER_IS_LOGGED_IN.get(path, 403) for method, path in ROUTES}
    assert {route: answer.status_code for route, answer in answers.items()} == expected
    assert "LA-001" not in "".join(answer.text for answer in answers.values())


def test_every_answer_forbids_what_is_not_shipped(server: ApiServer) -> None:
    with server.client("rita") as client:
        for path in ("/", "/nothing", "/run"):
            headers = client.get(PAGES + path).headers
            policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
            assert policy["default-src"] == "'none'"
            assert {policy[name] for name in ("script-src", "style-src", "connect-src", "form-action")} == {"'self'"}
            assert policy["frame-ancestors"] == "'self'"
            assert headers["cache-control"] == "no-store"
            assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("origin", [None, "null", "https://elsewhere.example", "http://127.0.0.1:1"])
def test_a_form_of_another_site_is_refused(server: ApiServer, origin: str | None) -> None:
    cookies, headers = {"_token": server.tokens["rita"]}, {"Origin": origin} if origin else {}
    answer = httpx.post(f"{server.url}{PAGES}/", cookies=cookies, headers=headers, timeout=60)
    assert answer.status_code in (403, 405)
