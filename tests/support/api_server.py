"""Airflow's own API server with the project's plugin in it, on a loopback port of this process."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
import uvicorn

from support.programs import free_port

USERS = {
    "adam": "admin",
    "uma": "user",
    "vic": "viewer",
    "rita": "viewer",
    "carl": "viewer",
    "both": "viewer",
    "nora": "user",
}
"""User of Airflow: role there. Rita and Nora review and Carl is custodian, by the roles of pacs2trial."""
ROLES = "rita=reviewer,nora=reviewer,carl=custodian,both=reviewer,both=custodian"


@dataclass(frozen=True)
class ApiServer:
    url: str
    tokens: Mapping[str, str]

    def client(self, user: str | None = None) -> httpx.Client:
        """A client that is logged in as ``user``, or not at all."""
        headers = {"Authorization": f"Bearer {self.tokens[user]}"} if user else {}
        return httpx.Client(base_url=self.url, headers=headers, timeout=60)


@contextmanager
def api_server(folder: Path, environment: Mapping[str, str]) -> Iterator[ApiServer]:
    """Start it with :data:`USERS`; the Airflow home has been entered and has a database.

    The site is the one of ``environment``, whatever site this process had opened before.
    """
    from airflow.api_fastapi.app import cached_app, purge_cached_app

    from pacs2trial_airflow.pages.pool import pool
    from pacs2trial_airflow.site import site

    def forget() -> None:
        purge_cached_app()
        pool.stop()
        site.forget()

    passwords = folder / "passwords.json"
    passwords.write_text(json.dumps({user: f"password of {user}" for user in USERS}))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": ",".join(f"{user}:{role}" for user, role in USERS.items()),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_ALL_ADMINS": "False",
            "AIRFLOW__API_AUTH__JWT_SECRET": "a secret of this test alone, long enough for HS512 to be content with it",
            "PACS2TRIAL_ROLES": ROLES,
            **environment,
        }.items():
            patch.setenv(name, value)
        forget()
        port = free_port()
        server = uvicorn.Server(uvicorn.Config(cached_app(), host="127.0.0.1", port=port, log_level="warning"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.02)
            url = f"http://127.0.0.1:{port}"
            yield ApiServer(url, {user: _token(url, user) for user in USERS})
        finally:
            server.should_exit = True
            thread.join(20)
            forget()


def _token(url: str, user: str) -> str:
    asked = {"username": user, "password": f"password of {user}"}
    answer = httpx.post(f"{url}/auth/token", json=asked, timeout=60)
    assert answer.status_code == 201, answer.text
    token: str = answer.json()["access_token"]
    return token
