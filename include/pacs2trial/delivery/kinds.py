"""The kinds of destination, one file each."""

from __future__ import annotations

from pacs2trial.delivery import folder
from pacs2trial.delivery.outgoing import Send
from pacs2trial.errors import InputError, NotAvailableError
from pacs2trial.trials.definition import Destination

LONGEST = 200
KINDS: dict[str, Send] = {"folder": folder.send}


def sender(destination: Destination) -> Send:
    """What brings a package to ``destination``.

    Raises:
        NotAvailableError: pacs2trial cannot deliver that way yet.
    """
    try:
        return KINDS[destination.to]
    except KeyError:
        raise NotAvailableError(
            f"delivery by {destination.to} is not available yet; available: {', '.join(sorted(KINDS))}"
        ) from None


def label(destination: Destination) -> str:
    """The name of a destination in vault and receipts: kind, connection, path.

    Raises:
        InputError: it is longer than the vault can hold.
    """
    text = ":".join(part for part in (destination.to, destination.connection or "", destination.path) if part)
    if len(text) > LONGEST:
        raise InputError(f"deliver: kind, connection and path have {len(text)} characters; at most {LONGEST} fit")
    return text
