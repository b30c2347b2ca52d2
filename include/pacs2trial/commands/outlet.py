"""``filter``, ``collect``, ``verify`` and ``deliver``: data on their way out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from pacs2trial.changes import changes_of
from pacs2trial.clearance import filter_subject
from pacs2trial.collect import PackageMade, collect_subject
from pacs2trial.commands.command import ReportingCommand, actor, output_option, subject_option, trial_argument, worst
from pacs2trial.commands.report import DONE, FAILED, HELD, Report, Table
from pacs2trial.commands.subjects import Outcome, each_subject
from pacs2trial.delivery import deliver_subject
from pacs2trial.errors import InputError
from pacs2trial.filtering.filter import Filtered
from pacs2trial.verify import verify_file, verify_package
from pacs2trial.workspace import Workspace


@click.command("filter", cls=ReportingCommand)
@trial_argument
@subject_option
def filter_trial(trial: str, subjects: tuple[str, ...]) -> Report:
    """Judge the staged instances by the trial's rules.

    Images that a rule suspects are looked at for text, and wiped or held.
    Exit status 3 when instances are held for a person.
    """
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    outcomes = each_subject(
        workspace, definition, subjects, lambda one: filter_subject(workspace, definition, one), what="filtering"
    )
    rows = [_filtered_row(outcome) for outcome in outcomes]
    held = [HELD for outcome in outcomes if outcome.result and outcome.result.held]
    columns = ("subject", "accepted", "not wanted", "held", "rejected", "by rule", "pixels", "lacking")
    return Report(
        {"trial": definition.trial, "subjects": _content(outcomes)},
        [Table(columns, rows, title=definition.trial)],
        notes=_problems(outcomes),
        status=worst([*held, *[outcome.status for outcome in outcomes]]),
    )


@click.command("collect", cls=ReportingCommand)
@trial_argument
@subject_option
@output_option("Write copies there instead; they are neither recorded nor delivered.")
def collect_trial(trial: str, subjects: tuple[str, ...], output: Path | None) -> Report:
    """Make and prove the packages.

    Stage 2 of what the filter let through, as one zip per subject or study.
    Exit status 3 when a subject waits for a person, 1 when one is incomplete or a proof failed.
    """
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    outcomes = each_subject(
        workspace,
        definition,
        subjects,
        lambda one: proven(workspace, collect_subject(workspace, definition, one, requested_by=actor(), output=output)),
        what="collecting",
    )
    rows = [
        (
            one.subject_key,
            one.address,
            one.instances,
            one.size,
            one.sha256[:12],
            "new" if one.changed else "unchanged",
            changes_of(workspace, one.package_id).words() if one.changed and one.package_id else None,
        )
        for outcome in outcomes
        for one in outcome.result or ()
    ]
    columns = ("subject", "package", "instances", "bytes", "sha256", "content", "since delivered")
    return Report(
        {"trial": definition.trial, "subjects": _content(outcomes)},
        [Table(columns, rows, title=definition.trial)] if rows else [],
        notes=_problems(outcomes)
        or _nothing(rows, f"{definition.trial}: nothing is staged that the filter lets through"),
        status=worst([outcome.status for outcome in outcomes]),
    )


@click.command("verify", cls=ReportingCommand)
@click.argument("package", metavar="PACKAGE.zip", type=click.Path(path_type=Path))
def verify(package: Path) -> Report:
    """Prove a package by itself.

    Manifest against members, safety of the zip, readable objects. Needs no vault; `collect` proves against it. Exit
    status 1 when a proof failed.
    """
    if not package.is_file():
        raise InputError(f"{package}: there is no such file")
    proofs = verify_file(package)
    passed = all(one.passed for one in proofs)
    rows = [(one.name, "passed" if one.passed else "FAILED", "; ".join(one.findings)) for one in proofs]
    content = {"package": package, "passed": passed, "proofs": proofs}
    return Report(content, [Table(("proof", "", "where"), rows)], status=DONE if passed else FAILED)


@click.command("deliver", cls=ReportingCommand)
@trial_argument
@subject_option
@click.option("--again", is_flag=True, help="Also what was delivered before; needs --subject.")
def deliver(trial: str, subjects: tuple[str, ...], again: bool) -> Report:  # noqa: FBT001 - a flag of the command line
    """Send the packages to the trial's destinations.

    Only proven ones, and where the trial wants a review approved ones; each content once, unless --again asks for it.
    Exit status 3 when a subject waits for a person.
    """
    if again and not subjects:
        raise InputError("--again sends what was delivered before: name the subjects with --subject")
    workspace = Workspace.open()
    definition = workspace.definition(trial)
    if not definition.deliver:
        raise InputError(f"trial {definition.trial} names no destination: add deliver: to its definition")
    outcomes = each_subject(
        workspace,
        definition,
        subjects,
        lambda one: deliver_subject(workspace, definition, one.subject_key, again=again),
        what="delivering",
    )
    rows = [
        (outcome.subject_key, one.destination, one.path, one.size, "sent" if one.new else "was there")
        for outcome in outcomes
        for one in outcome.result or ()
    ]
    columns = ("subject", "destination", "path", "bytes", "")
    return Report(
        {"trial": definition.trial, "subjects": _content(outcomes)},
        [Table(columns, rows, title=definition.trial)] if rows else [],
        notes=_problems(outcomes) or _nothing(rows, f"{definition.trial}: no package is ready to leave"),
        status=worst([outcome.status for outcome in outcomes]),
    )


def proven(workspace: Workspace, packages: list[PackageMade]) -> list[PackageMade]:
    """The packages, after an independent look at each that the vault knows and that was not looked at before.

    Raises:
        ProofError: a proof failed.
    """
    for package in packages:
        if package.package_id and not package.proven:
            verify_package(workspace, package.package_id)
    return packages


def _filtered_row(outcome: Outcome[Filtered]) -> tuple[object, ...]:
    found = outcome.result
    if found is None:
        return (outcome.subject_key, None, None, None, None, outcome.problem, None, None)
    rules = ", ".join(f"{rule}: {number}" for rule, number in sorted(found.reasons.items()))
    pixels, gaps = (
        ", ".join(f"{word}: {number}" for word, number in sorted(counts.items()))
        for counts in (found.images, found.gaps)
    )
    return (outcome.subject_key, found.accepted, found.not_wanted, found.held, found.rejected, rules, pixels, gaps)


def _content(outcomes: Sequence[Outcome[Any]]) -> list[dict[str, Any]]:
    return [asdict(outcome) for outcome in outcomes]


def _problems(outcomes: Sequence[Outcome[Any]]) -> list[str]:
    return [line for outcome in outcomes for line in outcome.problem.splitlines()]


def _nothing(rows: Sequence[object], said: str) -> list[str]:
    return [] if rows else [said]
