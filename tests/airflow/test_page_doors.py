"""The doors of the pages: login on every route, forms of this site alone, headers that let nothing else run."""

from __future__ import annotations

import re

import httpx
import pytest
from fastapi.routing import APIRoute

from pacs2trial_airflow.pages.application import make_application
from support.api_server import ApiServer

PAGES = "/pacs2trial/pages"
VALUES = {"scope": "LUNGART", "digest": "0", "name": "pages.css"}
ROUTES = [
    (method, re.sub(r"\{(\w+)\}", lambda found: VALUES.get(found[1], "1"), route.path))
    for route in make_application().routes
    if isinstance(route, APIRoute)
    for method in route.methods
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_nobody_sees_anything_without_a_login(server: ApiServer, method: str, path: str) -> None:
    with server.client() as client:
        assert client.request(method, f"{PAGES}{path}", headers={"Origin": server.url}).status_code == 401


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
