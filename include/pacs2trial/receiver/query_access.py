"""Who may query and retrieve what over DICOM: one YAML file, named by ``PACS2TRIAL_QUERY_RETRIEVE``.

::

    callers:                        # calling AE title: what it may see
      RESEARCH_WS: [LUNGART]
      QA_STATION: [LUNGART, STAGING]
    destinations:                   # AE title: where a C-MOVE to it sends
      RESEARCH_WS: 10.1.2.3:11112
    titles:                         # called AE title of a trial whose ID is longer than 16 characters
      LUNG2024: LUNGART-INTERNATIONAL-2024

Without the file nobody may query anything.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final

import yaml
from pydantic import Field, ValidationError, field_validator

from pacs2trial.errors import InputError
from pacs2trial.network.peer import AETitle
from pacs2trial.settings import Settings, variable
from pacs2trial.trials.definition import STAGING
from pacs2trial.trials.nearest import unknown
from pacs2trial.trials.part import Part
from pacs2trial.trials.source import Source, read_source

LONGEST_TITLE: Final = 16
_ADDRESS: Final = re.compile(r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")

Scope = Annotated[str, Field(pattern=r"^[A-Z0-9_-]{1,32}$")]


class QueryAccess(Part):
    """What the file says; an empty one admits nobody."""

    callers: dict[AETitle, tuple[Scope, ...]] = {}  # noqa: RUF012  # pydantic copies it
    destinations: dict[AETitle, str] = {}  # noqa: RUF012
    titles: dict[AETitle, Scope] = {}  # noqa: RUF012

    @field_validator("destinations")
    @classmethod
    def _reachable(cls, value: dict[str, str]) -> dict[str, str]:
        for title, address in value.items():
            found = _ADDRESS.fullmatch(address)
            if found is None or not 0 < int(found["port"]) < 1 << 16:
                raise ValueError(f"{title}: must be host:port, such as 10.1.2.3:11112")
        return value

    def scope(self, *, calling: str, called: str) -> str | None:
        """What an association shows: STAGING or a trial; None where the caller may not see what it calls."""
        scope = self.titles.get(called, called)
        return scope if scope in self.callers.get(calling, ()) else None

    def destination(self, title: str) -> tuple[str, int] | None:
        """Host and port of a move destination; None if it is not one of this site's."""
        address = self.destinations.get(title)
        if address is None:
            return None
        host, _, port = address.rpartition(":")
        return host.strip("[]"), int(port)

    @property
    def scopes(self) -> set[str]:
        """Everything that anybody may see."""
        return {scope for scopes in self.callers.values() for scope in scopes}


def query_access(settings: Settings) -> QueryAccess:
    """What the settings allow; nothing where they name no file.

    Raises:
        InputError: the file is absent or wrong; one line a problem, with line and field.
    """
    path = settings.query_retrieve
    return QueryAccess() if path is None else read_query_access(path, settings.receiver_aet)


def read_query_access(path: Path, receiver_aet: str) -> QueryAccess:
    """Read a file of access rules; ``receiver_aet`` is the title that C-STORE calls, and no other may be."""
    try:
        text = path.read_text("utf-8")
    except FileNotFoundError:
        raise InputError(f"{path}: there is no such file; correct {variable('query_retrieve')}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as UTF-8 text ({type(error).__name__})") from None
    try:
        source, problems = read_source(path.name, text)
    except (yaml.YAMLError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f" line {mark.line + 1}" if mark else ""
        raise InputError(f"{path.name}{line}: not YAML: {getattr(error, 'problem', None) or error}") from None
    if source is None:
        raise InputError(f"{path.name} line 1: expected fields such as 'callers:'")
    try:
        access = QueryAccess.model_validate(source.content)
    except ValidationError as error:
        raise InputError(*problems, *_explained(error, source)) from None
    problems += _contradictions(access, source, receiver_aet)
    if problems:
        raise InputError(*problems)
    return access


def _explained(error: ValidationError, source: Source) -> Iterator[str]:
    for detail in error.errors(include_input=False):
        location = tuple(step for step in detail["loc"] if step != "[key]")
        if detail["type"] == "extra_forbidden":
            fault = unknown("field", str(location[-1]), list(QueryAccess.model_fields))
        elif "[key]" in detail["loc"]:
            fault = "is no AE title: 1 to 16 printable ASCII characters, no backslash"
        else:
            fault = str(detail["msg"]).removeprefix("Value error, ").replace("Input should", "must")
        yield f"{source.place(location)}: {fault}"


def _contradictions(access: QueryAccess, source: Source, receiver_aet: str) -> Iterator[str]:
    titled: Mapping[str, str] = {scope: title for title, scope in access.titles.items()}
    for calling, scopes in access.callers.items():
        for number, scope in enumerate(scopes):
            place = source.place(("callers", calling, number))
            if len(scope) > LONGEST_TITLE and scope not in titled:
                yield f"{place}: {scope} is too long for an AE title; give it one under titles"
            if titled.get(scope, scope) == receiver_aet:
                yield f"{place}: {receiver_aet} is the receiver's own AE title; give {scope} another under titles"
    for title, scope in access.titles.items():
        if title in access.scopes | {STAGING} and title != scope:
            yield f"{source.place(('titles', title))}: {title} is what {title} itself is called by; choose another"
