"""Worker processes and the parent that watches over them."""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

log = logging.getLogger(__name__)

_WATCHED = (signal.SIGTERM, signal.SIGINT, signal.SIGCHLD)
_SHORTEST_LIFE_S = 1.0
_SLACK_S = 10.0


class Workers:
    """Forked processes that all run the same, each with a number.

    A worker that dies is started again; one that dies at once waits a second for it. When the parent is killed the
    workers end at the same moment: nothing serves that nobody watches.

    Args:
        number: how many.
        work: runs in each worker until the event it gets is set; also gets the worker's number.
        bury: told the number of a worker that is gone, in the parent.
        grace: seconds that a worker may take to end once it is told to.
    """

    def __init__(
        self,
        number: int,
        work: Callable[[int, threading.Event], None],
        *,
        bury: Callable[[int], None],
        grace: float,
    ) -> None:
        self._number = number
        self._work = work
        self._bury = bury
        self._grace = grace
        self._alive: dict[int, tuple[int, float]] = {}
        self._lifeline = os.pipe()

    def start(self) -> None:
        """Start all workers. From now on the signals wait for :meth:`watch`; the process must have one thread only."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _WATCHED)
        for worker in range(self._number):
            self._start(worker)

    def watch(self) -> None:
        """Watch over the workers until SIGTERM or SIGINT."""
        while signal.sigwait(_WATCHED) == signal.SIGCHLD:
            for worker in self._gone():
                self._start(worker)

    def _start(self, worker: int) -> None:
        pid = os.fork()
        if not pid:
            self._be_worker(worker)
        self._alive[pid] = (worker, time.monotonic())

    def _gone(self) -> list[int]:
        """Workers that died since the last time; takes a second if one died right after its start."""
        dead = []
        while self._alive:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if not pid:
                break
            worker, begun = self._alive.pop(pid)
            self._bury(worker)
            log.error("worker %d ended (%s) and is started again", worker, _how(status))
            if time.monotonic() - begun < _SHORTEST_LIFE_S:
                time.sleep(_SHORTEST_LIFE_S)
            dead.append(worker)
        return dead

    def end(self) -> None:
        """Tell the workers to end and wait for them; kill those that take too long."""
        for pid in self._alive:
            os.kill(pid, signal.SIGTERM)
        limit = time.monotonic() + self._grace + _SLACK_S
        while self._alive:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid:
                worker, _ = self._alive.pop(pid)
                if status:
                    log.error("worker %d ended (%s)", worker, _how(status))
            elif time.monotonic() < limit:
                signal.sigtimedwait((signal.SIGCHLD,), limit - time.monotonic())
            else:
                for pid in self._alive:
                    os.kill(pid, signal.SIGKILL)

    def _be_worker(self, worker: int) -> NoReturn:
        """The life of the child: it never returns into what the parent was doing."""
        status = 1
        try:
            os.close(self._lifeline[1])
            told_to_end = threading.Event()

            def tell(_number: int, _frame: FrameType | None) -> None:
                told_to_end.set()

            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, tell)
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _WATCHED)
            threading.Thread(target=self._die_with_parent, daemon=True, name="lifeline").start()
            self._work(worker, told_to_end)
            status = 0
        except Exception as error:  # noqa: BLE001 - the parent starts another; a traceback may quote values
            log.error("worker %d: %s", worker, type(error).__name__)  # noqa: TRY400
        finally:
            logging.shutdown()
            os._exit(status)

    def _die_with_parent(self) -> None:
        os.read(self._lifeline[0], 1)
        os._exit(1)


def _how(status: int) -> str:
    code = os.waitstatus_to_exitcode(status)
    return f"signal {-code}" if code < 0 else f"exit status {code}"
