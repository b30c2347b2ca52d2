"""A PACS as one connection describes its DICOMweb service (PS3.18)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, ValidationError

from pacs2trial.connections import Connection, Connections
from pacs2trial.errors import InputError
from pacs2trial.network.limits import Limits
from pacs2trial.network.peer import CONNECTION_TYPE, Patience, Peer, peer
from pacs2trial.network.tls import TlsExtra
from pacs2trial.settings import Settings

WEB_TYPES = frozenset({"http", "https"})
DICOMWEB = "dicomweb"
C_MOVE = "c-move"
_CERTIFICATES = ("ca", "certificate", "key")


class _Service(BaseModel):
    """What the extra says of the service itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str = ""
    path: str = ""
    token: str = ""
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None


class _WebExtra(_Service, Limits, Patience):
    """The extra of a connection of type http or https."""


@dataclass(frozen=True)
class WebPeer:
    """One DICOMweb service: QIDO-RS and WADO-RS below ``url``."""

    name: str
    url: str
    """Base of the service, without a slash at its end."""
    login: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)
    """For ``Authorization: Bearer``; instead of login and password."""
    tls: TlsExtra = field(default=TlsExtra(), repr=False)
    patience: Patience = field(default=Patience(), repr=False)
    limits: Limits = field(default=Limits(), repr=False)

    def __str__(self) -> str:
        return f"PACS {self.name!r} (DICOMweb at {urlsplit(self.url).netloc})"


Node = Peer | WebPeer
"""A PACS by either of its services."""


def node(connections: Connections, name: str, settings: Settings, *, way: str = "") -> Node:
    """The PACS behind the connection called ``name``.

    Args:
        connections: the site's.
        name: of the connection.
        settings: the site's.
        way: ``dicomweb``, ``c-move`` or ``c-get``; as the type of the connection says when empty.

    Raises:
        InputError: no such connection, it lacks something, or it does not offer that way.
    """
    connection = connections.get(name)
    if way == DICOMWEB or (not way and connection.conn_type in WEB_TYPES):
        return _web_peer(connection)
    if connection.conn_type in WEB_TYPES:
        raise InputError(
            f"connection {name!r}: its type is {connection.conn_type!r}, which allows only 'retrieve: dicomweb'; "
            f"{way} needs a connection of type {CONNECTION_TYPE!r}"
        )
    found = peer(connections, name, settings)
    if way == C_MOVE and found.limits.rate.mb_per_second is not None:
        raise InputError(
            f"connection {name!r}: extra rate.mb_per_second cannot be kept by c-move: the PACS sends as it can; "
            "use instances_per_minute, or retrieve by c-get or dicomweb"
        )
    return found


def _web_peer(connection: Connection) -> WebPeer:
    try:
        service, extra = _read(connection)
        url = service.url or (_url(connection, service) if connection.conn_type in WEB_TYPES else "")
        given = {name: value for name in _CERTIFICATES if (value := getattr(service, name)) is not None}
        tls = TlsExtra.model_validate({"tls": url.startswith("https:")} | given)
    except ValidationError as error:
        faults = (f"extra {'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors(include_input=False))
        raise InputError(*(f"connection {connection.name!r}: {fault}" for fault in faults)) from None
    _require(connection.name, url)
    return WebPeer(
        name=connection.name,
        url=url.rstrip("/"),
        login=connection.login,
        password=connection.password if connection.login else "",
        token=service.token or ("" if connection.login else connection.password),
        tls=tls,
        patience=Patience.model_validate(extra.model_dump(include=set(Patience.model_fields))),
        limits=Limits(hours=extra.hours, rate=extra.rate, maximum_matches=extra.maximum_matches),
    )


def _read(connection: Connection) -> tuple[_Service, _WebExtra]:
    """What a connection of its own says, or beside a DICOM node ``dicomweb``: an address, or an object."""
    if connection.conn_type in WEB_TYPES:
        extra = _WebExtra.model_validate(dict(connection.extra))
        return extra, extra
    said = connection.extra.get(DICOMWEB) or ""
    shared = {*Patience.model_fields, *Limits.model_fields}
    extra = _WebExtra.model_validate({key: value for key, value in connection.extra.items() if key in shared})
    return _Service.model_validate(dict(said) if isinstance(said, Mapping) else {"url": said}), extra


def _url(connection: Connection, service: _Service) -> str:
    """Airflow keeps the protocol of an HTTP connection in its schema; a URI with a path ends up there too."""
    protocol = connection.schema if connection.schema in WEB_TYPES else connection.conn_type
    path = service.path or ("" if connection.schema in WEB_TYPES else connection.schema)
    base = connection.host if "://" in connection.host else f"{protocol}://{connection.host}"
    port = f":{connection.port}" if connection.port else ""
    return f"{base.rstrip('/')}{port}/{path.strip('/')}"


def _require(name: str, url: str) -> None:
    parts = urlsplit(url)
    problems = []
    if parts.scheme not in WEB_TYPES or not parts.hostname:
        problems.append("the address of its DICOMweb service is missing: in extra, 'dicomweb': 'https://host/path'")
    if parts.username or parts.password:
        problems.append("login and password belong into the connection's fields, not into the address")
    if problems:
        raise InputError(*(f"connection {name!r}: {problem}" for problem in problems))
