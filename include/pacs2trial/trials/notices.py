"""Who is told how a run ended, in the definition of a trial or in the site's own file for all trials."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from pacs2trial.trials.part import Part
from pacs2trial.trials.site_file import listed


class Occasion(StrEnum):
    """When somebody is told."""

    DONE = "done"  # nothing failed and nothing waits
    HELD = "held"  # nothing failed, something waits for a person
    FAILED = "failed"
    LATE = "late"  # a scheduled run has not ended in time


class Notice(Part):
    """One notifier of Airflow and what it is made with.

    Attributes:
        by: the class, such as ``airflow.providers.smtp.notifications.smtp.SmtpNotifier``.
        arguments: of its constructor; texts may hold ``{{ summary }}``, ``{{ trial }}`` and ``{{ occasion }}``.
        when: on which occasions it is used.
    """

    by: Annotated[str, Field(pattern=r"^[A-Za-z_]\w*(\.[A-Za-z_]\w*)+$")]
    arguments: Mapping[str, Any] = Field(default_factory=dict)
    when: Annotated[tuple[Occasion, ...], Field(min_length=1)] = (Occasion.HELD, Occasion.FAILED, Occasion.LATE)


def site_notices(path: Path | None) -> tuple[Notice, ...]:
    """The notices of the site's file, a YAML list; none without a file.

    Raises:
        InputError: the file is absent, is no YAML, or something in it is no notice.
    """
    return listed(path, Notice, "PACS2TRIAL_NOTIFY")
