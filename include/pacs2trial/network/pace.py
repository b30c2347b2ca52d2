"""A transfer that keeps to the rate of its PACS."""

from __future__ import annotations

import time
from collections.abc import Callable

from pacs2trial.network.limits import Rate

_MEGABYTE = 1_000_000
_MINUTE_S = 60.0
_LONGEST_S = 0.5  # between two looks whether the transfer was cancelled


class Pace:
    """Waits after every instance for as long as the rate asks; what was saved up by a slow PACS is not caught up.

    Args:
        rate: instances per minute and megabytes per second that are not to be exceeded.
        clock: seconds that only grow.
        sleep: waits for some seconds.
    """

    def __init__(
        self,
        rate: Rate,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._rate = rate
        self._clock = clock
        self._sleep = sleep
        self._free_at = clock()

    def spend(self, instances: int, size: int, cancelled: Callable[[], bool]) -> None:
        """Wait until the next instance may come.

        Args:
            instances: that came since the last call.
            size: of them, in bytes.
            cancelled: ends the waiting.
        """
        cost = 0.0
        if self._rate.instances_per_minute:
            cost = instances * _MINUTE_S / self._rate.instances_per_minute
        if self._rate.mb_per_second:
            cost = max(cost, size / _MEGABYTE / self._rate.mb_per_second)
        if not cost:
            return
        now = self._clock()
        self._free_at = max(self._free_at, now - cost) + cost
        while (left := self._free_at - self._clock()) > 0 and not cancelled():
            self._sleep(min(left, _LONGEST_S))
