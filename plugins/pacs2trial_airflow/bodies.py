"""Bodies of requests in ASGI middleware: read whole, passed on, refused."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pacs2trial_airflow.lazy import Message, Receive, Send


async def whole(receive: Receive) -> bytes:
    """The body of a request."""
    parts = []
    more = True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


def replayed(body: bytes, receive: Receive) -> Receive:
    """A channel that gives ``body`` once, then whatever else comes."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return waiting.pop() if waiting else await receive()

    return replay


async def refuse(send: Send, status: int, problems: Sequence[str]) -> None:
    """Answer as Airflow does when it refuses something, so that its UI shows what is said."""
    content = json.dumps({"detail": "\n".join(problems)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
