"""Airflow's REST API as far as the demo and the end-to-end tests need it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx


class AirflowRest:
    """A logged-in client of one Airflow. ``base`` is such as ``http://127.0.0.1:8080``."""

    def __init__(self, base: str, user: str, password: str) -> None:
        self.base = base
        self._login = {"username": user, "password": password}
        self._client = httpx.Client(base_url=base, timeout=60)

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
        answer = self._client.post("/auth/token", json=self._login)
        answer.raise_for_status()
        self._client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def get(self, path: str, **params: Any) -> dict[str, Any]:
        answer = self._client.get(f"/api/v2/{path}", params=params)
        answer.raise_for_status()
        return dict(answer.json())

    def put_connection(self, name: str, fields: Mapping[str, Any]) -> None:
        """Create or replace a connection."""
        body = {"connection_id": name, **fields}
        answer = self._client.post("/api/v2/connections", json=body)
        if answer.status_code == httpx.codes.CONFLICT:
            answer = self._client.patch(f"/api/v2/connections/{quote(name)}", json=body)
        answer.raise_for_status()

    def has_dag(self, dag_id: str) -> bool:
        return self._client.get(f"/api/v2/dags/{dag_id}").status_code == httpx.codes.OK

    def unpause(self, dag_id: str) -> None:
        self._client.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False}).raise_for_status()

    def trigger(self, dag_id: str, conf: Mapping[str, Any] | None = None) -> str:
        """Start a run by hand and return its id."""
        answer = self._client.post(f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": conf or {}})
        answer.raise_for_status()
        return str(answer.json()["dag_run_id"])

    def run_state(self, dag_id: str, run_id: str) -> str:
        return str(self.get(f"dags/{dag_id}/dagRuns/{quote(run_id, safe='')}")["state"])

    def task_instances(self, dag_id: str, run_id: str) -> list[dict[str, Any]]:
        path = f"dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances"
        return list(self.get(path, limit=1000)["task_instances"])

    def task_log(self, dag_id: str, run_id: str, task_id: str, try_number: int, map_index: int = -1) -> str:
        path = f"dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances/{task_id}/logs/{try_number}"
        answer = self._client.get(f"/api/v2/{path}", params={"map_index": map_index, "full_content": True})
        answer.raise_for_status()
        return answer.text
