"""``python -m pacs2trial_demo up | down``."""

from __future__ import annotations

import sys

import click

from pacs2trial import settings
from pacs2trial.errors import Pacs2TrialError
from pacs2trial_demo.rest import RestError
from pacs2trial_demo.run import Demo
from pacs2trial_demo.system import DemoSystem


@click.group()
def cli() -> None:
    """A running pacs2trial with invented patients."""


@cli.command()
def up() -> None:
    """Make demo data, start what is not running, run the demo trials, show what came of it."""
    Demo(settings.load()).up()


@cli.command()
def down() -> None:
    """Stop exactly what ``up`` started."""
    stopped = DemoSystem(settings.load()).processes.stop_all()
    click.echo(f"stopped {', '.join(stopped)}" if stopped else "nothing of the demo was running", err=True)


if __name__ == "__main__":
    try:
        cli.main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(error.exit_code)
    except (Pacs2TrialError, RestError, TimeoutError) as error:
        click.echo(f"demo: {error}", err=True)
        sys.exit(1)
