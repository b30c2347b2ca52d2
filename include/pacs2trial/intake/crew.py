"""Several processes at stage 1: it computes, and one process uses one processor."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from enum import StrEnum
from multiprocessing import get_context
from pathlib import Path
from types import TracebackType
from typing import Self

from pacs2trial.errors import TransientError, UnsafeObjectError
from pacs2trial.intake.stage1 import NO_OBJECT, stage_part10
from pacs2trial.media import Member, PlainFile, read_file
from pacs2trial.media.reading import why
from pacs2trial.settings import Settings
from pacs2trial.vault.tables import InstanceState
from pacs2trial.workspace import Workspace

ALONE = 32
"""Files that are staged before others are called to help: starting them costs about as much."""

WAITING_EACH = 4
"""Files that wait for each process, so that none runs dry."""

IN_TRANSIT = 64 << 20
"""Bytes of archives that wait; a larger member is staged where it was read instead of being sent."""


class Outcome(StrEnum):
    """The end of one file; the values are the columns of the report."""

    STAGED = "staged"
    DUPLICATE = "duplicates"
    QUARANTINED = "quarantined"
    REJECTED = "rejected"
    NOT_DICOM = "not_dicom"
    PASSED_OVER = "passed_over"
    UNREAD = "unread"


_crew: list[Workspace] = []
"""The workspace of a process that was called to help."""

Work = PlainFile | Member
End = tuple[Work, Outcome, str]
"""What was staged, what came of it, and why it could not be read."""

_OUTCOMES = {
    InstanceState.STAGED: Outcome.STAGED,
    InstanceState.QUARANTINED: Outcome.QUARANTINED,
    InstanceState.REJECTED: Outcome.REJECTED,
}


class Crew:
    """Stages files here while they are few, and in ``processes`` processes once they are many.

    Raises, from every method:
        TransientError: disk or vault failed, or one of the processes was killed.
    """

    def __init__(self, ws: Workspace, source: str, processes: int) -> None:
        self._ws = ws
        self._source = source
        self._processes = processes
        self._pool: ProcessPoolExecutor | None = None
        self._waiting: dict[Future[tuple[Outcome, str]], Work] = {}
        self._ended: list[End] = []
        self._number = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def stage(self, one: Work) -> None:
        """Stage it now, or see to it that somebody does."""
        self._number += 1
        size = len(one.data) if isinstance(one, Member) else 0
        if self._processes < 2 or self._number <= ALONE or size > IN_TRANSIT:
            self._ended.append((one, *staged_by(self._ws, self._source, _what(one))))
            return
        self._make_room(size)
        self._waiting[self._called().submit(_staged, self._source, _what(one))] = one

    def done(self) -> Iterator[End]:
        """What came to an end since it was asked last."""
        yield from self._ended
        self._ended.clear()

    def rest(self) -> Iterator[End]:
        """What is still in work, as it comes to an end."""
        while self._waiting:
            self._await()
            yield from self.done()

    def _make_room(self, size: int) -> None:
        while self._waiting and (
            len(self._waiting) >= self._processes * WAITING_EACH or self._in_transit() + size > IN_TRANSIT
        ):
            self._await()

    def _in_transit(self) -> int:
        return sum(len(one.data) for one in self._waiting.values() if isinstance(one, Member))

    def _await(self) -> None:
        ended, _ = wait(self._waiting, return_when=FIRST_COMPLETED)
        for future in ended:
            one = self._waiting.pop(future)
            try:
                self._ended.append((one, *future.result()))
            except BrokenProcessPool:
                raise TransientError(
                    "a process that staged files was killed, perhaps for want of memory; what was taken in before "
                    "is kept: stage the same again, with PACS2TRIAL_STAGE_PROCESSES=1 if it was memory"
                ) from None

    def _called(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = ProcessPoolExecutor(
                self._processes,
                mp_context=get_context("spawn"),  # a fork would inherit the vault's connections and their locks
                initializer=_begin,
                initargs=(self._ws.settings, logging.getLogger().level),
            )
        return self._pool


def staged_by(ws: Workspace, source: str, what: Path | bytes) -> tuple[Outcome, str]:
    """Stage one file that is read from disk, or the bytes of one.

    Raises:
        TransientError: disk or vault failed; nothing is kept that counts.
    """
    try:
        data = what if isinstance(what, bytes) else read_file(what)
    except OSError as error:
        return Outcome.UNREAD, why(error)
    try:
        staged = stage_part10(ws, data, source=source)
    except UnsafeObjectError as unsafe:
        if unsafe.reason not in NO_OBJECT:
            raise
        return Outcome.NOT_DICOM, ""
    return (_OUTCOMES[staged.outcome] if staged.new else Outcome.DUPLICATE), ""


def _what(one: Work) -> Path | bytes:
    return one.path if isinstance(one, PlainFile) else one.data


def _begin(settings: Settings, level: int) -> None:
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")
    _crew.append(Workspace.open(settings))


def _staged(source: str, what: Path | bytes) -> tuple[Outcome, str]:
    return staged_by(_crew[0], source, what)
