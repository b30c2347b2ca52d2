"""Airflow's REST API as far as the demo and the end-to-end tests need it."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

import httpx


class RestError(Exception):
    """Airflow refused a request; the message holds its status and words."""


class AirflowRest:
    """A logged-in client of one Airflow. ``base`` is such as ``http://127.0.0.1:8080``."""

    def __init__(self, base: str, user: str, password: str) -> None:
        self.base = base
        self._login = {"username": user, "password": password}
        self._client = httpx.Client(base_url=base, timeout=60)
        self._patience_s = 60.0

    def wait_until_healthy(self, patience_s: float) -> None:
        """Return when scheduler, DAG processor and metadata database report healthy.

        Raises:
            TimeoutError: they did not within ``patience_s`` seconds.
        """
        deadline = time.monotonic() + patience_s
        while time.monotonic() < deadline:
            try:
                answer = self._client.get("/api/v2/monitor/health").json()
                if all(answer[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor")):
                    return
            except (httpx.HTTPError, ValueError, KeyError, TypeError):
                pass
            time.sleep(0.5)
        raise TimeoutError(f"Airflow at {self.base} was not healthy after {patience_s:.0f} s")

    def log_in(self) -> None:
        answer = self._ask("POST", "/auth/token", json=self._login)
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    @property
    def token(self) -> str:
        """The value of the header Authorization, once logged in."""
        return self._client.headers["Authorization"]

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        return dict(self._ask("GET", f"/api/v2/{path}", params=params).json())

    def put_connection(self, name: str, fields: Mapping[str, Any]) -> None:
        """Create or replace a connection."""
        body = {"connection_id": name, **fields}
        exists = self._client.get(f"/api/v2/connections/{quote(name)}").status_code == httpx.codes.OK
        if exists:
            self._ask("PATCH", f"/api/v2/connections/{quote(name)}", json=body)
        else:
            self._ask("POST", "/api/v2/connections", json=body)

    def has_dag(self, dag_id: str) -> bool:
        return self._client.get(f"/api/v2/dags/{dag_id}").status_code == httpx.codes.OK

    def wait_for_dags(self, dag_ids: Collection[str], patience_s: float) -> None:
        """Return when Airflow has loaded all of these.

        Raises:
            TimeoutError: it did not within ``patience_s`` seconds.
        """
        deadline = time.monotonic() + patience_s
        while not all(map(self.has_dag, dag_ids)):
            if time.monotonic() > deadline:
                raise TimeoutError(f"Airflow at {self.base} did not load all of {', '.join(dag_ids)}")
            time.sleep(0.5)

    def unpause(self, dag_id: str) -> None:
        self._ask("PATCH", f"/api/v2/dags/{dag_id}", json={"is_paused": False})

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None, *, day: datetime | None = None) -> str:
        """Start a run by hand and return its id. The id is ours, so that asking again starts no second run.

        Args:
            dag_id: of what.
            conf: the values of its form.
            day: begin of the day for which the run stands, as a scheduled one would; none if absent.
        """
        run_id = f"manual__{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f+00:00}"
        body: dict[str, Any] = {"logical_date": None, "conf": conf or {}, "dag_run_id": run_id}
        if day is not None:
            ends = day + timedelta(days=1)
            body |= {
                "logical_date": day.isoformat(),
                "data_interval_start": day.isoformat(),
                "data_interval_end": ends.isoformat(),
            }
        self._ask("POST", f"/api/v2/dags/{dag_id}/dagRuns", json=body, accept=httpx.codes.CONFLICT)
        return run_id

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self.get(f"dags/{dag_id}/dagRuns/{quote(run_id, safe='')}")["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        path = f"dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances"
        return list(self.get(path, limit=1000)["task_instances"])

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int, map_index: int = -1) -> str:
        path = f"dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}/logs/{try_number}"
        return self._ask("GET", f"/api/v2/{path}", params={"map_index": map_index, "full_content": True}).text

    def _ask(self, method: str, path: str, *, accept: int | None = None, **fields: Any) -> httpx.Response:
        """One request, repeated while the server is too busy to answer it (5xx: SQLite on a loaded machine)."""
        deadline = time.monotonic() + self._patience_s
        while True:
            answer = self._client.request(method, path, **fields)
            if answer.is_success or answer.status_code == accept:
                return answer
            if not answer.is_server_error or time.monotonic() > deadline:
                raise RestError(f"{method} {path}: {answer.status_code} {answer.text[:500]}")
            time.sleep(1)
