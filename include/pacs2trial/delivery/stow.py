"""Delivery by STOW-RS (PS3.18 10.5) to a DICOMweb service of the trial centre, in requests of a bounded size."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

import httpx

from pacs2trial.delivery.c_store import require_all
from pacs2trial.delivery.members import Arrived, Member, members
from pacs2trial.delivery.outgoing import Outgoing, label
from pacs2trial.errors import PermanentError, TransientError
from pacs2trial.network.web import refusal, sent, session
from pacs2trial.network.webpeer import DICOMWEB, WebPeer, node
from pacs2trial.trials.definition import Destination
from pacs2trial.workspace import Workspace

_LARGEST = 32 << 20
"""Bytes of one request, unless a single object is larger."""

_REFERENCED = "00081199"  # Referenced SOP Sequence
_FAILED = "00081198"  # Failed SOP Sequence
_INSTANCE = "00081155"  # Referenced SOP Instance UID
_REASON = "00081197"  # Failure Reason
_CONFLICT = 409


def send(ws: Workspace, destination: Destination, package: Outgoing) -> Mapping[str, Any]:
    """Send every object that the service has not confirmed yet; all of them have to be confirmed in the end."""
    assert destination.connection is not None, "a definition without a connection is refused when it is read"
    service = node(ws.connections, destination.connection, ws.settings, way=DICOMWEB)
    assert isinstance(service, WebPeer), "a service by its way"
    arrived = Arrived(package, label(destination))
    before = len(arrived.uids)
    with session(service, response_timeout=service.patience.transfer_timeout) as client:
        for batch in _batches(package, arrived):
            arrived.add(_stored(client, service, batch))
    total = require_all(package, arrived)
    arrived.forget()
    return {
        "path": f"{service.url}/studies",
        "size": package.size,
        "sha256": package.sha256,
        "objects": total,
        "sent before": before,
        "checked": "each object answered",
    }


def _batches(package: Outgoing, arrived: Arrived) -> Iterator[list[Member]]:
    batch: list[Member] = []
    size = 0
    for member in members(package):
        if member.sop_instance in arrived.uids:
            continue
        if batch and size + len(member.content) > _LARGEST:
            yield batch
            batch, size = [], 0
        batch.append(member)
        size += len(member.content)
    if batch:
        yield batch


def _stored(client: httpx.Client, service: WebPeer, batch: Sequence[Member]) -> set[str]:
    """SOP Instance UIDs of the objects of one request that the service says it has stored (PS3.18 I.2)."""
    boundary = secrets.token_hex(16)
    headers = {
        "Content-Type": f'multipart/related; type="application/dicom"; boundary={boundary}',
        "Accept": "application/dicom+json",
    }
    answer = sent(client, service, "STOW-RS", "/studies", headers=headers, body=_body(boundary, batch))
    if not answer.is_success and answer.status_code != _CONFLICT:
        raise refusal(service, "STOW-RS", answer.status_code)
    stored, refused = _said(answer)
    if refused:
        reasons = ", ".join(f"0x{reason:04X}" for reason in sorted(set(refused)))
        raise PermanentError(f"{service} refused {len(refused)} of {len(batch)} objects with {reasons} (PS3.18 I.2.2)")
    if not answer.is_success:
        raise refusal(service, "STOW-RS", answer.status_code)
    return stored & {member.sop_instance for member in batch}


def _body(boundary: str, batch: Sequence[Member]) -> Iterator[bytes]:
    head = f"--{boundary}\r\nContent-Type: application/dicom\r\n\r\n".encode()
    for member in batch:
        yield from (head, member.content, b"\r\n")
    yield f"--{boundary}--\r\n".encode()


def _said(answer: httpx.Response) -> tuple[set[str], list[int]]:
    """UIDs of what was stored, Failure Reason of what was not."""
    try:
        found = json.loads(answer.content or b"{}")
    except ValueError:
        raise TransientError("the answer to STOW-RS is not JSON; whether the objects arrived is not known") from None
    said = found[0] if isinstance(found, list) and found else found
    if not isinstance(said, dict):
        return set(), []
    stored = {str(uid) for item in _items(said, _REFERENCED) for uid in _values(item, _INSTANCE)}
    refused = [list(_values(item, _REASON)) or [0] for item in _items(said, _FAILED)]
    return stored, [int(reason) for reason in chain.from_iterable(refused)]


def _items(said: Mapping[str, Any], tag: str) -> list[Mapping[str, Any]]:
    return [item for item in said.get(tag, {}).get("Value", []) if isinstance(item, dict)]


def _values(item: Mapping[str, Any], tag: str) -> list[Any]:
    return list(item.get(tag, {}).get("Value", []))
