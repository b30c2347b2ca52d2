"""The application as the plugin registers it: made when the API server gets its first request, and nowhere else."""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Application = Callable[
    [Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]
]

PREFIX = "/pacs2trial/dicomweb"


class DicomWeb:
    """An ASGI application. Every process of Airflow reads the plugin; only the API server pays for its imports."""

    def __init__(self) -> None:
        self._made: Application | None = None
        self._lock = threading.Lock()

    async def __call__(
        self, scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
    ) -> None:
        if self._made is None:
            from pacs2trial_airflow.dicomweb.application import make_application

            with self._lock:
                self._made = self._made or make_application()
        inner = dict(scope)
        if scope["type"] == "http":
            scope["query_string"] = b""  # the server's access log shows it, and people type names into searches
        await self._made(inner, receive, send)
