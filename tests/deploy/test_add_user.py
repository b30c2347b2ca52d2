"""People are let in with the rights of their work, by the commands that Airflow gets."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy" / "add-user.sh"
ROLES = {
    "viewer": ["Viewer"],
    "radiographer": ["User", "Reviewer"],
    "custodian": ["User", "Custodian"],
    "admin": ["Admin"],
}


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", SCRIPT, *arguments], env=os.environ | {"AIRFLOW": "echo"}, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("role", ROLES)
def test_a_role_of_the_hospital_is_one_or_two_of_airflow(role: str) -> None:
    done = run("anna", role, "anna@hospital.example")
    assert done.returncode == 0
    words = done.stdout.split()
    assert [words[at + 1] for at, word in enumerate(words) if word == "--role"] == ROLES[role]
    assert words.count("anna") == len(ROLES[role]) + words.count("--firstname")


def test_an_unknown_role_lets_nobody_in() -> None:
    done = run("anna", "boss", "anna@hospital.example")
    assert (done.returncode, done.stdout) == (2, "")
    assert "radiographer" in done.stderr
