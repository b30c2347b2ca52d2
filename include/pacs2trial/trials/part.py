"""What all parts of a trial definition have in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError
from pydantic_core import InitErrorDetails, PydanticCustomError

from pacs2trial.trials.source import Location

FAULT = "definition"
"""Type of the errors that :func:`faults` makes; their message is written for the person who wrote the file."""


class Part(BaseModel):
    """Base of every part: no unknown fields, no change after loading."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def faults(*problems: tuple[Location, str]) -> ValidationError:
    """An error that names the field of each problem, for validators that look at several fields together."""
    details = [
        InitErrorDetails(type=PydanticCustomError(FAULT, "{text}", {"text": text}), loc=location, input=None)
        for location, text in problems
    ]
    return ValidationError.from_exception_data("definition", details)


def _text(value: Any) -> Any:
    if not isinstance(value, str):
        # a ValueError, since pydantic gathers no other
        raise ValueError("must be text: put it in quotes, since YAML reads numbers, days and yes its own way")  # noqa: TRY004
    return value


Quoted = Annotated[str, BeforeValidator(_text)]
"""Text that a person may have written without quotes, so that YAML took it for something else."""
