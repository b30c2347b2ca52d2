"""``secret``: the keys without which the vault cannot be read."""

from __future__ import annotations

import click

from pacs2trial import settings as environment
from pacs2trial.commands.command import ReportingGroup, actor, agree
from pacs2trial.commands.report import Report
from pacs2trial.vault.rotation import rotate_secret
from pacs2trial.vault.secret import new_secret


@click.group(cls=ReportingGroup)
def secret() -> None:
    """The secret: make a text for a secrets backend, rotate."""


@secret.command("new")
def new() -> Report:
    """Print a new secret.

    For a secrets backend: keep it there as the password of a connection and name that in
    PACS2TRIAL_SECRET_CONNECTION, then run init. A site that keeps its secret in a file needs none of this.
    """
    text = new_secret()
    notes = ["whoever has this text and the vault can name every patient: let it go nowhere but into the backend"]
    return Report({"secret": text}, text=text.rstrip(), notes=notes)


@secret.command("rotate")
@click.option("--yes", is_flag=True, help="Do not ask.")
def rotate(*, yes: bool) -> Report:
    """Replace the key that encrypts the vault's data keys.

    No pseudonym changes. Stop receiver and Airflow before, start them after.
    """
    settings = environment.load()
    if not agree(f"Rotate the key in {settings.secret_path}?", yes=yes):
        return Report({"rotated": False}, text="nothing was rotated")
    done = rotate_secret(settings, actor=actor())
    notes = [
        f"back up {settings.secret_path} anew, apart from the vault",
        f"{done.former} is the secret as it was: older backups of the vault need it; destroy it when they are gone",
        "restart receiver and Airflow: running processes still have the old key",
    ]
    return Report({"rotated": True, "result": done}, text=f"{done.scopes} scopes are under {done.key_id}", notes=notes)
