"""Work done by other processes, as Airflow's tasks and the receiver do it."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

_FORK = multiprocessing.get_context("fork")


class Child:
    """A forked process whose ``work`` gets a function that sends results to the parent."""

    def __init__(self, work: Callable[..., None], *arguments: Any) -> None:
        self.results, sending = _FORK.Pipe(duplex=False)
        self.process = _FORK.Process(target=_run, args=(sending, work, arguments))
        self.process.start()
        sending.close()

    def result(self, timeout: float = 60) -> Any:
        """The next result.

        Raises:
            EOFError: the child ended without one.
        """
        assert self.results.poll(timeout), "the child process sent nothing"
        return self.results.recv()

    def kill(self) -> None:
        """End it as kill -9 does, and wait until it is gone."""
        self.process.kill()
        self.process.join()


def together(works: Sequence[Callable[[], Any]]) -> list[Any]:
    """The results of all works, each done by a process of its own at the same time."""

    def once(send: Callable[[Any], None], work: Callable[[], Any]) -> None:
        send(work())

    children = [Child(once, work) for work in works]
    results = [child.result() for child in children]
    for child in children:
        child.process.join()
    return results


def _run(sending: Connection, work: Callable[..., None], arguments: Sequence[Any]) -> None:
    work(sending.send, *arguments)
