"""Fetching: what a run expects and stage 1 has not settled is asked of the PACS, and nothing else."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pacs2trial.errors import TransientError
from pacs2trial.network.association import UnreachableError
from pacs2trial.network.suboperations import never
from pacs2trial.network.webpeer import node
from pacs2trial.retrieve.outstanding import OPEN, asked_instances, counts, whole_studies
from pacs2trial.retrieve.plan import follow_links
from pacs2trial.retrieve.requests import Level, Request, requests
from pacs2trial.retrieve.runs import RunInfo, load_run
from pacs2trial.retrieve.turn import Clock, Hours, place
from pacs2trial.retrieve.ways import most_at_once, retrieval
from pacs2trial.workspace import Workspace

_logger = logging.getLogger(__name__)
_POLL = 0.2  # seconds between two looks at the ledger
_BACK_OFF = 3.0  # how many times longer the second wait is than the first

Progress = Callable[[int, int], None]
"""Told how many of how many instances have come."""


@dataclass(frozen=True)
class FetchReport:
    """What one fetch did: instances that were outstanding when it began, and those of them that came."""

    asked: int
    arrived: int
    cancelled: bool = False


def fetch(
    ws: Workspace,
    run_key: str,
    subject_keys: Sequence[str],
    *,
    progress: Progress | None = None,
    cancelled: Callable[[], bool] = never,
    clock: Clock | None = None,
    at_any_hour: bool = False,
) -> FetchReport:
    """Bring what the run expects of these subjects and stage 1 has not settled yet.

    A study of which nothing has come, and of which everything is wanted, is asked for as a whole. What then is missing
    is asked for again after a moment, and again after a longer one: series of which nothing has come as a whole, in the
    end instance by instance. Where the trial selects by links, the studies that the objects refer to are then expected
    and fetched likewise. Further repetition is Airflow's. What the PACS says of its success is not relied on: the
    ledger counts. When the hours of the PACS end, the transfer is stopped as if it were cancelled.

    Args:
        ws: the site.
        run_key: key of a planned run.
        subject_keys: which of its subjects.
        progress: called after each request with instances arrived and asked for.
        cancelled: asked at every response of the PACS; when true the transfer is stopped.
        clock: what time it is; that of the machine when absent.
        at_any_hour: the hours of the PACS are not heeded.

    Raises:
        InputError: unknown run or connection.
        ClosedError: something is missing, and the PACS may not be asked for it at this hour.
        TransientError: the PACS cannot be reached, or instances are missing after it failed; or another run is
            working on one of the subjects.
        PermanentError: the PACS refuses us.
    """
    run = load_run(ws, run_key)
    keys = sorted(set(subject_keys))
    transfer = _Transfer(ws, run, keys, progress, cancelled, clock, at_any_hour=at_any_hour)
    failures: list[TransientError] = []
    for key in keys:
        more = True
        while more and not cancelled():
            if transfer.left(key):
                transfer.hours.require_open()
                with ws.vault.lock(f"{run.trial}/{key}"), place(ws, transfer.node, transfer.stopped):
                    failures += transfer.fetch_subject(key)
                if transfer.left(key) and not cancelled():
                    transfer.hours.require_open()
            more = not transfer.left(key) and follow_links(ws, run, key) > 0
            if more:
                transfer.expects_more(key)
    report = FetchReport(sum(transfer.asked.values()), transfer.arrived(), cancelled())
    if failures:
        raise TransientError(f"{report.arrived} of {report.asked} instances came: {failures[-1]}")
    return report


class _Transfer:
    """The requests of one fetch, subject by subject, and how far they have come."""

    def __init__(
        self,
        ws: Workspace,
        run: RunInfo,
        keys: Sequence[str],
        progress: Progress | None,
        cancelled: Callable[[], bool],
        clock: Clock | None,
        *,
        at_any_hour: bool,
    ) -> None:
        self._ws = ws
        self._run = run
        source = run.definition.source
        self.node = node(ws.connections, source.pacs, ws.settings, way=source.retrieve)
        self.hours = Hours(self.node, ws.settings, clock, regardless=at_any_hour)
        self._retrieve = retrieval(ws, run.definition, self.node, self.stopped)
        self._whole_studies = whole_studies(ws.vault, run)
        self._progress = progress
        self._cancelled = cancelled
        self.asked = {key: self._outstanding(key) for key in keys}
        """Instances outstanding at the beginning, by subject key."""
        self._left = dict(self.asked)

    def stopped(self) -> bool:
        """Whether the transfer is to end: somebody cancelled it, or the hours of the PACS are over."""
        return self._cancelled() or self.hours.closed()

    def left(self, key: str) -> int:
        """Instances of a subject that have not come."""
        return self._left[key]

    def expects_more(self, key: str) -> None:
        """Count anew what is outstanding of a subject of whom everything had come, since its run has grown."""
        self._whole_studies = whole_studies(self._ws.vault, self._run)
        self._left[key] = self._outstanding(key)
        self.asked[key] += self._left[key]

    def arrived(self) -> int:
        """Instances that have come since the beginning."""
        return sum(self.asked.values()) - sum(self._left.values())

    def fetch_subject(self, key: str) -> list[TransientError]:
        """Ask at each level once; returns why the last time failed, if it did and something is missing."""
        wait = self.node.patience.retry_wait
        failures: list[TransientError] = []
        for level in Level:
            chosen = self._requests(key, level)
            if level is Level.STUDY and all(one.level is not Level.STUDY for one in chosen):
                continue  # the next level asks the same
            failures = self._ask(key, chosen)
            if self.stopped() or not self._left[key]:
                return []
            if level is not Level.INSTANCE:
                if self._complete_soon(key, wait) or self.stopped():
                    return []
                wait *= _BACK_OFF
                _logger.warning("%s: %d instances did not come; asking for them once more", key, self._left[key])
        return failures

    def _requests(self, key: str, level: Level) -> list[Request]:
        definition = self._run.definition
        return requests(
            self._ws.vault,
            asked_instances(self._ws.vault, self._run, [key]),
            purpose=f"{definition.source.retrieve} for run {self._run.key}",
            level=level,
            whole_studies=self._whole_studies,
            at_most=most_at_once(self.node, definition),
        )

    def _ask(self, key: str, chosen: Sequence[Request]) -> list[TransientError]:
        failures: list[TransientError] = []
        for request in chosen:
            if self.stopped():
                break
            try:
                self._retrieve(request)
            except UnreachableError:
                raise
            except TransientError as error:
                _logger.warning("%s: %s", key, error)
                failures.append(error)
            self._look(key)
        return failures

    def _complete_soon(self, key: str, wait: float) -> bool:
        """Wait for what is still on its way: some PACS give the final response before the last object is stored."""
        end = time.monotonic() + wait
        while self._left[key] and time.monotonic() < end and not self.stopped():
            time.sleep(_POLL)
            self._look(key)
        return not self._left[key]

    def _look(self, key: str) -> None:
        self._left[key] = self._outstanding(key)
        if self._progress:
            self._progress(self.arrived(), sum(self.asked.values()))

    def _outstanding(self, key: str) -> int:
        standing = counts(self._ws.vault, self._run, [key])
        return sum(standing.get(state, 0) for state in OPEN)
