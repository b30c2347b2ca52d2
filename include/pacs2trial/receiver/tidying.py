"""What killed processes left in the stores is looked for beside receiving: at the start, and once a day."""

from __future__ import annotations

import logging
import threading
from types import TracebackType
from typing import Final, Self

from pacs2trial.errors import Pacs2TrialError
from pacs2trial.staging.orphans import sweep_orphans
from pacs2trial.workspace import Workspace

log = logging.getLogger(__name__)

_DAY_S: Final = 86400.0
_AGAIN_S: Final = 60.0


class Tidying:
    """A thread that removes files which no row of the vault names, for the length of a block.

    Args:
        ws: the site.
    """

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True, name="tidying")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """A sweep that is under way ends with the process: it can be broken off at any moment."""
        self._ended.set()

    def _run(self) -> None:
        while not self._ended.wait(_DAY_S if self._tidy() else _AGAIN_S):
            pass

    def _tidy(self) -> bool:
        """Whether it was done."""
        try:
            found = sweep_orphans(self._ws.settings, self._ws.vault)
        except (Pacs2TrialError, OSError) as error:
            log.warning("files without a row could not be looked for: %s", type(error).__name__)
            return False
        if found.removed:
            log.info("%d files of a killed process that no row names were removed", found.removed)
        if found.kept:
            log.warning(
                "%d files are unknown to the vault, which is younger than they are or was restored: they stay; "
                "retrieve or send their studies again",
                found.kept,
            )
        return True
