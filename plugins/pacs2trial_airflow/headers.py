"""Headers of every answer of a service."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.datastructures import MutableHeaders

from pacs2trial_airflow.lazy import Application, Message, Receive, Send

AS_IT_LEFT: Final = {"Content-Encoding": "identity"}
"""Of answers that are images: Airflow's server leaves them as they are. It compresses whatever names no encoding, and
to compress a CT image costs more than to make it."""


class WithHeaders:
    """ASGI middleware that puts ``headers`` on every answer that does not say something else by the same name."""

    def __init__(self, app: Application, headers: Mapping[str, str]) -> None:
        self.app = app
        self.headers = headers

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                said = MutableHeaders(scope=message)
                for name, value in self.headers.items():
                    said.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with_headers)
