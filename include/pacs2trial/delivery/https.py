"""Delivery by HTTPS: PUT to an address of its own (RFC 9110 9.3.4), or POST as a form (RFC 7578)."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal
from urllib.parse import quote, urlsplit

import httpx
from pydantic import Field

from pacs2trial.collect.replacing import file_sha256
from pacs2trial.connections import Connection
from pacs2trial.delivery.connection import Extra, connection_of, require_host
from pacs2trial.delivery.outgoing import Outgoing
from pacs2trial.delivery.place import PIECE
from pacs2trial.errors import InputError, Pacs2TrialError, PermanentError, TransientError
from pacs2trial.network.tls import TlsExtra, calling_context, explain
from pacs2trial.trials.definition import Destination
from pacs2trial.workspace import Workspace

_RETRIED = frozenset({408, 409, 423, 425, 429})
"""Client errors that may pass; so may every error of the server."""


class HttpsExtra(Extra):
    """The extra of a connection of type https or http."""

    method: Literal["PUT", "POST"] = "PUT"
    field: str = Field("file", description="name of the form's field, for POST")
    token: str = Field("", repr=False, description="for 'Authorization: Bearer', instead of login and password")
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    ca: Path | None = Field(None, description="certificates that are trusted, PEM")
    certificate: Path | None = Field(None, description="our own certificate, PEM, where the server asks for one")
    key: Path | None = Field(None, description="the key of our certificate")


def send(ws: Workspace, destination: Destination, package: Outgoing) -> Mapping[str, Any]:
    """Upload the package: PUT to ``<connection>/<path>/<name>``, or POST a form to ``<connection>/<path>``.

    The digest goes along as Repr-Digest (RFC 9530); a server that answers with one, or tells the size on HEAD, is
    compared.
    """
    connection, extra = connection_of(ws, destination, {"https", "http"}, HttpsExtra)
    require_host(connection)
    if file_sha256(package.file) != package.sha256:
        raise PermanentError(f"{package.trial}/{package.name} is not the file that was verified; collect again")
    address = _address(connection, destination.path)
    with _client(connection, extra) as client, package.file.open("rb") as file:
        if extra.method == "PUT":
            address = f"{address}/{quote(package.name)}"
            headers = {"Content-Length": str(package.size), "Content-Type": "application/zip"}
            answer = client.put(
                address, content=iter(lambda: file.read(PIECE), b""), headers={**headers, **_digest(package)}
            )
        else:
            files = {extra.field: (package.name, file, "application/zip")}
            answer = client.post(address, files=files, headers=_digest(package))
        _require_success(connection, answer)
        checked = _checked(client, connection, answer, package, at=address if extra.method == "PUT" else "")
    return {"path": address, "size": package.size, "sha256": package.sha256, "checked": checked}


def _address(connection: Connection, path: str) -> str:
    """``https://host:port/path``; plain HTTP is for this machine itself only."""
    base = connection.host if "://" in connection.host else f"https://{connection.host}"
    parts = urlsplit(base)
    if parts.scheme != "https":
        raise InputError(f"connection {connection.name!r}: {parts.scheme} is not encrypted; the address must be https")
    port = f":{connection.port}" if connection.port and not parts.port else ""
    prefix = "" if connection.schema in ("", "http", "https") else connection.schema
    return "/".join(filter(None, (f"https://{parts.netloc}{port}", parts.path.strip("/"), prefix, path.strip("/"))))


def _digest(package: Outgoing) -> Mapping[str, str]:
    return {"Repr-Digest": f"sha-256=:{base64.b64encode(bytes.fromhex(package.sha256)).decode()}:"}


def _require_success(connection: Connection, answer: httpx.Response) -> None:
    status = answer.status_code
    if answer.is_success:
        return
    kind = TransientError if status in _RETRIED or status >= 500 else PermanentError  # server errors
    remedy = {
        401: "it does not accept our login; correct login and password, or the token, of the connection",
        403: "our login may not do that; ask the trial centre",
        404: "the address is wrong; correct host and path",
        413: "the package is too large for it; ask the trial centre, or make packages per study",
    }.get(status, "it moved; correct the address" if 300 <= status < 400 else "")
    raise kind(f"{connection.name!r} answered with HTTP status {status}{remedy and ': ' + remedy}")


def _checked(
    client: httpx.Client, connection: Connection, answer: httpx.Response, package: Outgoing, *, at: str
) -> str:
    """How far what arrived could be compared.

    Raises:
        TransientError: it is something else than what was sent.
    """
    said = [value for name in ("Repr-Digest", "Content-Digest") if (value := answer.headers.get(name))]
    if said and answer.request.method == "PUT" and "sha-256=" in said[0]:
        if said[0].split("sha-256=")[1].split(",")[0] != _digest(package)["Repr-Digest"].removeprefix("sha-256="):
            raise TransientError(f"{connection.name!r} has another SHA-256 than was sent; send again")
        return "digest at the far end"
    if at:
        told = client.head(at)
        size = told.headers.get("Content-Length", "") if told.is_success else ""
        if size.isdecimal() and int(size) not in (0, package.size):
            raise TransientError(f"{connection.name!r} has {size} of {package.size} bytes; send again")
        if size == str(package.size):
            return "size at the far end"
    return f"accepted with HTTP status {answer.status_code}"


@contextmanager
def _client(connection: Connection, extra: HttpsExtra) -> Iterator[httpx.Client]:
    tls = TlsExtra(tls=True, ca=extra.ca, certificate=extra.certificate, key=extra.key)
    login = (connection.login, connection.password) if connection.login else None
    headers = extra.headers | ({"Authorization": f"Bearer {extra.token}"} if extra.token else {})
    try:
        with httpx.Client(
            auth=login, headers=headers, verify=calling_context(tls), timeout=extra.timeout, trust_env=False
        ) as client:
            yield client
    except Pacs2TrialError:
        raise
    except httpx.ConnectError as error:
        if (fault := _tls_fault(error)) is not None:
            raise PermanentError(f"{connection.name!r}: no TLS connection: {explain(fault)}") from None
        raise TransientError(f"{connection.name!r} cannot be reached: no connection") from None
    except httpx.HTTPError as error:
        raise TransientError(f"{connection.name!r} broke off: {type(error).__name__}") from None


def _tls_fault(error: BaseException | None) -> ssl.SSLError | None:
    """The error of TLS that is behind one of httpx, if one is."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__cause__ or error.__context__
    return error
