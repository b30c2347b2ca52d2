"""``pacs2trial``: the commands; each calls one domain function, the one that Airflow's operators call."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from importlib import import_module
from typing import Any

import click

import pacs2trial
from pacs2trial.trials.nearest import unknown

COMMANDS: Mapping[str, str] = {
    "init": "site:init",
    "check": "site:check",
    "trial": "trial:trial",
    "keys": "keys:keys",
    "stage": "intake:stage",
    "retrieve": "intake:retrieve_trial",
    "receive": "intake:receive",
    "incoming": "incoming:incoming",
    "filter": "outlet:filter_trial",
    "collect": "outlet:collect_trial",
    "review": "review:review",
    "quarantine": "decisions:quarantine",
    "versions": "versions:instance_versions",
    "changes": "changes:changes",
    "deliver": "outlet:deliver",
    "verify": "outlet:verify",
    "restore": "restore:restore",
    "cleanup": "cleanup:cleanup",
    "reidentify": "custody:reidentify",
    "status": "status:status",
    "mapping": "custody:mapping",
    "backup": "custody:backup",
    "restore-backup": "custody:restore_backup",
    "secret": "secret:secret",
}
"""Each command and where it is: module of :mod:`pacs2trial.commands`, name in it."""


class Commands(click.Group):
    """Imports a command when it is called: `pacs2trial keys` need not wait for the DICOM network."""

    def __init__(self, *args: Any, commands: Mapping[str, str], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._places = commands

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._places:
            ctx.fail(unknown("command", cmd_name, self._places))
        module, _, name = self._places[cmd_name].partition(":")
        found = getattr(import_module(f"pacs2trial.commands.{module}"), name)
        assert isinstance(found, click.Command)
        return found


@click.group(
    cls=Commands,
    commands=COMMANDS,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(pacs2trial.__version__, prog_name="pacs2trial")
def cli() -> None:
    """Share radiotherapy planning and imaging data with clinical trials.

    Exit status: 0 done, 1 failed, 2 wrong usage or bad input, 3 done but something is held for a person.
    """


def main() -> None:
    """The entry point of the program."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    cli()
