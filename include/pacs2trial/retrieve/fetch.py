"""Fetching: what a run expects and stage 1 has not settled is asked of the PACS, and nothing else."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pacs2trial.errors import TransientError
from pacs2trial.network.association import UnreachableError
from pacs2trial.network.peer import peer
from pacs2trial.network.suboperations import never
from pacs2trial.retrieve.outstanding import OPEN, asked_instances, counts
from pacs2trial.retrieve.requests import retrieval, series_requests
from pacs2trial.retrieve.runs import RunInfo, load_run
from pacs2trial.workspace import Workspace

_logger = logging.getLogger(__name__)
_POLL = 0.2  # seconds between two looks at the ledger

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
) -> FetchReport:
    """Bring what the run expects of these subjects and stage 1 has not settled yet.

    A series of which nothing has come is asked for as a whole, else its missing instances. What then is still missing
    is asked for once more, instance by instance, after a moment. Further repetition is Airflow's. What the PACS says
    of its success is not relied on: the ledger counts.

    Args:
        ws: the site.
        run_key: key of a planned run.
        subject_keys: which of its subjects.
        progress: called after each request with instances arrived and asked for.
        cancelled: asked at every response of the PACS; when true the transfer is stopped.

    Raises:
        InputError: unknown run or connection.
        TransientError: the PACS cannot be reached, or instances are missing after it failed; or another run is
            working on one of the subjects.
        PermanentError: the PACS refuses us.
    """
    run = load_run(ws, run_key)
    keys = sorted(set(subject_keys))
    transfer = _Transfer(ws, run, keys, progress, cancelled)
    failures: list[TransientError] = []
    for key in keys:
        if transfer.asked[key] and not cancelled():
            with ws.vault.lock(f"{run.trial}/{key}"):
                failures += transfer.fetch_subject(key)
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
    ) -> None:
        self._ws = ws
        self._run = run
        node = peer(ws.connections, run.definition.source.pacs, ws.settings)
        self._retry_wait = node.patience.retry_wait
        self._retrieve = retrieval(ws, run.definition, node, cancelled)
        self._progress = progress
        self._cancelled = cancelled
        self.asked = {key: self._outstanding(key) for key in keys}
        """Instances outstanding at the beginning, by subject key."""
        self._left = dict(self.asked)

    def arrived(self) -> int:
        """Instances that have come since the beginning."""
        return sum(self.asked.values()) - sum(self._left.values())

    def fetch_subject(self, key: str) -> list[TransientError]:
        """Ask twice at most; returns why the second time failed, if it did and something is missing."""
        self._ask(key, by_instance=False)
        if self._complete_soon(key) or self._cancelled():
            return []
        _logger.warning("%s: %d instances did not come; asking for them once more", key, self._left[key])
        failures = self._ask(key, by_instance=True)
        return failures if self._left[key] else []

    def _ask(self, key: str, *, by_instance: bool) -> list[TransientError]:
        failures: list[TransientError] = []
        instances = asked_instances(self._ws.vault, self._run, [key])
        purpose = f"{self._run.definition.source.retrieve} for run {self._run.key}"
        for request in series_requests(self._ws.vault, instances, purpose=purpose, by_instance=by_instance):
            if self._cancelled():
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

    def _complete_soon(self, key: str) -> bool:
        """Wait for what is still on its way: some PACS give the final response before the last object is stored."""
        end = time.monotonic() + self._retry_wait
        while self._left[key] and time.monotonic() < end and not self._cancelled():
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
