"""Delivery by C-STORE to a DICOM node of the trial centre: the objects of the package, without the zip around them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pacs2trial.delivery.members import Arrived, kinds, members
from pacs2trial.delivery.outgoing import Outgoing, label
from pacs2trial.errors import PermanentError, TransientError
from pacs2trial.network.peer import peer
from pacs2trial.network.store import store
from pacs2trial.trials.definition import Destination
from pacs2trial.workspace import Workspace

_AT_ONCE = 100
"""Confirmations between two notes of what has arrived."""


def send(ws: Workspace, destination: Destination, package: Outgoing) -> Mapping[str, Any]:
    """Send every object that the node has not confirmed yet; all of them have to be confirmed in the end."""
    assert destination.connection is not None, "a definition without a connection is refused when it is read"
    node = peer(ws.connections, destination.connection, ws.settings)
    arrived = Arrived(package, label(destination))
    before = len(arrived.uids)
    warnings = 0
    new: set[str] = set()
    try:
        for sop_instance, warned in store(node, kinds(package), _left(package, arrived)):
            new.add(sop_instance)
            warnings += warned
            if len(new) % _AT_ONCE == 0:
                arrived.add(new)
    except (TransientError, PermanentError) as error:
        arrived.add(new)
        total = sum(1 for _ in members(package))
        kind = TransientError if isinstance(error, TransientError) else PermanentError
        raise kind(f"{len(arrived.uids)} of {total} objects arrived: {error}") from None
    arrived.add(new)
    total = require_all(package, arrived)
    arrived.forget()
    return {
        "path": f"dicom://{node.host}:{node.port}/{node.aet}",
        "size": package.size,
        "sha256": package.sha256,
        "objects": total,
        "sent before": before,
        "warnings": warnings,
        "checked": "each object answered",
    }


def require_all(package: Outgoing, arrived: Arrived) -> int:
    """How many objects the package has, all of which were confirmed.

    Raises:
        TransientError: one was not.
    """
    expected = {member.sop_instance for member in members(package)}
    if missing := expected - arrived.uids:
        raise TransientError(f"{len(expected) - len(missing)} of {len(expected)} objects arrived; send again")
    return len(expected)


def _left(package: Outgoing, arrived: Arrived) -> Iterator[bytes]:
    return (member.content for member in members(package) if member.sop_instance not in arrived.uids)
