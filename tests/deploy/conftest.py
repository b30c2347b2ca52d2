"""The compose file as data, and an environment with the providers that the image has and the tests' own has not."""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def compose() -> dict[str, Any]:
    content: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yaml").read_text("utf-8"))
    return content


@pytest.fixture(scope="session")
def cluster_python(request: pytest.FixtureRequest) -> Path:
    """A Python with Airflow as the image has it (Celery, FAB, PostgreSQL), made once per set of constraints."""
    uv = shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))
    if uv is None:
        reason = "needs uv to make an environment with Airflow's Celery and FAB providers"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    constraints = ROOT / "constraints.txt"
    digest = hashlib.sha256(constraints.read_bytes()).hexdigest()[:12]
    cache = Path(request.config.cache.mkdir("cluster")) if request.config.cache else ROOT / ".pytest_cache"
    python = cache / digest / "bin" / "python"
    with (cache / f"{digest}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # the workers of one run want it at the same time
        if not python.exists():
            half_made = cache / f"{digest}.{os.getpid()}"
            _run(uv, "venv", "--quiet", "--relocatable", "--python", sys.executable, str(half_made))
            _run(uv, "pip", "install", "--quiet", "--python", str(half_made / "bin" / "python"), "--constraint",
                 str(constraints), *cluster_requirements())  # fmt: skip
            half_made.rename(python.parents[1])
    return python


def cluster_requirements() -> list[str]:
    """What the image installs beside pacs2trial: the extra ``cluster`` of pyproject.toml."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    requirements: list[str] = project["project"]["optional-dependencies"]["cluster"]
    return requirements


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
