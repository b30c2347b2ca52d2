"""The connection of a destination: its type is right, and its extra holds what the kind knows and nothing else."""

from __future__ import annotations

from collections.abc import Collection

from pydantic import BaseModel, ConfigDict, Field

from pacs2trial.connections import AnyExtra, Connection, connection_with
from pacs2trial.delivery.place import Check
from pacs2trial.errors import InputError
from pacs2trial.trials.definition import Destination
from pacs2trial.workspace import Workspace


class Extra(BaseModel):
    """What the extra of every destination's connection may say."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    timeout: float = Field(60, gt=0, description="seconds without any answer, until the server counts as lost")
    check: Check = Field("read back", description="how a delivered file is compared with what was sent")


def connection_of(
    ws: Workspace, destination: Destination, types: Collection[str], extra: type[AnyExtra]
) -> tuple[Connection, AnyExtra]:
    """The connection of ``destination`` and its extra.

    Raises:
        InputError: as :func:`pacs2trial.connections.connection_with`.
    """
    assert destination.connection is not None, "a definition without a connection is refused when it is read"
    return connection_with(ws.connections, destination.connection, f"deliver by {destination.to}", types, extra)


def require_host(connection: Connection) -> None:
    """Return if the connection names a host.

    Raises:
        InputError: it does not.
    """
    if not connection.host:
        raise InputError(f"connection {connection.name!r}: host is missing: the name or address of the server")
