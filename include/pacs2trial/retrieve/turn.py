"""Whether a transfer may run now: the hours of the PACS, and how many transfers it bears at once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from pacs2trial.errors import ClosedError, TransientError
from pacs2trial.network.webpeer import Node
from pacs2trial.settings import Settings
from pacs2trial.workspace import Workspace

_LOOK_AGAIN_S = 1.0

Clock = Callable[[], datetime]
"""An aware moment: what time it is."""


class Hours:
    """The hours of one PACS, looked at by the clock of the site.

    Args:
        node: the PACS.
        settings: the site's, for its time zone.
        clock: what time it is.
        regardless: whether hours are not heeded.
    """

    def __init__(self, node: Node, settings: Settings, clock: Clock | None = None, *, regardless: bool = False) -> None:
        self._node = node
        self._zone = ZoneInfo(settings.time_zone)
        self._clock = clock or (lambda: datetime.now(UTC))
        self._regardless = regardless

    def closed(self) -> bool:
        """Whether no transfer may run now."""
        now = self._now()
        return not self._regardless and self._node.limits.opens(now) > now

    def require_open(self) -> None:
        """Return if a transfer may run now.

        Raises:
            ClosedError: it may not; the error says when.
        """
        if self.closed():
            opens = self._node.limits.opens(self._now())
            raise ClosedError(
                f"{self._node} may not be asked to send at this hour; it may from {opens:%A %Y-%m-%d %H:%M} "
                f"({opens.tzinfo}) on",
                opens,
            )

    def _now(self) -> datetime:
        return self._clock().astimezone(self._zone)


@contextmanager
def place(ws: Workspace, node: Node, cancelled: Callable[[], bool]) -> Iterator[None]:
    """One of the transfers that the PACS bears at the same time, over all processes that share the vault.

    Raises:
        TransientError: none became free for as long as a transfer may be silent, or the wait was cancelled.
    """
    number = node.limits.rate.associations
    with ExitStack() as held:
        if number is not None:
            _take(ws, node, number, held, cancelled)
        yield


def _take(ws: Workspace, node: Node, number: int, held: ExitStack, cancelled: Callable[[], bool]) -> None:
    end = time.monotonic() + node.patience.transfer_timeout
    while not cancelled():
        for one in range(1, number + 1):
            try:
                held.enter_context(ws.vault.lock(f"PACS {node.name}, transfer {one} of {number}"))
            except TransientError:
                continue
            return
        if time.monotonic() > end:
            break
        time.sleep(_LOOK_AGAIN_S)
    raise TransientError(f"{node}: all {number} transfers that its connection allows at once are under way")
