"""What pydantic found wrong, in words for the person who wrote the definition: place, fault, nearest right spelling."""

from __future__ import annotations

import types
from enum import StrEnum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from pacs2trial.trials.definition import Option, TrialDefinition
from pacs2trial.trials.nearest import unknown
from pacs2trial.trials.source import Location, Source

REFUSED_OPTIONS = {
    "retain_uids": "not possible here: the original UIDs are gone after stage 1, every UID is a pseudonym of the trial",
}


def explain(error: ValidationError, source: Source) -> list[str]:
    """One line a problem, in the order of the file."""
    details = sorted(error.errors(), key=lambda detail: source.line(_location(detail)))
    return [f"{source.place(_location(detail))}: {_fault(detail, source)}" for detail in details]


def _location(detail: ErrorDetails) -> Location:
    return tuple(detail["loc"])


def _fault(detail: ErrorDetails, source: Source) -> str:
    location = _location(detail)
    match detail["type"]:
        case "extra_forbidden":
            return unknown("field", str(location[-1]), fields_at(location[:-1]))
        case "missing":
            return "is missing"
        case "enum" | "literal_error":
            written = str(source.value(location))
            if written in REFUSED_OPTIONS:
                return f"option {written!r} is {REFUSED_OPTIONS[written]}"
            choices = choices_at(location)
            return unknown("option" if choices == [option.value for option in Option] else "value", written, choices)
        case "value_error":
            return str(detail["ctx"]["error"])
        case "string_pattern_mismatch":
            return f"{detail['input']!r} does not match {detail['ctx']['pattern']}"
        case _:
            return detail["msg"].removeprefix("Input ").replace("should be", "must be")


def fields_at(location: Location) -> list[str]:
    """The fields that the part at ``location`` of a definition may have."""
    part = _type_at(location)
    return list(part.model_fields) if isinstance(part, type) and issubclass(part, BaseModel) else []


def choices_at(location: Location) -> list[str]:
    """The values that a field with a fixed choice may take."""
    kind = _type_at(location)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        return [member.value for member in kind]
    return [str(choice) for choice in get_args(kind)] if get_origin(kind) is Literal else []


def _type_at(location: Location) -> Any:
    kind: Any = TrialDefinition
    for step in location:
        if isinstance(step, int):
            kind = get_args(kind)[0] if get_args(kind) else None
        elif get_origin(kind) is dict:
            kind = get_args(kind)[1]
        elif isinstance(kind, type) and issubclass(kind, BaseModel) and step in kind.model_fields:
            kind = kind.model_fields[step].annotation
        else:
            return None
        kind = _bare(kind)
    return kind


def _bare(kind: Any) -> Any:
    """``kind`` without Annotated and without ``| None``."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    if get_origin(kind) in (Union, types.UnionType):
        return _bare(next(choice for choice in get_args(kind) if choice is not type(None)))
    return kind
