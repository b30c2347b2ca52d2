"""Applications as the plugin registers them: made when the API server gets its first request, and nowhere else."""

from __future__ import annotations

import importlib
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]

DICOMWEB = "/pacs2trial/dicomweb"
PAGES = "/pacs2trial/pages"


class Lazy:
    """An ASGI application that ``make_application`` of a module makes.

    Every process of Airflow reads the plugin; only the API server pays for what its applications import.
    """

    def __init__(self, module: str) -> None:
        self.module = module
        self._made: Application | None = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if self._made is None:
            module = importlib.import_module(self.module)
            with self._lock:
                self._made = self._made or module.make_application()
        inner = dict(scope)
        if scope["type"] == "http":
            scope["query_string"] = b""  # the server's access log shows it, and people type names into searches
        await self._made(inner, receive, send)
