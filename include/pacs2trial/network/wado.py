"""WADO-RS: objects as a DICOMweb service has them stored (PS3.18 10.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

import httpx

from pacs2trial.errors import TransientError
from pacs2trial.network.association import UnreachableError
from pacs2trial.network.multipart import BrokenBodyError, parts
from pacs2trial.network.suboperations import never
from pacs2trial.network.web import asked, session
from pacs2trial.network.webpeer import WebPeer

_AS_STORED = 'multipart/related; type="application/dicom"; transfer-syntax=*'

Take = Callable[[bytearray, str], None]
"""Takes a Part 10 file as it came, and the SOP Instance UID that the service named beside it, empty if it did not."""


def fetch_objects(
    peer: WebPeer,
    study: str,
    series: str | None,
    take: Take,
    *,
    instances: Sequence[str] | None = None,
    expected: int = 0,
    cancelled: Callable[[], bool] = never,
) -> int:
    """Fetch a study, a series, or some instances of a series; returns how many objects came.

    Args:
        peer: the PACS.
        study: Study Instance UID.
        series: Series Instance UID; the whole study without it.
        take: called once for each object, which is all of the answer that is kept in memory.
        instances: SOP Instance UIDs, asked for one by one; the whole series without them.
        expected: objects that should come, 0 if not known. With it, an answer without any is an error.
        cancelled: asked for every piece of the answer; when true the transfer is stopped.

    Raises:
        TransientError: not reachable, broken off, a status that may pass, nothing came. Of several instances, the
            others are asked for all the same.
        PermanentError: a status that will not pass.
    """
    whole = f"/studies/{study}" + (f"/series/{series}" if series else "")
    came = 0
    failed: TransientError | None = None
    with session(peer, response_timeout=peer.patience.transfer_timeout) as client:
        for instance in instances or ("",):
            if cancelled():
                break
            path = whole + (f"/instances/{instance}" if instance else "")
            try:
                for content, named in _objects(client, peer, path, cancelled):
                    take(content, named or instance)
                    came += 1
            except UnreachableError:
                raise
            except TransientError as error:
                failed = error
    if failed is not None:
        raise failed
    if expected and not came and not cancelled():
        raise TransientError(f"{peer} answered WADO-RS with success but sent none of {expected} instances: busy")
    return came


def _objects(
    client: httpx.Client, peer: WebPeer, path: str, cancelled: Callable[[], bool]
) -> Iterator[tuple[bytearray, str]]:
    with asked(client, peer, "WADO-RS", path, accept=_AS_STORED) as response:
        chunks = _until(cancelled, response.iter_bytes())
        try:
            for part in parts(response.headers.get("Content-Type", ""), chunks):
                yield part.content, _named(part.headers)
        except BrokenBodyError as error:
            if not cancelled():
                raise TransientError(f"{peer} broke off during WADO-RS: {error}") from None


def _until(cancelled: Callable[[], bool], chunks: Iterable[bytes]) -> Iterator[bytes]:
    for chunk in chunks:
        if cancelled():
            return
        yield chunk


def _named(headers: Mapping[str, str]) -> str:
    """The SOP Instance UID at the end of a part's Content-Location, which a service may leave out."""
    _, found, last = headers.get("content-location", "").rpartition("/instances/")
    return last.split("/")[0].split("?")[0] if found else ""
