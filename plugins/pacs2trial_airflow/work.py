"""Work of the services in threads of their own, few at a time: Airflow's API server has more to do than show images."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Final, TypeVar

import anyio
from anyio.lowlevel import RunVar
from fastapi import HTTPException

from pacs2trial.errors import Pacs2TrialError, PermanentError

log = logging.getLogger(__name__)

AT_A_TIME: Final = 4

Result = TypeVar("Result")

_limiter: RunVar[anyio.CapacityLimiter] = RunVar("pacs2trial work")


async def in_thread(function: Callable[[], Result]) -> Result:
    """The result of ``function``, called in one of :data:`AT_A_TIME` threads.

    Raises:
        PermanentError: something failed that is no error of pacs2trial; what it says may quote an object and is lost.
    """
    try:
        limiter = _limiter.get()
    except LookupError:
        limiter = anyio.CapacityLimiter(AT_A_TIME)
        _limiter.set(limiter)
    try:
        return await anyio.to_thread.run_sync(function, limiter=limiter)
    except (Pacs2TrialError, HTTPException):
        raise
    except Exception as error:  # noqa: BLE001 - a server's log shows the traceback of whatever comes through
        log.error("a request failed: %s", type(error).__name__)  # noqa: TRY400
        raise PermanentError("the request could not be served") from None


async def in_threads(items: Iterator[bytes]) -> AsyncIterator[bytes]:
    """``items``, each made in a thread; a client that is slow or gone keeps none of them."""
    while (item := await in_thread(lambda: next(items, None))) is not None:
        yield item
