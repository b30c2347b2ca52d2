"""The receiver as a process: runs until it is told to end."""

from __future__ import annotations

import signal
import sys
from threading import Event

from pacs2trial.receiver.scp import Receiver
from pacs2trial.settings import Settings
from pacs2trial.workspace import Workspace


def serve(settings: Settings) -> None:
    """Receive until SIGTERM or SIGINT; running associations may end first.

    Once it listens, one line on stderr says so.

    Raises:
        SetupError: vault or port are not right; the message says what to do.
    """
    ws = Workspace.open(settings)
    told_to_end = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: told_to_end.set())
    receiver = Receiver(ws)
    try:
        port = receiver.start()
        sys.stderr.write(f"receiver {settings.receiver_aet} listens on {settings.receiver_host}:{port}\n")
        sys.stderr.flush()
        told_to_end.wait()
    finally:
        receiver.stop()
        ws.vault.close()
