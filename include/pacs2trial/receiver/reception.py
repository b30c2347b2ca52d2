"""What all workers of a receiver share: who may in and how, how many there are, and what they have done."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from pacs2trial.receiver.association import Node
from pacs2trial.receiver.callers import Callers, read_callers
from pacs2trial.receiver.negotiation import (
    CALLING_NOT_RECOGNIZED,
    LOCAL_LIMIT_EXCEEDED,
    Proposal,
    Rejection,
)
from pacs2trial.receiver.seats import Seats
from pacs2trial.receiver.tally import Counter, Tally, Turned
from pacs2trial.receiver.transport import answering_tls
from pacs2trial.settings import Settings


@dataclass(frozen=True)
class Reception:
    """Made once, before the workers are forked.

    Attributes:
        callers: the allow-list.
        tls: what connections are wrapped in; None without TLS.
        seats: associations of all workers.
        tally: counts of all workers.
    """

    callers: Callers
    tls: ssl.SSLContext | None
    seats: Seats
    tally: Tally

    @classmethod
    def of(cls, settings: Settings, workers: int = 1) -> Reception:
        """As the settings say.

        Raises:
            SetupError: the allow-list or a file of TLS has faults.
        """
        callers = read_callers(settings.receiver_allow)
        return cls(callers, answering_tls(settings), Seats(workers), Tally(callers, workers))

    def bury(self, worker: int) -> None:
        """Forget the associations of a worker that is gone."""
        self.seats.free(worker)
        self.tally.forget(worker)


class Desk:
    """Lets the one that a connection is from in, or turns it away, and counts either.

    Args:
        reception: of the receiver.
        directory: who answers a proposal.
        counter: of this worker.
        worker: its number.
        limit: associations of all workers at a time.
    """

    def __init__(
        self,
        reception: Reception,
        directory: Callable[[Proposal], Node | None],
        counter: Counter,
        *,
        worker: int,
        limit: int,
    ) -> None:
        self._reception = reception
        self._directory = directory
        self._counter = counter
        self._worker = worker
        self._limit = limit
        self._decided = False

    def directory(self, proposal: Proposal) -> Node | None:
        """Who goes by the AE title that is called."""
        node = self._directory(proposal)
        if node is None:
            self._turn_away(Turned.CALLED)
        return node

    @contextmanager
    def admission(self, proposal: Proposal, address: str) -> Iterator[Rejection | None]:
        """Whether the calling AE title is let in from that address, and whether there is room for it."""
        if not self._reception.callers.admit(proposal.calling, address):
            self._turn_away(Turned.CALLING)
            yield CALLING_NOT_RECOGNIZED
            return
        with self._reception.seats.seat(self._worker, self._limit) as seated:
            if not seated:
                self._turn_away(Turned.FULL)
                yield LOCAL_LIMIT_EXCEEDED
                return
            self._decided = True
            self._counter.association_opened()
            released = False
            try:
                yield None
                released = True
            finally:
                self._counter.association_closed(broken=not released)

    def left(self) -> None:
        """The connection is at its end; it is counted as none if nothing was asked."""
        if not self._decided:
            self._turn_away(Turned.PROTOCOL)

    def no_tls(self) -> None:
        """The connection ended before TLS was agreed on."""
        self._turn_away(Turned.TLS)

    def _turn_away(self, why: Turned) -> None:
        self._decided = True
        self._counter.turned_away(why)
