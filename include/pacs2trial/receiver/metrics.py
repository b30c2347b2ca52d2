"""The receiver's counts in the text format of Prometheus, over HTTP. No identity, no unlisted AE title is in them."""

from __future__ import annotations

import errno
import socket
import threading
from collections.abc import Iterator
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from pacs2trial.errors import SetupError
from pacs2trial.receiver.callers import OTHER
from pacs2trial.receiver.tally import BOUNDS, REFUSALS, Number, Outcome, Tally, Turned
from pacs2trial.receiver.watch import Watch
from pacs2trial.settings import Settings, variable

_PREFIX = "pacs2trial_receiver_"


class Metrics:
    """The endpoint. It listens once it is made, and answers between :meth:`start` and :meth:`stop`: a process may make
    it, and one that it forks may answer.

    Args:
        settings: say where it listens.
        tally: what all workers count.
        watch: what was seen of vault and disk.

    Raises:
        SetupError: the port is taken, or the address is not this machine's.
    """

    def __init__(self, settings: Settings, tally: Tally, watch: Watch) -> None:
        registry = CollectorRegistry()
        registry.register(_Collected(settings, tally, watch))
        host, port = settings.metrics_host, settings.metrics_port or 0
        try:
            self._server = make_server(host, port, make_wsgi_app(registry), _Server, _Quiet)
        except OSError as error:
            remedy = "metrics_port" if error.errno in {errno.EADDRINUSE, errno.EACCES} else "metrics_host"
            raise SetupError(
                f"the metrics cannot be had on {host}:{port}: {error.strerror}. Set {variable(remedy)}"
            ) from None
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True, name="metrics")

    @property
    def port(self) -> int:
        """Also when the settings ask for any free one (0)."""
        return self._server.server_port

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    @property
    def address_family(self) -> int:  # type: ignore[override]  # the address decides
        return socket.AF_INET6 if ":" in str(self.server_address[0]) else socket.AF_INET


class _Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002  # named by the standard library
        """A scrape every few seconds is no news."""


class _Collected(Collector):
    def __init__(self, settings: Settings, tally: Tally, watch: Watch) -> None:
        self._settings = settings
        self._tally = tally
        self._watch = watch

    def collect(self) -> Iterator[Metric]:
        total = self._tally.total
        outcomes = _counter("objects", "Objects answered Success (0x0000), by what became of them", "outcome")
        for outcome in Outcome:
            outcomes.add_metric([outcome.value.replace(" ", "_")], total(outcome))
        refusals = _counter("refusals", "Objects answered with a failure status of C-STORE", "status")
        for status in REFUSALS:
            refusals.add_metric([f"0x{status:04X}"], total(("status", status)))
        callers = _counter("received", "Objects received whole, by calling AE title where it is listed", "calling")
        for name in (*self._tally.callers.names, OTHER):
            callers.add_metric([name], total(("from", name)))
        turned = _counter("turned_away", "Connections that became no association", "reason")
        for why in Turned:
            turned.add_metric([why.value.replace(" ", "_")], total(why))
        yield from (outcomes, refusals, callers, turned, self._seconds())
        yield _counter("bytes", "Bytes of the data sets received whole", value=total(Number.BYTES))
        yield _counter("associations", "Associations accepted", value=total(Number.ACCEPTED))
        yield _counter("associations_broken", "Associations that were not released", value=total(Number.BROKEN))
        yield _gauge("associations_open", "Associations open now", total(Number.OPEN))
        yield _gauge("objects_in_work", "Objects received whole and not answered yet", total(Number.IN_WORK))
        yield _gauge("last_object_timestamp_seconds", "When an object was answered last", total(Number.LAST))
        yield from self._site()

    def _seconds(self) -> HistogramMetricFamily:
        """From an object's last byte to its answer."""
        buckets, below = [], 0.0
        for bound in (*BOUNDS, float("inf")):
            below += self._tally.total(("within", bound))
            buckets.append((f"{bound:g}" if bound < float("inf") else "+Inf", below))
        name = f"{_PREFIX}store_seconds"
        said = "Seconds from the last byte of an object to its answer"
        return HistogramMetricFamily(name, said, buckets=buckets, sum_value=self._tally.total(Number.SECONDS))

    def _site(self) -> Iterator[Metric]:
        health = self._watch.health
        least = self._settings.minimum_free_mb * 2**20
        yield _gauge("vault_reachable", "1 when the vault answered last time", float(health.vault))
        yield _gauge("disk_free_bytes", "Free space in home", health.free)
        yield _gauge("disk_needed_bytes", "Free space below which objects are refused", least)
        yield _gauge("quarantine_waiting", "Quarantined objects on which nobody has decided", health.waiting)


def _counter(name: str, documentation: str, *labels: str, value: float | None = None) -> CounterMetricFamily:
    return CounterMetricFamily(_PREFIX + name, documentation, value=value, labels=labels or None)


def _gauge(name: str, documentation: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(_PREFIX + name, documentation, value=value)
