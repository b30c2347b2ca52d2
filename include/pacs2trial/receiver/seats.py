"""How many associations there are, over all workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from mmap import mmap


class Seats:
    """Counts of established associations, one for each worker, in memory that forked workers share.

    Each worker writes its own count only, so that no lock is needed between them and a worker that dies takes
    nothing with it. Two that count themselves in at the same moment may exceed a limit by one.
    """

    def __init__(self, workers: int = 1) -> None:
        self._taken = memoryview(mmap(-1, 8 * workers)).cast("q")
        self._lock = threading.Lock()

    def taken(self) -> int:
        """Established associations of all workers."""
        return sum(self._taken)

    def free(self, worker: int) -> None:
        """Forget the associations of a worker that is gone."""
        self._taken[worker] = 0

    @contextmanager
    def seat(self, worker: int, limit: int) -> Iterator[bool]:
        """Take a seat for the length of the block, unless ``limit`` are taken; says whether there was one."""
        with self._lock:
            seated = self.taken() < limit
            self._taken[worker] += seated
        try:
            yield seated
        finally:
            with self._lock:
                self._taken[worker] -= seated
