"""The program itself: exit status, standard output and error, help, what it says of faults nobody foresaw."""

from __future__ import annotations

import io
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from pacs2trial.cli import COMMANDS, cli
from pacs2trial.commands.command import ReportingCommand, worst
from pacs2trial.commands.report import Report, Table, show
from pacs2trial.errors import BalanceError, HeldError, InputError, NotAvailableError, SetupError, TransientError

if TYPE_CHECKING:
    from .conftest import Site

PROGRAM = Path(sys.executable).with_name("pacs2trial")
PUBLIC = {
    "init", "check", "trial", "keys", "stage", "retrieve", "receive", "filter", "collect", "review",
    "secret", "quarantine", "versions", "incoming", "changes",
    "deliver", "verify", "restore", "cleanup", "reidentify", "status", "mapping", "backup", "restore-backup",
}  # fmt: skip


def all_commands() -> list[tuple[str, ...]]:
    found: list[tuple[str, ...]] = []
    for name in COMMANDS:
        command = cli.get_command(click.Context(cli), name)
        found += [(name, inner) for inner in command.commands] if isinstance(command, click.Group) else [(name,)]
    return found


def raising(error: Exception) -> click.Command:
    @click.command(cls=ReportingCommand)
    def fails() -> Report:
        raise error

    return fails


def test_every_command_of_the_public_interface_exists() -> None:
    assert set(COMMANDS) == PUBLIC
    groups = {names[0]: {inner for outer, *rest in all_commands() if outer == names[0] for inner in rest}
              for names in all_commands() if len(names) == 2}  # fmt: skip
    assert groups == {
        "trial": {"list", "check", "describe", "erase", "values"},
        "keys": {"check", "doubts", "history", "import", "outdated", "show"},
        "mapping": {"import", "export"},
        "secret": {"new", "rotate"},
    }


@pytest.mark.parametrize("names", all_commands(), ids=" ".join)
def test_every_command_takes_json_and_help(names: tuple[str, ...]) -> None:
    done = CliRunner().invoke(cli, [*names, "--help"])
    assert done.exit_code == 0
    assert "--json" in done.stdout
    assert len(done.stdout.splitlines()) > 5


@pytest.mark.parametrize("names", all_commands(), ids=" ".join)
def test_every_command_refuses_unknown_options(names: tuple[str, ...]) -> None:
    done = CliRunner().invoke(cli, [*names, "--jsn"])
    assert done.exit_code == 2
    assert "No such option '--jsn'" in done.stderr
    assert done.stdout == ""


def test_summaries_fit_on_their_line() -> None:
    listed = CliRunner().invoke(cli, ["--help"]).stdout.partition("Commands:")[2]
    assert [line for line in listed.splitlines() if line.endswith("...")] == []


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (InputError("a", "b"), 2),
        (NotAvailableError("a\nb"), 2),
        (SetupError("a\nb"), 2),
        (HeldError("a\nb"), 3),
        (BalanceError("a\nb"), 1),
        (TransientError("a\nb"), 1),
    ],
)
def test_errors_are_messages_with_a_status(error: Exception, status: int) -> None:
    done = CliRunner().invoke(raising(error))
    assert (done.exit_code, done.stdout) == (status, "")
    assert done.stderr.splitlines() == ["a", "b"]


def test_errors_are_json_too() -> None:
    done = CliRunner().invoke(raising(InputError("a", "b")), ["--json"])
    assert done.exit_code == 2
    assert json.loads(done.stdout) == {"problems": ["a", "b"]}


def test_unforeseen_error_does_not_tell_its_text() -> None:
    done = CliRunner().invoke(raising(ValueError("Doe^Jane")))
    assert done.exit_code == 1
    assert done.stderr.startswith("unforeseen ValueError at test_program.py line ")
    assert "Doe" not in done.output


@pytest.mark.parametrize(("statuses", "status"), [([], 0), ([0, 0], 0), ([0, 3], 3), ([3, 1], 1), ([2, 3], 3)])
def test_worst_status_of_several(statuses: list[int], status: int) -> None:
    assert worst(statuses) == status


def test_plain_tables_are_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    show(Report({}, [Table(("name", "number"), [("a", 1), ("long", None), ("b", 1000)], title="all")]), as_json=False)
    assert capsys.readouterr().out == "all\nname  number\na          1\nlong       -\nb       1000\n"


def test_terminal_gets_a_drawn_table(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    screen = Terminal()
    monkeypatch.setattr(sys, "stdout", screen)
    show(Report({}, [Table(("name", "number"), [("[a]", 1)])]), as_json=False)
    assert "┃" in screen.getvalue()
    assert "[a]" in screen.getvalue()


def test_program_separates_results_from_messages(new_site: Site) -> None:
    done = subprocess.run([PROGRAM, "init", "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0
    assert json.loads(done.stdout)["next"] == "pacs2trial check"
    assert "Back up" in done.stderr


def test_program_ends_with_the_status(new_site: Site) -> None:
    done = subprocess.run([PROGRAM, "status", "NONE"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "run `pacs2trial init`" in done.stderr


def test_program_tells_its_version() -> None:
    done = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("pacs2trial, version ")


def test_person_at_a_terminal_is_asked(site: Site) -> None:
    path = site.home / "keys" / "lungart.csv"
    path.write_text(path.read_text() + "ZZ2,LA-002\n")
    status, said = typed([str(PROGRAM), "keys", "import", "LUNGART"], "n\n")
    assert status == 0
    assert "Import this key table into trial LUNGART? [y/N]" in said
    assert "nothing was imported" in said
    status, said = typed([str(PROGRAM), "keys", "import", "LUNGART"], "y\n")
    assert status == 0
    assert "imported: LUNGART has 2 subjects" in said


def test_long_work_shows_progress_at_a_terminal(site: Site, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("no DICOM")
    status, said = typed([str(PROGRAM), "stage", str(tmp_path / "letter.txt")], "")
    assert status == 0
    assert "staging" in said
    assert "not dicom" in said


def typed(command: list[str], answer: str) -> tuple[int, str]:
    """Run a program at a terminal of its own and type an answer."""
    outer, inner = pty.openpty()
    process = subprocess.Popen(command, stdin=inner, stdout=inner, stderr=inner, close_fds=True)
    os.close(inner)
    os.write(outer, answer.encode())
    said = b""
    while True:
        try:
            piece = os.read(outer, 4096)
        except OSError:
            break
        if not piece:
            break
        said += piece
    os.close(outer)
    return process.wait(timeout=60), said.decode()
