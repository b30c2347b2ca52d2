"""Whether a trial's rules and look-ups ask for what is there: columns of the imported key table, files, connections."""

from __future__ import annotations

import sqlalchemy as sa

from pacs2trial.errors import InputError, SetupError
from pacs2trial.keytable.row import KeyTableRow
from pacs2trial.keytable.version import newest_version
from pacs2trial.lookups.questions import CALLER
from pacs2trial.lookups.sources import source_of
from pacs2trial.trials.columns import columns_asked
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.nearest import unknown
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import KeyRow
from pacs2trial.workspace import Workspace


def unmet_needs(ws: Workspace, definition: TrialDefinition) -> list[str]:
    """What rules and look-ups ask for and the site does not have, one line each with its place in the definition.

    Columns are known only once a key table was imported; before that none is missed.
    """
    asked = list(columns_asked(definition))
    columns = _columns(ws.vault, definition.trial) if asked else None
    problems = [
        f"{definition.place(location)}: {unknown('column', name, columns, 'the imported key table has none')}"
        for location, name in asked
        if columns is not None and name not in columns
    ]
    for name, lookup in definition.lookups.items():
        try:
            source_of(definition.place(("lookups", name)), lookup, ws.settings, ws.connections)
        except InputError as error:
            problems += error.problems
        except SetupError as error:
            problems.append(str(error))
    return problems


def _columns(vault: Vault, trial: str) -> list[str] | None:
    """The free columns of the imported key table; None if none was imported. One row is decrypted for it."""
    with vault.session(read_only=True) as session:
        version = newest_version(session, trial)
        if version is None:
            return None
        row = session.scalars(sa.select(KeyRow).where(KeyRow.version_id == version.id).limit(1)).one()
    content = vault.unseal(trial, row.content_sealed, caller=CALLER, purpose="names of columns")
    return sorted(KeyTableRow.from_content(row.number, content).columns)
