"""What every domain function needs, opened once a process."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from pacs2trial import settings as environment
from pacs2trial.connections import Connections, SiteConnections
from pacs2trial.settings import Settings
from pacs2trial.storage import Packages, packages_of
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.trials.face_programs import require_face_program
from pacs2trial.trials.load import load_trial
from pacs2trial.vault import Vault


@dataclass(frozen=True)
class Workspace:
    """The site: its settings, its vault, the far ends it may talk to."""

    settings: Settings
    vault: Vault
    connections: Connections

    @classmethod
    def open(cls, settings: Settings | None = None, connections: Connections | None = None) -> Workspace:
        """Open the vault and everything around it.

        Args:
            settings: read from the environment when absent.
            connections: ``AIRFLOW_CONN_*`` and the connections file when absent; Airflow passes its own.

        Raises:
            SetupError: the secret is missing or readable by others, or the vault was not made or not migrated.
        """
        settings = settings or environment.load()
        connections = connections or SiteConnections(settings)
        return cls(settings, Vault.open(settings, connections), connections)

    @cached_property
    def packages(self) -> Packages:
        """The place of packages."""
        return packages_of(self.settings, self.connections)

    def definition(self, trial: str) -> TrialDefinition:
        """The definition of ``trial``, read anew from the folder of trial definitions.

        Raises:
            InputError: there is no such trial, its definition is wrong, or it asks for what the site does not have; the
                message lists everything at once.
        """
        definition = load_trial(self.settings.trials, trial)
        require_face_program(definition, self.settings.face_programs)
        return definition
