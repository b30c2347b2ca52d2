"""Waiting for what another thread or process is about to do: for the condition, never for a length of time."""

from __future__ import annotations

import time
from collections.abc import Callable


def eventually(condition: Callable[[], bool], *, seconds: float = 30.0, every: float = 0.02) -> None:
    """Come back as soon as ``condition`` holds, which is looked at ``every`` so many seconds.

    Raises:
        AssertionError: it did not within so many seconds.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {condition}"
        time.sleep(every)
