"""The site as the plugin's services see it: opened once a process, asked for what a scope holds."""

from __future__ import annotations

import threading

from pacs2trial.errors import InputError
from pacs2trial.holdings.view import TrialView, View, Views
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.workspace import Workspace
from pacs2trial_airflow.hooks.workspace import open_workspace


class NotFoundError(InputError):
    """What a path names is not there: status 404."""


class _Site:
    """The workspace of the site and its views, opened once a process."""

    def __init__(self) -> None:
        self._views: Views | None = None
        self._lock = threading.Lock()

    @property
    def ws(self) -> Workspace:
        """The opened site.

        Raises:
            SetupError: the installation is not right; the message says what to run.
        """
        return self._opened().ws

    def view(self, scope: str) -> View:
        """The view of STAGING or of a trial.

        Raises:
            NotFoundError: there is no such trial, or its definition is wrong.
        """
        try:
            return self._opened().of(scope)
        except InputError as error:
            raise NotFoundError(*error.problems) from None

    def definition(self, trial: str) -> TrialDefinition:
        """The definition of a trial; raises as :meth:`view`."""
        view = self.view(trial)
        if not isinstance(view, TrialView):
            raise NotFoundError(f"{trial} is no trial")
        return view.definition

    def forget(self) -> None:
        """Open the site anew for the next request."""
        with self._lock:
            if self._views is not None:
                self._views.ws.vault.close()
            self._views = None

    def _opened(self) -> Views:
        with self._lock:
            if self._views is None:
                self._views = Views(open_workspace())
            return self._views


site = _Site()
