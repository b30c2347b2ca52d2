"""``quarantine``: objects that wait for a person, and the person's answer."""

from __future__ import annotations

import click

from pacs2trial.clearance.decisions import release
from pacs2trial.clearance.held import decide_held, held_series
from pacs2trial.commands.command import ReportingCommand, actor, trial_argument
from pacs2trial.commands.quarantined import item_report, quarantine_report
from pacs2trial.commands.report import Report
from pacs2trial.errors import InputError
from pacs2trial.filtering import decisions
from pacs2trial.pixels.areas import Area
from pacs2trial.staging import quarantine as store
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.filter import mask_area
from pacs2trial.workspace import Workspace

reason_option = click.option("--reason", metavar="TEXT", default="", help="Why; written to the audit table.")


@click.command("quarantine", cls=ReportingCommand)
@trial_argument
@click.option("--show", "shown", metavar="TOKEN", help="Show one object: why it waits and what was found in it.")
@click.option("--release", "released", metavar="TOKEN", help="Let an object or held series pass; needs --reason.")
@click.option("--mask", "masks", metavar="X,Y,W,H[:FRAMES]", multiple=True, help="With --release: wipe this area.")
@click.option("--always", is_flag=True, help="With --mask: wipe it of every image of this device and matrix.")
@click.option("--reject", "rejected", metavar="TOKEN", help="Refuse it for good, keep it; needs --reason.")
@click.option("--discard", "discarded", metavar="TOKEN", help="Throw an object away; needs --reason.")
@reason_option
def quarantine(
    trial: str,
    shown: str | None,
    released: str | None,
    masks: tuple[str, ...],
    always: bool,  # noqa: FBT001 - a flag of the command line
    rejected: str | None,
    discarded: str | None,
    reason: str,
) -> Report:
    """List what waits for a person, or decide on it.

    Objects that could not be shown to be clean wait encrypted. Series that a rule of the trial holds wait in staging.
    """
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    given = one_of({"--show": shown, "--release": released, "--reject": rejected, "--discard": discarded})
    if (masks or always) and released is None:
        raise click.UsageError("--mask and --always go with --release")
    if given is None:
        items, series = store.items(workspace, definition.trial), held_series(workspace, definition)
        return quarantine_report(definition.trial, items, series)
    option, token = given
    if token.startswith("h") and option in ("--release", "--reject"):
        return _decided_for_trial(workspace, definition, token, option, masks, reason)
    item = next((one for one in store.items(workspace, definition.trial, decided=True) if one.token == token), None)
    if item is None:
        raise InputError(f"{option}: no such object of trial {definition.trial}; pacs2trial quarantine lists them")
    match option:
        case "--show":
            return item_report(workspace, definition.trial, item, actor())
        case "--release":
            release(workspace, token, reason, actor(), areas=_areas(masks), always=always)
            verdict = "masked and released" if masks else "released"
        case "--reject":
            decisions.reject(workspace, token, reason, actor())
            verdict = "rejected"
        case _:
            decisions.discard(workspace, token, reason, actor())
            verdict = "discarded"
    return Report(
        {"trial": definition.trial, "token": token, "decision": verdict},
        text=f"{token} is {verdict}; run pacs2trial filter {definition.trial}",
    )


def _decided_for_trial(
    workspace: Workspace, definition: TrialDefinition, token: str, option: str, masks: tuple[str, ...], reason: str
) -> Report:
    if masks:
        raise InputError("--mask is for objects in quarantine; of a held series nothing can be wiped by hand")
    accept = option == "--release"
    found = decide_held(workspace, definition, token, accept=accept, reason=reason, actor=actor())
    verdict = "released" if accept else "rejected"
    return Report(
        {"trial": definition.trial, "token": token, "decision": verdict, "instances": found.instances},
        text=f"{found.instances} objects of {found.subject_key} are {verdict} for {definition.trial}; "
        f"run pacs2trial filter {definition.trial}",
    )


def _areas(masks: tuple[str, ...]) -> list[Area]:
    try:
        asked = [mask_area(text) for text in masks]
    except ValueError as error:
        raise InputError(f"--mask: {error}") from None
    return [Area(one.left, one.top, one.width, one.height, one.first, one.last) for one in asked]


def one_of(answers: dict[str, str | None]) -> tuple[str, str] | None:
    """The one option that was given, with its value.

    Raises:
        UsageError: more than one was.
    """
    given = [(option, value) for option, value in answers.items() if value is not None]
    if len(given) > 1:
        raise click.UsageError(f"{' and '.join(option for option, _ in given)} exclude each other")
    return given[0] if given else None
