"""One way to ask a DICOMweb service, with every way it can fail in plain words (PS3.18 8)."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager

import httpx

from pacs2trial.errors import Pacs2TrialError, PermanentError, TransientError
from pacs2trial.network.association import UnreachableError
from pacs2trial.network.quiet import hush
from pacs2trial.network.tls import calling_context
from pacs2trial.network.webpeer import WebPeer

_RETRIED = frozenset({404, 408, 409, 410, 425, 429})
"""Client errors that may pass: a study that is not there yet or is just moved, and too many requests."""
_AS_THEY_ARE = {"Accept-Encoding": "identity"}
"""Pixels hardly become smaller by gzip, and the PACS spends more time on it than the network would."""
_REMEDIES = {
    400: "it does not understand the request",
    401: "it does not accept our login; correct login and password, or the token, of the connection",
    403: "our login may not do that; ask the PACS team to allow it",
    404: "it does not have that, or the address of the service is wrong",
    406: "it does not send objects as they are stored (transfer-syntax=*); use c-move or c-get",
    415: "it does not offer that kind of answer",
    429: "too many requests; lower the rate of the connection",
}


class _Bearer(httpx.Auth):
    def __init__(self, token: str) -> None:
        self._token = token

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        request.headers["Authorization"] = f"Bearer {self._token}"
        yield request


@contextmanager
def session(peer: WebPeer, *, response_timeout: float) -> Iterator[httpx.Client]:
    """A client of the service. Proxies and ``.netrc`` of the environment are not heeded: an address names a patient.

    Args:
        peer: the PACS.
        response_timeout: seconds to wait for each part of an answer.

    Raises:
        SetupError: a file of certificates or a key cannot be used.
    """
    hush()
    times = httpx.Timeout(response_timeout, connect=peer.patience.connect_timeout)
    with httpx.Client(
        auth=_auth(peer), verify=calling_context(peer.tls), timeout=times, trust_env=False, headers=_AS_THEY_ARE
    ) as client:
        yield client


@contextmanager
def asked(
    client: httpx.Client, peer: WebPeer, verb: str, path: str, *, accept: str, query: Mapping[str, str] | None = None
) -> Iterator[httpx.Response]:
    """The answer to one GET, its body still to be read.

    Raises:
        UnreachableError: no connection, or no answer in time.
        TransientError: the answer broke off; a status that may pass.
        PermanentError: a status that will not pass.
    """
    with (
        _plainly(peer, verb),
        client.stream("GET", f"{peer.url}{path}", params=query, headers={"Accept": accept}) as response,
    ):
        if not response.is_success:
            raise refusal(peer, verb, response.status_code)
        yield response


def sent(
    client: httpx.Client, peer: WebPeer, verb: str, path: str, *, headers: Mapping[str, str], body: Iterable[bytes]
) -> httpx.Response:
    """The answer to one POST, whatever its status, read to its end.

    Raises:
        UnreachableError: no connection, or no answer in time.
        TransientError: the transfer broke off.
    """
    with _plainly(peer, verb):
        return client.post(f"{peer.url}{path}", headers=headers, content=body)


@contextmanager
def _plainly(peer: WebPeer, verb: str) -> Iterator[None]:
    """What httpx raises, in plain words and without an address."""
    try:
        yield
    except Pacs2TrialError:
        raise
    except httpx.ConnectError as error:
        why = "its certificate is not trusted; set ca" if "CERTIFICATE" in str(error) else "no connection"
        raise UnreachableError(f"{peer} cannot be reached: {why}") from None
    except httpx.ConnectTimeout:
        limit = peer.patience.connect_timeout
        raise UnreachableError(f"{peer} cannot be reached: no connection within {limit:g} s") from None
    except httpx.HTTPError as error:
        raise TransientError(f"{peer} broke off during {verb}: {type(error).__name__}") from None


def refusal(peer: WebPeer, verb: str, status: int) -> TransientError | PermanentError:
    """The error for a status; what the PACS says beside it is left out, it may quote an identifier."""
    kind = TransientError if status in _RETRIED or status >= 500 else PermanentError  # server errors
    remedy = _REMEDIES.get(status, "it moved; correct the address of the service" if 300 <= status < 400 else "")
    return kind(f"{peer} answered {verb} with HTTP status {status}{remedy and ': ' + remedy}")


def _auth(peer: WebPeer) -> httpx.Auth | None:
    if peer.token:
        return _Bearer(peer.token)
    return httpx.BasicAuth(peer.login, peer.password) if peer.login else None
