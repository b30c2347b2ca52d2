"""The README is held against the code: nothing in it that is not so."""

from __future__ import annotations

import re
from pathlib import Path

import click

from pacs2trial.cli import cli
from pacs2trial.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def settings_table() -> str:
    """The table that stands between the two marks."""
    lines = ["| variable | meaning |", "| --- | --- |"]
    lines += [f"| `{PREFIX}{name.upper()}` | {field.description} |" for name, field in Settings.model_fields.items()]
    return "\n".join(lines)


def test_every_setting_stands_in_the_readme_as_the_code_describes_it() -> None:
    between = README.partition("<!-- settings -->\n")[2].partition("\n<!-- /settings -->")[0]
    assert between == settings_table()


def test_every_command_that_the_readme_names_exists() -> None:
    context = click.Context(cli)
    named = set(re.findall(r"`pacs2trial ([a-z]+)(?: ([a-z]+))?", README))
    assert named
    for command, sub in named:
        group = cli.get_command(context, command)
        assert group is not None, command
        if sub and isinstance(group, click.Group):
            assert sub in group.commands, f"{command} {sub}"


def test_every_make_target_that_the_readme_names_exists() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"make ([a-z]+)", README)) - {"it", "again"} <= targets


def test_every_file_that_the_readme_links_to_exists() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (ROOT / target).exists(), target
