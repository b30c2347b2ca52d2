"""docs/first-year.md, typed command by command against a PACS: what the page says is what happens."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner

from pacs2trial.cli import cli
from pacs2trial.settings import AIRFLOW_PLACES
from pacs2trial_demo.generate import study, write
from pacs2trial_demo.identities import LUCZYNSKA, OXENBARGER
from pacs2trial_demo.pacs import DemoPacs
from support.sites import SHORT_TIMES

PAGE = Path(__file__).parents[2] / "docs" / "first-year.md"
SECOND_ID = "000QL90210"


def commands() -> Iterator[tuple[str, list[str]]]:
    """Each command of the page with the lines that the page shows below it."""
    for block in PAGE.read_text("utf-8").split("```console\n")[1:]:
        lines = iter(block.split("```")[0].splitlines())
        command, shown = "", list[str]()
        for line in lines:
            if line.startswith("$ "):
                if command:
                    yield command, shown
                command, shown = line.removeprefix("$ "), []
                if "<<'END'" in command:
                    while not command.endswith("\nEND"):
                        command += "\n" + next(lines)
            else:
                shown.append(line)
        yield command, shown


def run(command: str) -> tuple[int, str]:
    """Exit status and output; our own commands in this process, everything else by a shell."""
    if command.startswith("pacs2trial "):
        words = [os.path.expandvars(word) for word in shlex.split(command)]
        done = CliRunner().invoke(cli, words[1:])
        return done.exit_code, done.output
    shell = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    return shell.returncode, shell.stdout + shell.stderr


def test_the_year_goes_as_the_page_says(tmp_path: Path, demo_pacs: DemoPacs, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("trials", "safe"):
        (tmp_path / folder).mkdir()
    again = replace(LUCZYNSKA, patient_id=SECOND_ID)
    for dataset in study(again, when=date(2024, 6, 3), parts={"CT", "RTSTRUCT"}, slices=2, matrix=32):
        demo_pacs.index.add(write(dataset, demo_pacs.folder / "June"))
    environment = {
        "PACS2TRIAL_HOME": tmp_path / "home",
        "PACS2TRIAL_TRIALS": tmp_path / "trials",
        "PACS2TRIAL_RECEIVER_PORT": 0,
        "PACS2TRIAL_DURABLE": "false",
        "PACS2TRIAL_MINIMUM_FREE_MB": 1,
        "SAFE": tmp_path / "safe",
        "AIRFLOW_CONN_MAIN": json.dumps(
            {
                "conn_type": "dicom",
                "host": "127.0.0.1",
                "port": demo_pacs.port,
                "extra": SHORT_TIMES | {"aet": demo_pacs.aet},
            }
        ),
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, str(value))
    for name in AIRFLOW_PLACES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    for command, shown in commands():
        status, output = run(command)
        expected = int(shown.pop().split()[-1].rstrip(")")) if shown and shown[-1].startswith("(exit status") else 0
        assert status == expected, f"$ {command}\n{output}"
        for line in shown:
            assert line in output, f"$ {command}\n{output}"
    assert not list((tmp_path / "home" / "staging").rglob("*.dcm")), "December has cleaned up"


def test_the_page_names_the_patients_of_the_demo() -> None:
    text = PAGE.read_text("utf-8")
    assert LUCZYNSKA.patient_id in text
    assert OXENBARGER.patient_id in text
