"""The receiver as a service: several worker processes on one port, and one that reports, until it is told to end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from threading import Event

from pacs2trial.receiver.listening import listen
from pacs2trial.receiver.metrics import Metrics
from pacs2trial.receiver.reception import Reception
from pacs2trial.receiver.scp import Receiver, prepare
from pacs2trial.receiver.tidying import Tidying
from pacs2trial.receiver.watch import Watch
from pacs2trial.receiver.workers import Workers
from pacs2trial.settings import Settings
from pacs2trial.workspace import Workspace

_GRACE_S = 30.0


def serve(settings: Settings) -> None:
    """Receive until SIGTERM or SIGINT; running associations may end first.

    Once it listens, one line on stderr says so.

    Raises:
        SetupError: vault, port, certificates or allow-list are not right; the message says what to do.
    """
    ws = Workspace.open(settings)
    number = settings.receiver_workers or len(os.sched_getaffinity(0))
    reception = Reception.of(settings, number)
    with ExitStack() as open_until_end:
        listener = open_until_end.enter_context(listen(settings))
        port = listener.getsockname()[1]
        watch = Watch(ws, reception.tally, port=port, workers=number)
        metrics = Metrics(settings, reception.tally, watch) if settings.metrics_port is not None else None
        if metrics is not None:
            open_until_end.callback(metrics.stop)
        prepare(ws)
        watch.beat(running=True)
        ws.vault.close()  # each worker opens connections of its own
        if not settings.durable:
            _say("PACS2TRIAL_DURABLE is off: what is answered Success can be lost in a power cut; for benchmarks only")

        def work(worker: int, told_to_end: Event) -> None:
            if worker == number:
                _report(ws, watch, metrics, told_to_end)
            else:
                receiver = Receiver(ws, reception=reception, worker=worker)
                receiver.accept_from(listener)
                told_to_end.wait()
                receiver.stop(grace=_GRACE_S)
            ws.vault.close()

        workers = Workers(number + 1, work, bury=_of_receivers(reception.bury, number), grace=_GRACE_S)
        workers.start()
        for line in _announcement(settings, port, metrics):
            _say(line)
        workers.watch()
    workers.end()
    watch.beat(running=False)
    ws.vault.close()


def _report(ws: Workspace, watch: Watch, metrics: Metrics | None, told_to_end: Event) -> None:
    if metrics is not None:
        metrics.start()
    with Tidying(ws):
        watch.run(told_to_end)


def _of_receivers(bury: Callable[[int], None], number: int) -> Callable[[int], None]:
    return lambda worker: bury(worker) if worker < number else None


def _announcement(settings: Settings, port: int, metrics: Metrics | None) -> list[str]:
    tls = " with TLS" if settings.receiver_tls_certificate else ""
    lines = [f"receiver {settings.receiver_aet} listens on {settings.receiver_host}:{port}{tls}"]
    if metrics is not None:
        lines.insert(0, f"metrics on http://{settings.metrics_host}:{metrics.port}/metrics")
    return lines


def _say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()
