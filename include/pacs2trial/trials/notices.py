"""Who is told how a run ended, in the definition of a trial or in the site's own file for all trials."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import Field, TypeAdapter, ValidationError

from pacs2trial.errors import InputError
from pacs2trial.trials.part import Part


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
    if path is None:
        return ()
    try:
        content = yaml.safe_load(path.read_text("utf-8"))
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file of notices; PACS2TRIAL_NOTIFY names it") from None
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValueError) as error:
        raise InputError(f"{path}: cannot be read as YAML ({type(error).__name__})") from None
    try:
        return TypeAdapter(tuple[Notice, ...]).validate_python(content or ())
    except ValidationError as error:
        raise InputError(
            *(f"{path.name}, {'.'.join(map(str, fault['loc'])) or 'file'}: {fault['msg']}" for fault in error.errors())
        ) from None
