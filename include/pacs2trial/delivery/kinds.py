"""The kinds of destination, one file each, and how a package is brought to one of them."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from pacs2trial.delivery import c_store, folder, ftps, https, objects, sftp, stow
from pacs2trial.delivery.outgoing import Outgoing, Send, label
from pacs2trial.delivery.sealing import sealed
from pacs2trial.errors import TransientError
from pacs2trial.trials.definition import Destination
from pacs2trial.workspace import Workspace

_log = logging.getLogger(__name__)

KINDS: Mapping[str, Send] = {
    "folder": folder.send,
    "sftp": sftp.send,
    "ftps": ftps.send,
    "s3": objects.send_to_s3,
    "fsspec": objects.send_anywhere,
    "https": https.send,
    "c-store": c_store.send,
    "stow-rs": stow.send,
}

WAITS = (2.0, 8.0)
"""Seconds before the second and the third attempt. Further repetition is Airflow's."""


def bring(ws: Workspace, destination: Destination, package: Outgoing) -> Mapping[str, Any]:
    """Bring a package to a destination, repeated where that may help; what had arrived is not sent again.

    Returns:
        What proves it, for the receipt.

    Raises:
        InputError: the connection is missing or has faults.
        PermanentError: the destination will not take it.
        TransientError: it broke off, three times.
    """
    send = KINDS[destination.to]
    for wait in WAITS:
        try:
            return send(ws, destination, package)
        except TransientError as error:
            _log.warning("%s/%s to %s: %s; again in %g s", package.trial, package.name, label(destination), error, wait)
            time.sleep(wait)
    return send(ws, destination, package)


def prepared(destination: Destination, package: Outgoing) -> Outgoing:
    """What really goes: the package, or the file that only the trial centre can open.

    Raises:
        InputError: a public key is none.
        TransientError: the disk is full or cannot be written.
    """
    return sealed(package, destination.encrypt) if destination.encrypt else package
