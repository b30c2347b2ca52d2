"""``trial``: look at trial definitions."""

from __future__ import annotations

from pathlib import Path
from textwrap import fill

import click

from pacs2trial import settings as environment
from pacs2trial.commands.command import ReportingGroup, trial_argument
from pacs2trial.commands.erase import erase
from pacs2trial.commands.report import DONE, WRONG, Report, Table
from pacs2trial.commands.values import values
from pacs2trial.errors import InputError
from pacs2trial.lookups.needs import unmet_needs
from pacs2trial.profile import Described, describe, groups, trial_plan
from pacs2trial.profile.private import PrivateAttribute
from pacs2trial.profile.rule_words import DescribedRule, describe_rules
from pacs2trial.profile.sentences import Topic, topics
from pacs2trial.profile.site_list import site_list
from pacs2trial.profile.table import edition
from pacs2trial.settings import Settings
from pacs2trial.trials.definition import TrialDefinition, studies_words
from pacs2trial.trials.face_programs import require_face_program
from pacs2trial.trials.load import load_trial, load_trials
from pacs2trial.workspace import Workspace

_WIDTH = 100
_HOW_TO_READ = (
    "Below, each attribute of DICOM PS3.6 stands once, under what is done with it. An object holds few of them. What "
    "is kept stays only if it is well-formed and holds none of the object's own identifiers."
)


@click.group(cls=ReportingGroup)
def trial() -> None:
    """Trial definitions: list, check, describe; erase identities."""


trial.add_command(erase)


trial.add_command(values)


@trial.command("list")
def list_trials() -> Report:
    """List the trials; exit status 2 when a definition among them is wrong."""
    trials, broken = load_trials(environment.load().trials)
    rows = [
        (
            name,
            definition.title,
            definition.sponsor,
            definition.source.pacs,
            " ".join(definition.source.modalities),
            definition.review,
            definition.schedule,
        )
        for name, definition in sorted(trials.items())
    ]
    columns = ("trial", "title", "sponsor", "pacs", "modalities", "review", "schedule")
    content = {"trials": [dict(zip(columns, row, strict=True)) for row in rows], "broken": _by_name(broken)}
    return Report(
        content, [Table(columns, rows)] if rows else [], notes=_problems(broken), status=WRONG if broken else DONE
    )


@trial.command("check")
@click.argument("trial_id", metavar="[ID]", required=False)
def check_trial(trial_id: str | None) -> Report:
    """Check one definition, or all of them; every fault is told with file, line and field."""
    settings = environment.load()
    folder, private = settings.trials, site_list(settings)
    if trial_id:
        definition = load_trial(folder, trial_id)
        _require_right(definition, settings, private)
        return Report({"right": [definition.trial]}, text=f"{definition.trial} is right")
    trials, broken = load_trials(folder)
    refused = dict(broken)
    for definition in trials.values():
        try:
            _require_right(definition, settings, private)
        except InputError as error:
            problems = [f"{definition.trial}, {problem}" for problem in error.problems]
            refused[Path(definition.trial)] = InputError(*problems)
    right = sorted(set(trials) - {path.name for path in refused})
    text = "\n".join(f"{name} is right" for name in right) or f"no right definition in {folder}"
    status = WRONG if refused or not right else DONE
    return Report({"right": right, "broken": _by_name(refused)}, text=text, notes=_problems(refused), status=status)


@trial.command("describe")
@trial_argument
def describe_trial(trial: str) -> Report:
    """Print the conformance statement of a trial: what happens to each attribute (PS3.15 E)."""
    settings = environment.load()
    definition = load_trial(settings.trials, trial)
    plan = trial_plan(definition, site_list(settings))
    own = describe_rules(plan.own)
    said = [
        Topic("Studies", studies_words(definition.source)),
        Topic("Filter", definition.filter.words()),
        *topics(plan),
    ]
    parts = [f"{topic.title.upper()}\n{fill(topic.text, _WIDTH)}" for topic in said]
    title = f"{definition.trial}: what becomes of each object before the trial gets it"
    source = f"Conformance statement after DICOM PS3.15 {edition()}, annex E. Plan {plan.digest}"
    heading = "\n\n".join((f"{title}\n{source}", *parts, f"{fill(_HOW_TO_READ, _WIDTH)}\n"))
    content = {
        "trial": definition.trial,
        "digest": plan.digest,
        "methods": plan.methods,
        "codes": plan.codes,
        "dates": plan.dates,
        "statements": {topic.title: topic.text for topic in said},
        "rules": [rule._asdict() for rule in own],
        "attributes": [row._asdict() for row in describe(plan)],
    }
    tables = [
        Table(Described._fields, group.rows, title=f"{group.title} ({len(group.rows)})") for group in groups(plan)
    ]
    if own:
        tables.insert(0, Table(DescribedRule._fields, own, title="rules of the trial, the first that matches decides"))
    return Report(content, tables, text=heading)


def _require_right(definition: TrialDefinition, settings: Settings, private: tuple[PrivateAttribute, ...]) -> None:
    """Compile the plan; where the site is set up, see that what rules and look-ups ask for is there.

    Raises:
        InputError: something is not right; all is listed.
    """
    trial_plan(definition, private)
    require_face_program(definition, settings.face_programs)
    if settings.secret_path.exists() and (definition.profile.rules or definition.lookups or definition.profile.offset):
        problems = unmet_needs(Workspace.open(settings), definition)
        if problems:
            raise InputError(*problems)


def _by_name(broken: dict[Path, InputError]) -> dict[str, tuple[str, ...]]:
    return {path.name: error.problems for path, error in broken.items()}


def _problems(broken: dict[Path, InputError]) -> list[str]:
    return [problem for error in broken.values() for problem in error.problems]
