"""Connections to PACS and destinations, found by name without Airflow.

The Airflow layer passes a provider that asks ``BaseHook``; everywhere else ``AIRFLOW_CONN_*`` is read, then the 0600
file of connections in home, which has the same JSON form: ``{"<name>": {"conn_type": "dicom", "host": …}}``.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar
from urllib.parse import parse_qsl, unquote, urlsplit

from pydantic import BaseModel, ValidationError

from pacs2trial.errors import InputError, SetupError
from pacs2trial.settings import Settings, environment_connection

FIELDS = frozenset({"conn_type", "host", "port", "login", "password", "schema", "extra", "description"})
"""What a connection may say, as Airflow names it."""


@dataclass(frozen=True)
class Connection:
    """One named far end. For ``conn_type`` dicom, ``extra`` holds the keys of :mod:`pacs2trial.network.peer`."""

    name: str
    conn_type: str
    host: str = ""
    port: int | None = None
    login: str = ""
    password: str = field(default="", repr=False)
    schema: str = ""
    extra: Mapping[str, Any] = field(default_factory=dict, repr=False)


class Connections(Protocol):
    """Finds a connection by name."""

    def get(self, name: str) -> Connection:
        """The connection called ``name``.

        Raises:
            InputError: there is none; the message says where one can be added.
        """
        ...


class SiteConnections:
    """Connections of the environment and of the connections file in home."""

    def __init__(self, settings: Settings) -> None:
        self._path = settings.connections_path

    def get(self, name: str) -> Connection:
        text = environment_connection(name)
        if text is not None:
            return from_text(name, text)
        found = self._file().get(name)
        if found is None:
            raise InputError(
                f"connection {name!r} is unknown: set AIRFLOW_CONN_{name.upper()}, add it to {self._path}, "
                "or add it in Airflow under Admin > Connections"
            )
        return from_json(name, found)

    def _file(self) -> dict[str, dict[str, Any]]:
        if not self._path.exists():
            return {}
        if stat.S_IMODE(self._path.stat().st_mode) & 0o077:
            raise SetupError(f"{self._path} can be read by others: run chmod 600 {self._path}")
        try:
            content = json.loads(self._path.read_text("utf-8"))
        except ValueError as error:
            raise InputError(f"{self._path} is not JSON: {error}") from None
        if not (isinstance(content, dict) and all(isinstance(fields, dict) for fields in content.values())):
            raise InputError(f'{self._path}: expected {{"name": {{"conn_type": …}}}}')
        return content


AnyExtra = TypeVar("AnyExtra", bound=BaseModel)


def connection_with(
    connections: Connections, name: str, purpose: str, types: Collection[str], extra: type[AnyExtra]
) -> tuple[Connection, AnyExtra]:
    """The connection called ``name`` and its extra, read as ``extra``.

    Raises:
        InputError: there is no such connection, it is of another type than ``types``, or its extra has faults; all of
            them are named with the ``purpose`` of the connection, no value is repeated.
    """
    connection = connections.get(name)
    problems = []
    if connection.conn_type not in types:
        problems.append(f"its type is {connection.conn_type!r}; needed is {' or '.join(map(repr, sorted(types)))}")
    try:
        found = extra.model_validate(dict(connection.extra))
    except ValidationError as error:
        faults = error.errors(include_input=False)
        problems += [f"extra {'.'.join(map(str, e['loc']))}: {e['msg'].removeprefix('Value error, ')}" for e in faults]
    if problems:
        raise InputError(*(f"connection {name!r} ({purpose}): {problem}" for problem in problems))
    return connection, found


def from_text(name: str, text: str) -> Connection:
    """A connection from the text of ``AIRFLOW_CONN_<NAME>``, which is JSON or a URI."""
    if not text.lstrip().startswith("{"):
        return from_uri(name, text)
    try:
        fields = json.loads(text)
    except ValueError:
        raise InputError(f"connection {name!r}: AIRFLOW_CONN_{name.upper()} is neither a URI nor JSON") from None
    return from_json(name, fields)


def from_json(name: str, fields: Mapping[str, Any]) -> Connection:
    """A connection from the JSON that Airflow uses (``conn_type, host, port, login, password, schema, extra``).

    Raises:
        InputError: a field is unknown or cannot be used; no value is repeated, it may be a password.
    """
    unknown = sorted(set(fields) - FIELDS)
    if unknown:
        raise InputError(
            f"connection {name!r}: unknown field {', '.join(unknown)}; known are {', '.join(sorted(FIELDS))}"
        )
    return Connection(
        name=name,
        conn_type=str(fields.get("conn_type") or ""),
        host=str(fields.get("host") or ""),
        port=_port(name, fields.get("port")),
        login=str(fields.get("login") or ""),
        password=str(fields.get("password") or ""),
        schema=str(fields.get("schema") or ""),
        extra=_extra(name, fields.get("extra")),
    )


def from_uri(name: str, uri: str) -> Connection:
    """A connection from Airflow's URI form, ``dicom://host:port/?key=value``; ``__extra__`` holds JSON.

    Raises:
        InputError: the text is no URI.
    """
    parts = urlsplit(uri)
    if not parts.scheme:
        raise InputError(f"connection {name!r}: AIRFLOW_CONN_{name.upper()} is neither a URI nor JSON")
    try:
        port = parts.port
    except ValueError:
        raise InputError(f"connection {name!r}: the port of the URI is no number from 1 to 65535") from None
    query = dict(parse_qsl(parts.query))
    return Connection(
        name=name,
        conn_type=parts.scheme.replace("-", "_"),
        host=unquote(parts.hostname or ""),
        port=_port(name, port),
        login=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        schema=unquote(parts.path.removeprefix("/")),
        extra=_extra(name, query.pop("__extra__", None)) | query,
    )


def _port(name: str, value: Any) -> int | None:
    if value in (None, ""):
        return None
    if not str(value).isdecimal() or not 1 <= int(value) <= 65535:
        raise InputError(f"connection {name!r}: port must be a number from 1 to 65535")
    return int(value)


def _extra(name: str, value: Any) -> dict[str, Any]:
    if isinstance(value, str) and value:
        try:
            value = json.loads(value)
        except ValueError:
            raise InputError(f"connection {name!r}: extra is not JSON") from None
    if not isinstance(value or {}, dict):
        raise InputError(f'connection {name!r}: extra must be an object, {{"key": "value"}}')
    return dict(value or {})
