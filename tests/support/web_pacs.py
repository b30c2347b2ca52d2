"""A DICOMweb service whose every answer is written by the test: a real HTTP server in this process."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from pacs2trial.network.webpeer import WebPeer
from support.scripted_pacs import PATIENT

BOUNDARY = "a-boundary-of-the-test"
RELATED = f'multipart/related; type="application/dicom"; boundary={BOUNDARY}'
JSON = "application/dicom+json"


@dataclass(frozen=True)
class Asked:
    """One GET: path below the base, query, headers with names in small letters."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]


@dataclass(frozen=True)
class Answer:
    """Status, body in pieces, and its type; ``cut`` breaks the connection before the end that was promised."""

    pieces: Sequence[bytes] = ()
    content_type: str = JSON
    status: int = 200
    cut: bool = False


@dataclass
class WebPacs:
    """Answers by ``answer`` and keeps what it was asked."""

    answer: Callable[[Asked], Answer]
    asked: list[Asked] = field(default_factory=list)
    _server: ThreadingHTTPServer | None = None

    def start(self, *, speaking: ssl.SSLContext | None = None, **fields: Any) -> WebPeer:
        """Listen, over HTTPS if it is ``speaking`` TLS."""
        pacs = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {key: values[0] for key, values in parse_qs(parts.query).items()}
                asked = Asked(
                    unquote(parts.path).removeprefix("/rs"), query, {k.lower(): v for k, v in self.headers.items()}
                )
                pacs.asked.append(asked)
                answer = pacs.answer(asked)
                self.send_response(answer.status)
                self.send_header("Content-Type", answer.content_type)
                self.send_header("Content-Length", str(sum(map(len, answer.pieces)) + 100 * answer.cut))
                self.end_headers()
                for piece in answer.pieces:
                    self.wfile.write(piece)

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        if speaking is not None:
            self._server.socket = speaking.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        scheme = "https" if speaking else "http"
        url = f"{scheme}://127.0.0.1:{self._server.server_address[1]}/rs"
        return WebPeer(**({"name": "main", "url": url, "patience": PATIENT} | fields))

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()


@pytest.fixture
def web_pacs() -> Iterator[Callable[..., tuple[WebPacs, WebPeer]]]:
    """Start a service from a function that answers; it ends with the test."""
    running: list[WebPacs] = []

    def start(answer: Callable[[Asked], Answer], **fields: Any) -> tuple[WebPacs, WebPeer]:
        pacs = WebPacs(answer)
        running.append(pacs)
        return pacs, pacs.start(**fields)

    yield start
    for pacs in running:
        pacs.stop()


def found(*entities: dict[str, Any]) -> Answer:
    """Entities as QIDO-RS tells them (PS3.18 F.2): values by tag, as ``{"0020000D": "1.2.3"}``."""
    answers = [
        {tag: {"vr": "UN", "Value": value if isinstance(value, list) else [value]} for tag, value in one.items()}
        for one in entities
    ]
    return Answer([json.dumps(answers).encode()] if answers else (), status=200 if answers else 204)


def related(*objects: bytes, **headers: str) -> Answer:
    """Objects as WADO-RS sends them."""
    said = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in headers.items())
    head = f"\r\n--{BOUNDARY}\r\nContent-Type: application/dicom\r\n{said}\r\n".encode()
    return Answer([piece for one in objects for piece in (head, one)] + [f"\r\n--{BOUNDARY}--".encode()], RELATED)
