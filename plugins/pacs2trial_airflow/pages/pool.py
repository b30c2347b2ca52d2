"""A bounded pool of processes that make pictures, so that Airflow's API server has its threads for heartbeats.

A worker opens the site for itself. It gives way to the API server, and one that hangs on an object ends itself.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any, Final, TypeVar

from pacs2trial.errors import HeldError, InputError, Pacs2TrialError, PermanentError, TransientError
from pacs2trial.holdings.view import TrialView
from pacs2trial.preview.rendering import NotAPictureError
from pacs2trial_airflow.site import NotFoundError, site

log = logging.getLogger(__name__)

WORKERS: Final = 2
LONGEST_S: Final = 60
"""A worker that works longer on one request is ended; the next one gets a new worker."""

_WORK: Final = "pacs2trial_airflow.pages.made.work"
"""What workers need, imported once in the process that they are forked from."""

_POLITE: Final = 5
_CALLS_OF_ONE: Final = 20_000
_KNOWN: Final = (NotFoundError, NotAPictureError, InputError, HeldError, TransientError, PermanentError)

Result = TypeVar("Result")


class _Pool:
    """The processes, started when they are first needed and again when they were lost."""

    def __init__(self) -> None:
        self._executor: ProcessPoolExecutor | None = None
        self._lock = threading.Lock()

    def warm(self, scope: str) -> None:
        """Start the processes and open the scope there, so that the first picture need not wait for that."""
        executor = self._running()
        for _ in range(WORKERS):
            executor.submit(_called, _opened, scope)

    async def run(self, function: Callable[..., Result], *arguments: object) -> Result:
        """The result of ``function``, which a worker calls; raises what :mod:`pacs2trial.errors` knows.

        Raises:
            TransientError: the worker was lost.
        """
        executor = self._running()
        try:
            found = await asyncio.wrap_future(executor.submit(_called, function, *arguments))
        except BrokenProcessPool:
            self._forget(executor)
            raise TransientError("making this took too long or too much memory; try again") from None
        if isinstance(found, _Raised):
            raise found.error()
        result: Result = found
        return result

    def stop(self) -> None:
        """End the processes; the next request starts new ones."""
        with self._lock:
            executor, self._executor = self._executor, None
        if executor is not None:
            executor.shutdown(cancel_futures=True)

    def _running(self) -> ProcessPoolExecutor:
        with self._lock:
            if self._executor is None:
                context = multiprocessing.get_context("forkserver")
                context.set_forkserver_preload([_WORK])
                self._executor = ProcessPoolExecutor(
                    WORKERS,
                    mp_context=context,
                    initializer=_begin,
                    initargs=(dict(os.environ),),
                    max_tasks_per_child=_CALLS_OF_ONE,
                )
            return self._executor

    def _forget(self, lost: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._executor is lost:
                self._executor = None
        lost.shutdown(wait=False, cancel_futures=True)


pool = _Pool()


class _Raised:
    """An error on its way out of a worker, by its kind and its words."""

    def __init__(self, error: Pacs2TrialError) -> None:
        self.kind = next((number for number, kind in enumerate(_KNOWN) if isinstance(error, kind)), len(_KNOWN) - 1)
        self.problems = error.problems if isinstance(error, InputError) else (str(error),)

    def error(self) -> Pacs2TrialError:
        return _KNOWN[self.kind](*self.problems)


def _begin(environment: Mapping[str, str]) -> None:
    """The process that workers are forked from may be older than the settings that are in force."""
    from pacs2trial.network.quiet import hush

    os.environ.clear()
    os.environ.update(environment)
    os.nice(_POLITE)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    hush()


def _opened(scope: str) -> None:
    view = site.view(scope)
    if isinstance(view, TrialView):
        _ = view.plan


def _called(function: Callable[..., Any], *arguments: object) -> Any:
    signal.setitimer(signal.ITIMER_REAL, LONGEST_S)
    try:
        return function(*arguments)
    except Pacs2TrialError as error:
        return _Raised(error)
    except Exception as error:  # noqa: BLE001 - what a library says may quote an object and is lost
        return _Raised(PermanentError(f"this could not be made ({type(error).__name__})"))
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
