"""What ``check`` finds out about destinations, without sending anything."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any, Final

from pydantic import BaseModel, ValidationError

from pacs2trial.connections import Connections
from pacs2trial.delivery.folder import folder_of
from pacs2trial.delivery.ftps import FtpsExtra
from pacs2trial.delivery.https import HttpsExtra
from pacs2trial.delivery.objects import AnyExtra, S3Extra
from pacs2trial.delivery.outgoing import label
from pacs2trial.delivery.sealing import recipient
from pacs2trial.delivery.sftp import SftpExtra
from pacs2trial.errors import InputError, Pacs2TrialError
from pacs2trial.finding import Finding, wrong
from pacs2trial.network.echo import echo
from pacs2trial.network.peer import peer
from pacs2trial.network.qido import answering
from pacs2trial.network.webpeer import DICOMWEB, WebPeer, node
from pacs2trial.settings import Settings
from pacs2trial.storage.s3 import TYPES
from pacs2trial.trials.definition import Destination, TrialDefinition

_KINDS: Final[Mapping[str, tuple[frozenset[str], type[BaseModel]]]] = {
    "sftp": (frozenset(("sftp", "ssh")), SftpExtra),
    "ftps": (frozenset(("ftps", "ftp")), FtpsExtra),
    "s3": (TYPES, S3Extra),
    "fsspec": (frozenset(("fsspec", "generic")), AnyExtra),
    "https": (frozenset(("https", "http")), HttpsExtra),
}


def destination_findings(
    settings: Settings, connections: Connections, trials: Mapping[str, TrialDefinition]
) -> Iterator[Finding]:
    """One finding for each destination of each trial: its folder, connection, keys; DICOM nodes are asked to answer."""
    for definition in trials.values():
        for destination in definition.deliver:
            subject = f"destination {definition.trial} {destination.to} {destination.connection or destination.path}"
            try:
                label(destination)
                for key in destination.encrypt:
                    recipient(key)
                text = _good(settings, connections, destination, definition.trial)
            except Pacs2TrialError as error:
                yield wrong(subject.rstrip(), error)
            else:
                yield Finding(subject.rstrip(), good=True, text=text)


def _good(settings: Settings, connections: Connections, destination: Destination, trial: str) -> str:
    """What is right about a destination; raises what is wrong."""
    match destination.to:
        case "folder":
            return _folder(settings, destination, trial)
        case "c-store":
            found = peer(connections, destination.connection or "", settings)
            echo(found)
            return f"{found.aet} at {found.host}:{found.port} answers C-ECHO"
        case "stow-rs":
            service = node(connections, destination.connection or "", settings, way=DICOMWEB)
            assert isinstance(service, WebPeer)
            answering(service)
            return f"{service.url} answers"
    return _connection(connections, destination)


def _folder(settings: Settings, destination: Destination, trial: str) -> str:
    folder = folder_of(settings, destination, trial)
    there = next(parent for parent in (folder, *folder.parents) if parent.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise InputError(f"{there} is no folder that can be written to")
    return f"{folder} can be written to" if there == folder else f"{folder} will be made in {there}"


def _connection(connections: Connections, destination: Destination) -> str:
    types, extra = _KINDS[destination.to]
    connection = connections.get(destination.connection or "")
    problems: list[str] = []
    if connection.conn_type not in types:
        needed = " or ".join(map(repr, sorted(types)))
        problems.append(f"its type is {connection.conn_type!r}; needed is {needed}")
    if destination.to in ("sftp", "ftps", "https") and not connection.host:
        problems.append("host is missing: the name or address of the server")
    try:
        extra.model_validate(dict[str, Any](connection.extra))
    except ValidationError as error:
        faults = error.errors(include_input=False)
        problems += [f"extra {'.'.join(map(str, each['loc']))}: {each['msg']}" for each in faults]
    if problems:
        raise InputError(*(f"connection {connection.name!r}: {problem}" for problem in problems))
    return "the connection is right; nothing was sent"
