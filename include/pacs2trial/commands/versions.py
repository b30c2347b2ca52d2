"""``versions``: instances of which another content came, and a person's decision."""

from __future__ import annotations

from collections.abc import Sequence

import click

from pacs2trial.commands.command import ReportingCommand, actor, trial_argument
from pacs2trial.commands.decisions import one_of
from pacs2trial.commands.report import DONE, HELD, Report, Table
from pacs2trial.commands.subjects import right_keys
from pacs2trial.corrections.versions import Choice, Version, Versions, use_version, use_versions, versions
from pacs2trial.workspace import Workspace

_SHOWN = 4


@click.command("versions", cls=ReportingCommand)
@trial_argument
@click.option("--all", "everything", is_flag=True, help="Also those that are settled.")
@click.option("--use", "token", metavar="TOKEN", help="Use this version; needs --reason.")
@click.option("--newest", metavar="KEY", help="Use the newest of all that wait of this subject; needs --reason.")
@click.option("--first", metavar="KEY", help="Stay with the first of all that wait of this subject; needs --reason.")
@click.option("--reason", metavar="TEXT", default="", help="Why; written to the audit table.")
def instance_versions(
    trial: str,
    everything: bool,  # noqa: FBT001 - a flag of the command line
    token: str | None,
    newest: str | None,
    first: str | None,
    reason: str,
) -> Report:
    """List objects that came again but different, or decide.

    Both contents are kept. What differs is told by attribute, never by value. Exit status 3 while any waits.
    """
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    name = definition.trial
    given = one_of({"--use": token, "--newest": newest, "--first": first})
    if given is None:
        return _listed(name, definition.versions, versions(workspace, name, everything=everything))
    option, value = given
    if option == "--use":
        key, number = use_version(workspace, name, value, reason=reason, actor=actor()), 1
    else:
        right_keys(definition, [value])
        key = value
        choice = Choice.NEWEST if option == "--newest" else Choice.FIRST
        number = use_versions(workspace, name, key, choice, reason=reason, actor=actor())
    return Report(
        {"trial": name, "subject": key, "decided": number},
        text=f"{key}: decided for {number} objects; the next run goes on, or pacs2trial filter {name}",
    )


def _listed(trial: str, policy: str, found: Sequence[Versions]) -> Report:
    waiting = [one for one in found if one.waits or not one.judged]
    rows = [(one.subject_key, *_row(one, version)) for one in found for version in one.versions]
    columns = ("subject", "modality", "token", "received", "bytes", "use", "differs from the first in")
    notes = [] if found else [f"no object of {trial} came with another content"]
    if any(not one.judged for one in found):
        notes.append(f"not judged yet: run pacs2trial filter {trial}")
    content = {"trial": trial, "policy": policy, "versions": found}
    tables = [Table(columns, rows, title=trial)] if rows else []
    return Report(content, tables, notes=notes, status=HELD if waiting else DONE)


def _row(one: Versions, version: Version) -> tuple[object, ...]:
    use = "yes" if version.used else ("waits" if one.waits else "no")
    return (
        one.modality,
        version.token,
        f"{version.received_at:%Y-%m-%d %H:%M}Z",
        version.size,
        use,
        _differences(one, version),
    )


def _differences(one: Versions, version: Version) -> str:
    if version is one.versions[0]:
        return ""
    if version.differs is None:
        return "a file is not in staging any more"
    found = list(version.differs.attributes)
    more = [f"{len(found) - _SHOWN} more (--json)"] if len(found) > _SHOWN else []
    plan = ["made by another staging plan"] if version.plan != one.versions[0].plan else []
    pixels = ["pixel data"] if version.differs.pixel_data else []
    return "; ".join([*pixels, *plan, *found[:_SHOWN], *more])
