"""A PACS as one connection describes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import ErrorDetails

from pacs2trial.connections import Connection, Connections
from pacs2trial.errors import InputError
from pacs2trial.network.limits import Limits
from pacs2trial.network.tls import TlsExtra
from pacs2trial.settings import Settings

CONNECTION_TYPE = "dicom"

AETitle = Annotated[str, Field(min_length=1, max_length=16, pattern=r"^[ -\[\]-~]*[!-\[\]-~][ -\[\]-~]*$")]
"""PS3.5 6.2, VR AE: at most 16 printable ASCII characters, no backslash, not only spaces."""
Seconds = Annotated[float, Field(gt=0)]


class Patience(BaseModel):
    """How long the node waits for a PACS, in seconds. Every field may be set in the connection's extra."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    connect_timeout: Seconds = Field(10, description="for the TCP connection")
    association_timeout: Seconds = Field(30, description="for the answer to an association request")
    response_timeout: Seconds = Field(60, description="for the next answer to C-ECHO and C-FIND")
    transfer_timeout: Seconds = Field(600, description="for the next answer to C-MOVE and C-GET, which may be the only")
    settle_timeout: Seconds = Field(60, description="without any arrival, until what is expected counts as missing")
    settle_quiet: Seconds = Field(2, description="that a settled state has to last")
    retry_wait: Seconds = Field(2, description="before what did not come is asked for a second time")


class _Extra(Limits, Patience, TlsExtra):
    aet: AETitle
    calling_aet: AETitle | None = None
    move_destination: AETitle | None = None
    dicomweb: Any = None  # read by pacs2trial.network.webpeer


@dataclass(frozen=True)
class Peer:
    """One remote DICOM application entity, and the names by which it knows us."""

    name: str
    host: str
    port: int
    aet: str
    """Its AE title: the called one of our associations."""
    calling_aet: str
    """Our AE title as it has to know it."""
    move_destination: str
    """The AE title of our receiver as it has to know it, with address and port, for C-MOVE."""
    patience: Patience = field(default=Patience(), repr=False)
    tls: TlsExtra = field(default=TlsExtra(), repr=False)
    limits: Limits = field(default=Limits(), repr=False)

    def __str__(self) -> str:
        return f"PACS {self.name!r} ({self.aet} at {self.host}:{self.port})"


def peer(connections: Connections, name: str, settings: Settings) -> Peer:
    """The DICOM node behind the connection called ``name``.

    Raises:
        InputError: no such connection, or it lacks something; every fault is listed with the field's name.
    """
    connection = connections.get(name)
    problems = _missing(connection)
    try:
        extra = _Extra.model_validate(dict(connection.extra))
    except ValidationError as error:
        problems += [_fault(e) for e in error.errors(include_input=False)]
    if problems:
        raise InputError(*(f"connection {name!r}: {problem}" for problem in problems))
    assert connection.port is not None
    return Peer(
        name=name,
        host=connection.host,
        port=connection.port,
        aet=extra.aet,
        calling_aet=extra.calling_aet or settings.receiver_aet,
        move_destination=extra.move_destination or settings.receiver_aet,
        patience=Patience.model_validate(extra.model_dump(include=set(Patience.model_fields))),
        tls=TlsExtra(**extra.model_dump(include=set(TlsExtra.model_fields))),
        limits=Limits(hours=extra.hours, rate=extra.rate, maximum_matches=extra.maximum_matches),
    )


def _fault(detail: ErrorDetails) -> str:
    where = f"extra {'.'.join(map(str, detail['loc']))}".strip()
    return f"{where}: {detail['msg'].removeprefix('Value error, ')}"


def _missing(connection: Connection) -> list[str]:
    problems = []
    if connection.conn_type != CONNECTION_TYPE:
        problems.append(f"connection type is {connection.conn_type!r}, needed is {CONNECTION_TYPE!r}")
    if not connection.host:
        problems.append("host is missing: the name or address of the PACS")
    if not connection.port:
        problems.append("port is missing: the DICOM port of the PACS, often 104 or 11112")
    return problems
