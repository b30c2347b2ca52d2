"""Taking a key table in: read, checked, compared, imported, and what must not leave any more put away."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from pacs2trial.collect.layout import remove_package
from pacs2trial.corrections.remaking import Rerun, rerun
from pacs2trial.errors import InputError
from pacs2trial.keytable import (
    KeyTableChange,
    KeyTableRow,
    check_key_table,
    compare_key_table,
    import_key_table,
    keys_of_known_patients,
    read_keys,
)
from pacs2trial.keytable.corrections import Delivered, last_deliveries
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.vault.tables import PackageRow, PackageState, Subject
from pacs2trial.workspace import Workspace

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Preview:
    """What an import would change, and what had been delivered of the subjects that it changes or withdraws."""

    change: KeyTableChange
    delivered: tuple[Delivered, ...]


@dataclass(frozen=True)
class Taken:
    """What an import changed, and how Airflow re-makes what it made stale."""

    change: KeyTableChange
    delivered: tuple[Delivered, ...]
    rerun: Rerun


def whole_key_table(ws: Workspace, definition: TrialDefinition, file: Path | None = None) -> list[KeyTableRow]:
    """The rows of a trial's key table, without any fault.

    Args:
        ws: the site.
        definition: the trial; it says where its key table is.
        file: another file instead.

    Raises:
        InputError: there is no table, or it has faults; all are listed by row, none is repeated.
        SetupError: the driver of the database is not installed.
        TransientError: the database does not answer.
    """
    rows = read_keys(definition, ws.settings, ws.connections, file)
    problems = [*check_key_table(rows, definition), *keys_of_known_patients(ws.vault, rows)]
    if problems:
        raise InputError(*problems)
    return rows


def preview(ws: Workspace, definition: TrialDefinition, rows: Sequence[KeyTableRow]) -> Preview:
    """What ``rows`` would change; nothing is written."""
    change = compare_key_table(ws.vault, definition, rows)
    return Preview(change, _delivered(ws, definition.trial, {*change.changed, *change.withdrawn}))


def take_key_table(ws: Workspace, definition: TrialDefinition, rows: Sequence[KeyTableRow], *, actor: str) -> Taken:
    """Import a key table and remove the files of packages that it superseded.

    The vault keeps what these packages were, so that they can be accounted for; nothing can be made of them again
    under the old key. A file that could not be removed is removed by the next import.

    Raises:
        InputError: the table has faults, or contradicts another trial's; nothing is imported.
        TransientError: a run works on a subject that the table corrects, or the vault does not answer.
    """
    change = import_key_table(ws.vault, definition, rows, actor=actor)
    _remove_superseded(ws, definition.trial)
    corrected = {each.subject_key for each in change.corrections}
    return Taken(change, _delivered(ws, definition.trial, corrected), rerun(ws, definition, change))


def _delivered(ws: Workspace, trial: str, keys: set[str]) -> tuple[Delivered, ...]:
    with ws.vault.session(read_only=True) as session:
        of_trial = session.execute(select(Subject.id, Subject.key).where(Subject.trial == trial))
        return tuple(last_deliveries(session, [number for number, key in of_trial if key in keys]))


def _remove_superseded(ws: Workspace, trial: str) -> None:
    """Remove package files that stand under a name of which no package is in force."""
    with ws.vault.session(read_only=True) as session:
        rows = session.execute(select(PackageRow.path, PackageRow.state).where(PackageRow.trial == trial)).all()
    in_force = {path for path, state in rows if state != PackageState.SUPERSEDED}
    superseded = {path for path, _ in rows} - in_force
    for path in sorted(superseded - ws.packages.absent(superseded)):
        remove_package(ws.packages, path)
        _log.info("%s: a package that a corrected key table superseded was removed", trial)
