"""The image is made of the versions that are tested."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
CONSTRAINTS = (ROOT / "constraints.txt").read_text("utf-8")


def pinned(package: str) -> str:
    found = re.search(rf"^{re.escape(package)}==(\S+)", CONSTRAINTS, re.MULTILINE)
    assert found is not None, package
    return found[1]


def test_image_has_the_airflow_of_the_constraints() -> None:
    assert f"FROM apache/airflow:{pinned('apache-airflow')}-python3.11\n" in DOCKERFILE


def test_image_is_built_with_the_uv_of_the_constraints() -> None:
    assert f"ghcr.io/astral-sh/uv:{pinned('uv')} " in DOCKERFILE


def test_image_does_not_run_as_root() -> None:
    assert re.findall(r"^USER (\w+)", DOCKERFILE, re.MULTILINE)[-1] == "airflow"


def test_what_is_copied_exists_and_is_let_into_the_build() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")}
    copied: set[str] = set()
    for line in re.findall(r"^COPY --chown=airflow:0 (.+)$", DOCKERFILE, re.MULTILINE):
        copied |= set(line.split()[:-1])
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


def test_vault_secrets_and_key_tables_stay_out_of_the_build() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    assert "*" in ignored
    assert {"**/*.csv", "**/var"} <= set(ignored)
