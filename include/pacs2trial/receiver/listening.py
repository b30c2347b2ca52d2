"""The port that the receiver listens on."""

from __future__ import annotations

import errno
import socket

from pacs2trial.errors import SetupError
from pacs2trial.settings import Settings

_BACKLOG = 128


def listen(settings: Settings) -> socket.socket:
    """A socket that listens where the settings say, on any free port if they say 0.

    Raises:
        SetupError: the port is taken, or the address is not this machine's; the message says what to set.
    """
    address = (settings.receiver_host, settings.receiver_port)
    family = socket.AF_INET6 if ":" in settings.receiver_host else socket.AF_INET
    try:
        listener = socket.create_server(address, family=family, backlog=_BACKLOG)
    except OSError as error:
        raise _why_not(settings, error) from None
    listener.settimeout(0)
    return listener


def _why_not(settings: Settings, error: OSError) -> SetupError:
    where = f"{settings.receiver_host}:{settings.receiver_port}"
    if error.errno == errno.EADDRINUSE:
        return SetupError(
            f"the receiver cannot listen on {where}: the port is taken. Stop what listens there, "
            "or set PACS2TRIAL_RECEIVER_PORT"
        )
    if error.errno == errno.EACCES:
        return SetupError(
            f"the receiver may not listen on {where}: ports below 1024 need a privilege. Set PACS2TRIAL_RECEIVER_PORT"
        )
    return SetupError(
        f"the receiver cannot listen on {where}: {error.strerror}. Set PACS2TRIAL_RECEIVER_HOST to an address of "
        "this machine"
    )
