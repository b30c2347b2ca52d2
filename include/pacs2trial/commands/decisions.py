"""``quarantine``: objects that wait for a person, and the person's answer."""

from __future__ import annotations

import click

from pacs2trial.commands.command import ReportingCommand, actor, trial_argument
from pacs2trial.commands.report import Report, Table
from pacs2trial.errors import InputError
from pacs2trial.filtering import decisions
from pacs2trial.staging import quarantine as store
from pacs2trial.workspace import Workspace

reason_option = click.option("--reason", metavar="TEXT", default="", help="Why; written to the audit table.")


@click.command("quarantine", cls=ReportingCommand)
@trial_argument
@click.option("--show", "shown", metavar="TOKEN", help="Show one object: why it waits and what is known of it.")
@click.option("--release", "released", metavar="TOKEN", help="Let an object into staging; needs --reason.")
@click.option("--reject", "rejected", metavar="TOKEN", help="Refuse an object for good, keep it; needs --reason.")
@click.option("--discard", "discarded", metavar="TOKEN", help="Throw an object away; needs --reason.")
@reason_option
def quarantine(
    trial: str, shown: str | None, released: str | None, rejected: str | None, discarded: str | None, reason: str
) -> Report:
    """List what waits for a person, or decide on it.

    Objects that could not be shown to be clean wait encrypted.
    """
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    given = one_of({"--show": shown, "--release": released, "--reject": rejected, "--discard": discarded})
    if given is None:
        return _quarantine_report(definition.trial, store.items(workspace, definition.trial))
    option, token = given
    item = next((one for one in store.items(workspace, definition.trial, decided=True) if one.token == token), None)
    if item is None:
        raise InputError(f"{option}: no such object of trial {definition.trial}; pacs2trial quarantine lists them")
    if option == "--show":
        return _item_report(definition.trial, item)
    decide = {"--release": decisions.release, "--reject": decisions.reject, "--discard": decisions.discard}[option]
    decide(workspace, token, reason, actor())
    verdict = {"--reject": "rejected", "--discard": "discarded"}[option]
    return Report(
        {"trial": definition.trial, "token": token, "decision": verdict},
        text=f"{token} is {verdict}; run pacs2trial filter {definition.trial}",
    )


def one_of(answers: dict[str, str | None]) -> tuple[str, str] | None:
    """The one option that was given, with its value.

    Raises:
        UsageError: more than one was.
    """
    given = [(option, value) for option, value in answers.items() if value is not None]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(option for option, _ in given)} exclude each other")
    return given[0] if given else None


def _quarantine_report(trial: str, items: list[store.Item]) -> Report:
    rows = [
        (one.token, one.subjects.get(trial), one.modality, one.reason, one.size, f"{one.received_at:%Y-%m-%d %H:%M}Z")
        for one in items
    ]
    table = Table(("token", "subject", "modality", "why", "bytes", "since"), rows, title=trial)
    notes = [] if rows else [f"nothing of {trial} waits in quarantine"]
    return Report({"trial": trial, "items": items}, [table] if rows else [], notes=notes)


def _item_report(trial: str, item: store.Item) -> Report:
    rows = [
        ("token", item.token),
        ("state", item.state),
        ("why", item.reason),
        ("detail", item.detail),
        ("subject", item.subjects.get(trial)),
        ("modality", item.modality),
        ("study in staging", item.study),
        ("instance in staging", item.sop_instance),
        ("bytes", str(item.size)),
        ("since", f"{item.received_at:%Y-%m-%d %H:%M}Z"),
    ]
    return Report({"trial": trial, "item": item}, [Table(("what", ""), rows)])
