"""What the receiver has done since it began: counted by every worker process, read by whoever reports it.

The counts lie in memory that the workers share with the process that started them. Each worker writes to a row of its
own, so that no lock is needed between processes, and one that takes over a dead worker's row goes on counting there.
"""

from __future__ import annotations

import mmap
import threading
import time
from bisect import bisect_left
from enum import StrEnum

from pacs2trial.receiver.callers import OTHER, Callers

BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds, in seconds, of the histogram of what an object takes from its last byte to its answer."""

REFUSALS = (0xA700, 0xA900, 0xC000, 0x0117, 0x0122)
"""The failure statuses of C-STORE that this receiver answers (PS3.4 table B.2-1, PS3.7 9.1.1.1.9)."""

_BYTES_OF_A_NUMBER = 8


class Outcome(StrEnum):
    """What became of an object that was answered Success."""

    STAGED = "staged"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"
    AGAIN = "received before"


class Turned(StrEnum):
    """Why no association came about."""

    CALLING = "calling AE title not recognized"
    CALLED = "called AE title not recognized"
    FULL = "local limit exceeded"
    TLS = "no TLS"
    PROTOCOL = "no association request"


class Number(StrEnum):
    """Plain counts."""

    BYTES = "bytes"
    SECONDS = "seconds"
    ACCEPTED = "associations accepted"
    BROKEN = "associations broken"
    OPEN = "associations open"
    IN_WORK = "objects in work"
    LAST = "last object"


_GAUGES = (Number.OPEN, Number.IN_WORK)

Key = Number | Outcome | Turned | tuple[str, float | str]
"""Of a count. ``("status", 0xA700)``, ``("from", "CT1")`` and ``("within", 0.05)`` have many."""


class Tally:
    """Counts of all workers.

    Args:
        callers: the allow-list; objects are counted for each AE title in it.
        workers: how many rows there are. Make the tally before the workers are forked.
    """

    def __init__(self, callers: Callers, workers: int = 1) -> None:
        self.callers = callers
        self.keys: tuple[Key, ...] = (
            *Number,
            *Outcome,
            *Turned,
            *(("status", status) for status in REFUSALS),
            *(("from", name) for name in (*callers.names, OTHER)),
            *(("within", bound) for bound in (*BOUNDS, float("inf"))),
        )
        self._places = {key: place for place, key in enumerate(self.keys)}
        self._workers = workers
        shared = mmap.mmap(-1, max(workers * len(self.keys) * _BYTES_OF_A_NUMBER, mmap.PAGESIZE))
        self._numbers = memoryview(shared).cast("B").cast("d")

    def worker(self, number: int) -> Counter:
        """Writes into the row of that worker, which begins without associations and objects in work."""
        self.forget(number)
        begin = number * len(self.keys)
        return Counter(self.callers, self._places, self._numbers[begin : begin + len(self.keys)])

    def forget(self, number: int) -> None:
        """That worker is gone: it has no associations and objects in work any more."""
        for gauge in _GAUGES:
            self._numbers[number * len(self.keys) + self._places[gauge]] = 0

    def total(self, key: Key) -> float:
        """The sum over all workers; of :attr:`Number.LAST` the latest."""
        of_each = [self._numbers[row * len(self.keys) + self._places[key]] for row in range(self._workers)]
        return max(of_each) if key is Number.LAST else sum(of_each)


class Counter:
    """What one worker counts; safe for its threads."""

    def __init__(self, callers: Callers, places: dict[Key, int], row: memoryview[float]) -> None:
        self._callers = callers
        self._places = places
        self._row = row
        self._lock = threading.Lock()

    def turned_away(self, why: Turned) -> None:
        self._add((why, 1))

    def association_opened(self) -> None:
        self._add((Number.ACCEPTED, 1), (Number.OPEN, 1))

    def association_closed(self, *, broken: bool) -> None:
        """``broken`` when it was not released: aborted by either side, or lost."""
        self._add((Number.OPEN, -1), (Number.BROKEN, int(broken)))

    def object_came(self, calling: str, size: int) -> float:
        """An object is whole, and stage 1 begins; what comes back is for :meth:`object_answered`."""
        self._add((("from", self._callers.name(calling)), 1), (Number.BYTES, size), (Number.IN_WORK, 1))
        return time.monotonic()

    def object_answered(self, came: float, outcome: Outcome | int) -> None:
        """What became of the object that came at ``came``: an outcome, or the failure status it was answered."""
        took = time.monotonic() - came
        within = (*BOUNDS, float("inf"))[bisect_left(BOUNDS, took)]
        what: Key = outcome if isinstance(outcome, Outcome) else ("status", outcome)
        self._add((Number.IN_WORK, -1), (Number.SECONDS, took), (("within", within), 1), (what, 1))
        self._row[self._places[Number.LAST]] = time.time()

    def _add(self, *amounts: tuple[Key, float]) -> None:
        with self._lock:
            for key, amount in amounts:
                self._row[self._places[key]] += amount
