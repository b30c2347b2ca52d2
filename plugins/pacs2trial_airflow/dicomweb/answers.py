"""Answers that are written while they are made."""

from __future__ import annotations

from collections.abc import Iterator

from fastapi.responses import Response, StreamingResponse
from starlette.types import Send

from pacs2trial_airflow.dicomweb.multipart import Multipart, Part
from pacs2trial_airflow.headers import AS_IT_LEFT
from pacs2trial_airflow.work import in_threads

PARTIAL_CONTENT = 206


class WholeOrBroken(StreamingResponse):
    """A streamed answer that nobody can take for whole when making it failed half-way.

    An exception alone does not do that: Starlette's BaseHTTPMiddleware, of which Airflow has one around every plugin,
    ends the answer in due form before it passes the exception on. A second start of the answer is against the protocol
    (ASGI 3.0, HTTP), so whoever gets it gives up and closes the connection.
    """

    async def stream_response(self, send: Send) -> None:
        try:
            await super().stream_response(send)
        except Exception:
            await send({"type": "http.response.start", "status": 500, "headers": []})
            raise


def begun(parts: Iterator[Part]) -> Iterator[Part]:
    """``parts`` with the first one made already, so that what is wrong with it can still become a status.

    Whatever is wrong with a later one breaks the answer off; no client takes that for the whole.
    """
    first = next(parts)

    def all_of_them() -> Iterator[Part]:
        yield first
        yield from parts

    return all_of_them()


def streamed(pieces: Iterator[bytes], media_type: str, *, held: int = 0, text: bool = False) -> Response:
    """An answer of ``pieces``; 206 and a warning where ``held`` objects are not in it (PS3.18 8.5).

    Only ``text`` is left to the server's compression.
    """
    response = WholeOrBroken(in_threads(pieces), media_type=media_type, headers=None if text else AS_IT_LEFT)
    if held:
        response.status_code = PARTIAL_CONTENT
        response.headers["Warning"] = f'299 pacs2trial "{held} objects wait for a person and are left out"'
    return response


def as_multipart(answer: Multipart, *, held: int = 0) -> Response:
    """A multipart answer; see :func:`streamed`."""
    return streamed(answer.pieces(), answer.content_type, held=held)
