"""What ``check`` finds about the machine and what is installed on it: versions, clock, time zone, Airflow's side."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, entry_points, metadata, requires, version
from zoneinfo import ZoneInfo

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from sqlalchemy import text

from pacs2trial.errors import Pacs2TrialError
from pacs2trial.finding import Finding, wrong
from pacs2trial.publish import FILE_NAME
from pacs2trial.settings import Settings, has_airflow_environment, variable
from pacs2trial.vault.database import Database, vault_url

PROJECT = "pacs2trial"
FINDINGS = "pacs2trial.findings"
"""Entry points of this group are called without arguments and give findings: Airflow's side knows its own database."""
MOST_SECONDS = 5.0
"""By how much the clocks of this machine and of the vault's server may differ: locks last 45 seconds."""
_SHOWN = ("pydicom", "pynetdicom", "sqlalchemy", "apache-airflow")
_UNSYNCHRONISED = 5
"""adjtimex(2) returns TIME_ERROR while nothing keeps the clock right."""


def installation_findings(settings: Settings) -> Iterator[Finding]:
    """Everything about this machine, and what Airflow's side says where its environment is loaded."""
    yield versions(requires(PROJECT) or (), metadata(PROJECT)["Requires-Python"])
    yield clock(settings)
    yield time_zone(settings, datetime.now().astimezone())
    yield from _airflow(settings)


def versions(required: Iterable[str], python: str, installed: Callable[[str], str] = version) -> Finding:
    """Whether what is installed is what this release was made for.

    Args:
        required: requirements as in the package's metadata. Those of an extra count where the package is installed.
        python: the versions of Python that it takes.
        installed: the version of a package.
    """
    faults = []
    if not SpecifierSet(python).contains(platform.python_version()):
        faults.append(f"Python {platform.python_version()}, this release needs {python}")
    for requirement in map(Requirement, required):
        if not any(_counts(requirement, extra) for extra in ("", "airflow", "cluster")):
            continue
        try:
            found = installed(requirement.name)
        except PackageNotFoundError:
            if _counts(requirement, ""):
                faults.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(found, prereleases=True):
            faults.append(f"{requirement.name} {found}, this release needs {requirement.specifier}")
    if faults:
        return wrong("versions", ", ".join(faults), "install again: pip install -c constraints.txt pacs2trial[airflow]")
    return Finding("versions", good=True, text=", ".join([f"Python {platform.python_version()}", *_shown(installed)]))


def clock(settings: Settings) -> Finding:
    """Whether the clock is kept right and agrees with that of the vault's server, if the vault has one."""
    try:
        ahead = _ahead_of_vault(settings)
    except Pacs2TrialError as error:
        return wrong("clock", error)
    if abs(ahead) > MOST_SECONDS:
        return wrong(
            "clock",
            f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the vault's server: locks cannot be relied on",
            "let NTP (chrony, systemd-timesyncd) set both clocks",
        )
    if ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(512)) == _UNSYNCHRONISED:
        return Finding(
            "clock",
            good=True,
            text="nothing keeps it right: audit and receipts say when something was done",
            remedy="let NTP (chrony, systemd-timesyncd) set it",
            warning=True,
        )
    return Finding("clock", good=True, text="is kept right")


def time_zone(settings: Settings, here: datetime) -> Finding:
    """Whether the site's time zone is that of the machine, unless the machine keeps UTC as servers do.

    Args:
        settings: the time zone of the site.
        here: now, as the machine shows it.
    """
    name = f"{settings.time_zone} ({variable('time_zone')})"
    of_site = here.astimezone(ZoneInfo(settings.time_zone)).utcoffset()
    if here.utcoffset() in (of_site, timedelta(0)):
        return Finding("time zone", good=True, text=name)
    return Finding(
        "time zone",
        good=True,
        text=f"{name}, while this machine keeps {here:%Z}: a study date is a day in {settings.time_zone}",
        remedy=f"set {variable('time_zone')} to the hospital's, such as Europe/London",
        warning=True,
    )


def _counts(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


def _shown(installed: Callable[[str], str]) -> Iterator[str]:
    for name in (PROJECT, *_SHOWN):
        try:
            yield f"{name} {installed(name)}"
        except PackageNotFoundError:
            yield f"no {name}"


def _ahead_of_vault(settings: Settings) -> float:
    """Seconds by which this machine's clock is ahead of the vault's server; 0 where the vault is a file."""
    database = Database(vault_url(settings.database_url))
    if database.is_sqlite:
        return 0.0
    try:
        with database.session(read_only=True) as session:
            there: datetime = session.execute(text("SELECT clock_timestamp()")).scalar_one()
            return (datetime.now(UTC) - there).total_seconds()
    finally:
        database.close()


def _airflow(settings: Settings) -> Iterator[Finding]:
    """What Airflow's side finds. Without its environment Airflow would look at a home that is none of this site's."""
    subject = "Airflow's side"
    if not has_airflow_environment():
        how = f"set -a; . {settings.home / FILE_NAME}; set +a, then check again"
        yield Finding(subject, good=True, text=f"not looked at, its environment is not loaded ({how})")
        return
    points = entry_points(group=FINDINGS)
    if not points:
        yield wrong(subject, "this installation is not whole", "install this release again")
    for point in points:
        yield from point.load()()
