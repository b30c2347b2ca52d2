"""``init`` and ``check``: set up this site, examine it."""

from __future__ import annotations

import os
from pathlib import Path

import click

from pacs2trial import settings as environment
from pacs2trial.commands.command import ReportingCommand
from pacs2trial.commands.report import DONE, FAILED, Report, Table
from pacs2trial.connections import SiteConnections
from pacs2trial.examine import examine
from pacs2trial.finding import Finding
from pacs2trial.publish import write_airflow_environment
from pacs2trial.vault import Vault

NEXT_STEPS = """\
Back up {secret} and the vault: without both nothing can be continued or restored.
Next: describe a trial in {trials}, put its key table into {keys},
      name the PACS in {connections}, then run pacs2trial check.
Airflow: set -a; . {airflow}; set +a; airflow standalone"""


@click.command(cls=ReportingCommand)
def init() -> Report:
    """Make the vault, the secret and the folders.

    Safe to repeat: what exists is kept, the vault is migrated to this release.
    """
    settings = environment.load()
    wanted = {
        "home": settings.home,
        "secret": settings.secret_path,
        "connections": settings.connections_path,
        "keys": settings.keys,
        "staging": settings.staging,
        "quarantine": settings.quarantine,
        "packages": settings.packages,
    }
    there = {name for name, path in wanted.items() if path.exists()}
    Vault.create(settings, SiteConnections(settings))
    make_connections_file(settings.connections_path)
    airflow = write_airflow_environment(settings)
    rows = [(name, path, "was there" if name in there else "made") for name, path in wanted.items()]
    rows.append(("airflow", airflow, "written"))
    content = {
        "places": [{"name": name, "path": path, "made": state != "was there"} for name, path, state in rows],
        "next": "pacs2trial check",
    }
    notes = NEXT_STEPS.format(
        secret=settings.secret_path,
        trials=settings.trials,
        keys=settings.keys,
        connections=settings.connections_path,
        airflow=airflow,
    )
    return Report(content, [Table(("what", "where", "state"), rows)], notes=notes.splitlines())


@click.command(cls=ReportingCommand)
def check() -> Report:
    """Examine this site and say what to do about each fault.

    Looks at versions, clock, secret, vault, folders, definitions, key tables, connections, PACS and receiver; where
    Airflow's environment is loaded, also at Airflow's database, pools and components.

    Exit status 1 when something is wrong; each line then says what to do.
    """
    settings = environment.load()
    findings = examine(settings, SiteConnections(settings))
    wrong = sum(not finding.good for finding in findings)
    notes = [f"{wrong} of {len(findings)} checks failed"] if wrong else [f"all {len(findings)} checks passed"]
    text = "\n".join(line for finding in findings for line in finding_lines(finding))
    return Report({"findings": findings, "wrong": wrong}, text=text, notes=notes, status=FAILED if wrong else DONE)


def finding_lines(finding: Finding) -> list[str]:
    """A finding as a person reads it: verdict, subject, what was found, what to do."""
    verdict = "WRONG" if not finding.good else "warn" if finding.warning else "ok"
    lines = [f"{verdict:<6} {finding.subject}: {finding.text}"]
    return [*lines, f"{'':<6} → {finding.remedy}"] if finding.remedy else lines


def make_connections_file(path: Path) -> None:
    """An empty connections file, 0600, where there is none."""
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write("{}\n")
