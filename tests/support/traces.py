"""What a cluster leaves behind and shows, as files beside its logs, so that one search finds what must not be there."""

from __future__ import annotations

import contextlib
import subprocess

import httpx
import psutil

from support.cluster import Cluster
from support.programs import need

_REST = (
    "eventLogs?limit=1000",
    "assets/events?limit=1000",
    "backfills?dag_id=trial_{trial}",
    "connections",
    "dags/~/dagRuns?limit=1000",
    "dags/~/dagRuns/~/taskInstances?limit=1000",
    "dags/~/dagRuns/~/hitlDetails",
    "dags/~/dagRuns/~/taskInstances/~/xcomEntries?limit=1000",
    "dagWarnings",
    "importErrors",
    "jobs",
)
_PAGES = ("pages/", "pages/trials/{trial}", "pages/trials/{trial}/studies", "dicomweb/STAGING/studies")


def write_down(made: Cluster, trial: str, *, reviewer: str) -> None:
    """Airflow's database, its REST answers to an administrator, and our pages for a reviewer, as files."""
    database = made.environment["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"].replace("+psycopg2", "")
    dump = made.folder / "airflow.sql"
    subprocess.run([need("pg_dump"), "--inserts", "--file", dump, database], check=True, capture_output=True)
    paths = [f"/api/v2/{path}" for path in _REST]
    answers = [_answer(made, "admin", path, trial) for path in paths]
    answers += [_answer(made, reviewer, f"/pacs2trial/{path}", trial) for path in _PAGES]
    (made.folder / "answers.txt").write_text("\n".join(answers), "utf-8")


def command_lines() -> set[str]:
    """Command lines and environments of every process of this test, as everybody on its machine may see them."""
    lines: set[str] = set()
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            lines.add(" ".join(process.cmdline()))
            lines.update(f"{name}={value}" for name, value in process.environ().items())
    return lines


def _answer(made: Cluster, user: str, path: str, trial: str) -> str:
    address = made.url + path.format(trial=trial)
    answer = httpx.get(address, headers={"Authorization": made.rest(user).token}, timeout=60)
    assert answer.status_code == httpx.codes.OK, (path, answer.text[:500])
    return answer.text
