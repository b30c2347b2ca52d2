"""What of a subject's files may go: nobody else needs it, it is old enough, and the PACS shows what it came from."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from pacs2trial.cleanup.holdings import PackageFile, StagedFile
from pacs2trial.retrieve.shown import Located, by_home, shown
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.workspace import Workspace

CALLER = "cleanup"
_DAY = 86_400.0


@dataclass(frozen=True)
class Expiry:
    """What is old enough to go, in days since its file was written; None keeps all of a kind."""

    staged_days: float | None = 0
    packages_days: float | None = 0


ANY_AGE = Expiry()


def expiry_of(definition: TrialDefinition) -> Expiry | None:
    """What the definition's ``retention`` says; None when it says nothing."""
    retention = definition.retention
    if retention.staged_days is None and retention.packages_days is None:
        return None
    return Expiry(retention.staged_days, retention.packages_days)


@dataclass(frozen=True)
class Choice:
    """What goes and what stays.

    Attributes:
        staged: staged files to remove.
        packages: package files to remove.
        stuck_staged: old enough, needed by nobody, and not shown by the PACS.
        stuck_packages: likewise; something that they are made of could not be had again.
        for_others: staged files that another trial needs.
        younger: files that are not old enough.
        unneeded: instances whose staged content this trial does not need any more, whoever else does.
        unrestorable: paths of what goes although it could not be restored.
    """

    staged: Sequence[StagedFile]
    packages: Sequence[PackageFile]
    stuck_staged: Sequence[StagedFile]
    stuck_packages: Sequence[PackageFile]
    for_others: int
    younger: int
    unneeded: Sequence[int]
    unrestorable: frozenset[str]


def choose(
    ws: Workspace,
    definition: TrialDefinition,
    files: Sequence[StagedFile],
    packages: Sequence[PackageFile],
    needed: set[int],
    expiry: Expiry,
    *,
    unrestorable: bool,
) -> Choice:
    """Decide over the files of one subject; the PACS is asked about everything that is old enough.

    Where several contents of an instance came, the PACS cannot be asked which of them it has: they count as not shown.

    Args:
        ws: the site.
        definition: the trial.
        files: what lies in staging.
        packages: the package files.
        needed: instances that another trial needs.
        expiry: what is old enough.
        unrestorable: whether what the PACS does not show goes as well.

    Raises:
        TransientError: the PACS did not answer; nothing is decided.
    """
    expired = [one for one in files if _is_old(one.written, expiry.staged_days)]
    old = [one for one in expired if one.instance_id not in needed]
    old_packages = [one for one in packages if _is_old(one.written, expiry.packages_days)]
    asked: dict[str, Located] = {one.sop_instance: one for one in old if one.alone}
    asked |= {member.sop_instance: member for package in old_packages for member in package.members if member.alone}
    seen = _shown(ws, definition, asked.values())
    staged = [one for one in old if unrestorable or one.sop_instance in seen]
    going = {one.version_id for one in staged}
    staying = {one.version_id for one in files} - going
    lasting = {one.package_id for one in old_packages if _restorable(one, seen, staying)}
    leaving = [one for one in old_packages if unrestorable or one.package_id in lasting]
    stuck = [one for one in old if one.version_id not in going]
    still_needed = {one.instance_id for one in stuck}
    return Choice(
        staged=staged,
        packages=leaving,
        stuck_staged=stuck,
        stuck_packages=[one for one in old_packages if one not in leaving],
        for_others=sum(one.instance_id in needed for one in files),
        younger=len(files) - len(expired) + len(packages) - len(old_packages),
        unneeded=sorted({one.instance_id for one in expired} - still_needed),
        unrestorable=frozenset(
            [one.path for one in staged if one.sop_instance not in seen]
            + [one.path for one in leaving if one.package_id not in lasting]
        ),
    )


def _shown(ws: Workspace, definition: TrialDefinition, instances: Iterable[Located]) -> set[str]:
    purpose = f"clean up {definition.trial}"
    found: set[str] = set()
    for node, some in by_home(instances, ws.connections, ws.settings, definition.source.pacs):
        found |= shown(ws.vault, node, some, caller=CALLER, purpose=purpose)
    return found


def _is_old(written: float, days: float | None) -> bool:
    return days is not None and time.time() - written >= days * _DAY


def _restorable(package: PackageFile, seen: set[str], staying: set[int]) -> bool:
    """Whether each object of the package is in the PACS, or stays in staging."""
    return all(member.sop_instance in seen or member.version_id in staying for member in package.members)
