"""DICOMweb over HTTPS: certificates of the hospital's own authority, both ways, and what is said when one is wrong."""

from __future__ import annotations

import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from pacs2trial.errors import TransientError
from pacs2trial.network.archive import archive
from pacs2trial.network.association import UnreachableError
from pacs2trial.network.tls import TlsExtra
from pacs2trial.network.wado import fetch_objects
from pacs2trial.network.webpeer import WebPeer
from support.certificates import Authority
from support.scripted_pacs import PATIENT_ID, SERIES, STUDY
from support.web_pacs import Answer, Asked, WebPacs, found, related

Start = Callable[..., tuple[WebPacs, WebPeer]]
OBJECT = b"the bytes of an object"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


def speaking(authority: Authority, *names: str, asks: bool = False) -> ssl.SSLContext:
    """What the service shows; with ``asks`` callers must show a certificate of the same authority."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(*authority.issue(*names))
    if asks:
        context.load_verify_locations(authority.certificate)
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def holding_one(asked: Asked) -> Answer:
    if "accept" in asked.headers and "multipart" in asked.headers["accept"]:
        return related(OBJECT)
    return found({"00100020": PATIENT_ID, "0020000D": STUDY})


def trusting(authority: Authority, **more: Path) -> TlsExtra:
    return TlsExtra(tls=True, ca=authority.certificate, **more)


def studies(peer: WebPeer) -> list[str]:
    with archive(peer) as pacs:
        return [one.study for one in pacs.studies(PATIENT_ID)]


def test_studies_are_found_and_objects_taken(web_pacs: Start, authority: Authority):
    context = speaking(authority, "127.0.0.1")
    _, peer = web_pacs(holding_one, speaking=context, tls=trusting(authority))
    assert peer.url.startswith("https://")
    assert studies(peer) == [STUDY]
    came: list[bytes] = []
    assert fetch_objects(peer, STUDY, SERIES, lambda content, _named: came.append(bytes(content))) == 1
    assert came == [OBJECT]


def test_a_certificate_of_an_authority_that_is_not_trusted_is_told(
    web_pacs: Start, authority: Authority, tmp_path: Path
):
    other = Authority(tmp_path / "other", "Another authority")
    pacs, peer = web_pacs(holding_one, speaking=speaking(other, "127.0.0.1"), tls=trusting(authority))
    with pytest.raises(UnreachableError, match="certificate"):
        studies(peer)
    assert not pacs.asked


def test_a_certificate_of_another_host_is_told(web_pacs: Start, authority: Authority):
    pacs, peer = web_pacs(holding_one, speaking=speaking(authority, "pacs.other"), tls=trusting(authority))
    with pytest.raises(UnreachableError, match="certificate"):
        studies(peer)
    assert not pacs.asked


def test_a_service_that_asks_for_ours_gets_it(web_pacs: Start, authority: Authority):
    certificate, key = authority.issue("pacs2trial")
    context = speaking(authority, "127.0.0.1", asks=True)
    _, peer = web_pacs(holding_one, speaking=context, tls=trusting(authority, certificate=certificate, key=key))
    assert studies(peer) == [STUDY]


def test_without_ours_it_answers_nothing(web_pacs: Start, authority: Authority):
    context = speaking(authority, "127.0.0.1", asks=True)
    pacs, peer = web_pacs(holding_one, speaking=context, tls=trusting(authority))
    with pytest.raises(TransientError):
        studies(peer)
    assert not pacs.asked
