"""The connection of a destination: its type is right, and its extra holds what the kind knows and nothing else."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pacs2trial.connections import Connection
from pacs2trial.delivery.place import Check
from pacs2trial.errors import InputError
from pacs2trial.trials.definition import Destination
from pacs2trial.workspace import Workspace


class Extra(BaseModel):
    """What the extra of every destination's connection may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout: float = Field(60, gt=0, description="seconds without any answer, until the server counts as lost")
    check: Check = Field("read back", description="how a delivered file is compared with what was sent")


AnyExtra = TypeVar("AnyExtra", bound=BaseModel)


def connection_of(
    ws: Workspace, destination: Destination, types: Collection[str], extra: type[AnyExtra]
) -> tuple[Connection, AnyExtra]:
    """The connection of ``destination`` and its extra.

    Raises:
        InputError: there is no such connection, it is of another type than ``types``, has no host, or its extra has
            faults; all of them are named, no value is repeated.
    """
    assert destination.connection is not None, "a definition without a connection is refused when it is read"
    connection = ws.connections.get(destination.connection)
    problems = []
    if connection.conn_type not in types:
        problems.append(f"its type is {connection.conn_type!r}; needed is {' or '.join(map(repr, sorted(types)))}")
    try:
        found = extra.model_validate(dict(connection.extra))
    except ValidationError as error:
        faults = error.errors(include_input=False)
        problems += [f"extra {'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in faults]
    if problems:
        name = destination.connection
        raise InputError(*(f"connection {name!r} (deliver by {destination.to}): {problem}" for problem in problems))
    return connection, found


def require_host(connection: Connection) -> None:
    """Return if the connection names a host.

    Raises:
        InputError: it does not.
    """
    if not connection.host:
        raise InputError(f"connection {connection.name!r}: host is missing: the name or address of the server")
