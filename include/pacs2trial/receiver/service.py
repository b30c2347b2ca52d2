"""The receiver as a service: several worker processes on one port, until it is told to end."""

from __future__ import annotations

import os
import sys
from threading import Event

from pacs2trial.receiver.listening import listen
from pacs2trial.receiver.scp import Receiver, prepare
from pacs2trial.receiver.seats import Seats
from pacs2trial.receiver.workers import Workers
from pacs2trial.settings import Settings
from pacs2trial.workspace import Workspace

_GRACE_S = 30.0


def serve(settings: Settings) -> None:
    """Receive until SIGTERM or SIGINT; running associations may end first.

    Once it listens, one line on stderr says so.

    Raises:
        SetupError: vault or port are not right; the message says what to do.
    """
    ws = Workspace.open(settings)
    number = settings.receiver_workers or len(os.sched_getaffinity(0))
    seats = Seats(number)
    with listen(settings) as listener:
        port = listener.getsockname()[1]
        prepare(ws)
        ws.vault.close()  # each worker opens connections of its own
        if not settings.durable:
            _say("PACS2TRIAL_DURABLE is off: what is answered Success can be lost in a power cut; for benchmarks only")

        def work(worker: int, told_to_end: Event) -> None:
            receiver = Receiver(ws, seats=seats, worker=worker)
            receiver.accept_from(listener)
            told_to_end.wait()
            receiver.stop(grace=_GRACE_S)
            ws.vault.close()

        workers = Workers(number, work, bury=seats.free, grace=_GRACE_S)
        workers.start()
        _say(f"receiver {settings.receiver_aet} listens on {settings.receiver_host}:{port}")
        workers.watch()
    workers.end()


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
