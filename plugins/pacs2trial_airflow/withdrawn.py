"""Subjects that an imported key table took out of their trial while a run was at work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from pacs2trial.workspace import Workspace


def still_enrolled(ws: Workspace, trial: str, subject_keys: Sequence[str], log: Logger) -> list[str]:
    """Those of the subjects that are enrolled now, in their order; the others are told in the log.

    A run may last for hours. Who was withdrawn meanwhile, or has another key now, is no fault of it.
    """
    from pacs2trial.keytable import enrolled_keys

    current = enrolled_keys(ws.vault, trial)
    if gone := [key for key in subject_keys if key not in current]:
        log.warning("Enrolled no longer, so nothing more is made of them: %s", ", ".join(gone))
    return [key for key in subject_keys if key in current]
