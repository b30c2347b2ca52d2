"""TLS to a PACS: DCMTK's storescp is the other side, and every way it can go wrong says what to do."""

from __future__ import annotations

import json
import socket
import ssl
import subprocess
import threading
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path

import pytest

from pacs2trial.connections import from_json
from pacs2trial.errors import InputError, PermanentError, SetupError
from pacs2trial.network.association import UnreachableError
from pacs2trial.network.echo import echo
from pacs2trial.network.peer import Peer, peer
from pacs2trial.network.tls import TlsExtra
from pacs2trial.settings import Settings
from support.certificates import Authority
from support.programs import free_port, need
from support.scripted_pacs import VERIFICATION, ScriptedPacs, in_a_hurry, peer_at


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def identity(authority: Authority) -> tuple[Path, Path]:
    """Certificate and key of this machine."""
    return authority.issue("localhost", "127.0.0.1")


@contextmanager
def storescp(*options: str | Path) -> Iterator[int]:
    """DCMTK's storescp with TLS: its port."""
    port = free_port()
    command = [need("storescp"), "-aet", "PACS", "--ignore", *options, port]
    process = subprocess.Popen([*map(str, command)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + 20
        while not _listens(port):
            assert process.poll() is None and time.monotonic() < deadline, "storescp did not start"
            time.sleep(0.02)
        yield port
    finally:
        process.terminate()
        process.wait(20)


def _listens(port: int) -> bool:
    """Without a connection, which would be one that speaks no TLS."""
    tables = (Path("/proc/net") / name for name in ("tcp", "tcp6"))
    return any(f":{port:04X} " in line and " 0A " in line for table in tables for line in table.open())


def answered(identity: tuple[Path, Path], *more: str | Path) -> tuple[str | Path, ...]:
    certificate, key = identity
    return ("+tls", key, certificate, *more)


def with_tls(port: int, host: str = "127.0.0.1", **extra: object) -> Peer:
    return replace(peer_at(port, host=host), tls=TlsExtra.model_validate({"tls": True} | extra))


@pytest.fixture(scope="module")
def open_port(identity: tuple[Path, Path]) -> Iterator[int]:
    """A PACS with TLS that asks nobody for a certificate."""
    with storescp(*answered(identity, "-ic")) as port:
        yield port


def test_a_pacs_with_a_trusted_certificate_answers(authority: Authority, open_port: int):
    echo(with_tls(open_port, ca=authority.certificate))


def test_a_pacs_that_asks_for_our_certificate_gets_it(authority: Authority, identity: tuple[Path, Path]):
    certificate, key = authority.issue("pacs2trial")
    with storescp(*answered(identity, "+cf", authority.certificate, "-rc")) as port:
        echo(with_tls(port, ca=authority.certificate, certificate=certificate, key=key))
        with pytest.raises(PermanentError, match=r"asks for our certificate|accepts none of the ciphers"):
            echo(in_a_hurry(with_tls(port, ca=authority.certificate)))


def test_a_certificate_that_the_pacs_does_not_trust_is_told(
    authority: Authority, identity: tuple[Path, Path], tmp_path: Path
):
    certificate, key = Authority(tmp_path / "other", "Another authority").issue("pacs2trial")
    with (
        storescp(*answered(identity, "+cf", authority.certificate, "-rc")) as port,
        pytest.raises(PermanentError, match="does not trust our certificate"),
    ):
        echo(in_a_hurry(with_tls(port, ca=authority.certificate, certificate=certificate, key=key)))


def test_an_unknown_authority_is_told_with_the_remedy(open_port: int, tmp_path: Path):
    other = Authority(tmp_path / "other", "Another authority")
    with pytest.raises(PermanentError, match="unknown authority; name the authority's certificate as 'ca'"):
        echo(with_tls(open_port, ca=other.certificate))


def test_another_hosts_certificate_is_told(authority: Authority, open_port: int):
    wrong = with_tls(open_port, ca=authority.certificate, certificate_name="pacs.hospital.example")
    with pytest.raises(PermanentError, match="for another host; correct the connection's host"):
        echo(wrong)


def test_an_expired_certificate_is_told(authority: Authority):
    expired = authority.issue("127.0.0.1", days=(-30, -1))
    with storescp(*answered(expired, "-ic")) as port, pytest.raises(PermanentError, match="has expired"):
        echo(with_tls(port, ca=authority.certificate))


def test_a_pacs_without_tls_is_told(authority: Authority, scripted_pacs: ScriptedPacs):
    plain = scripted_pacs.node(offers=[VERIFICATION])
    with pytest.raises(PermanentError, match=r"no TLS connection: it (does not speak TLS|closed the connection)"):
        echo(in_a_hurry(replace(plain, tls=TlsExtra(tls=True, ca=authority.certificate))))


def test_a_pacs_that_wants_tls_and_gets_none_leads_to_the_setting(open_port: int):
    with pytest.raises(UnreachableError, match="if it wants TLS, put 'tls': true"):
        echo(in_a_hurry(peer_at(open_port)))


def test_old_tls_is_not_spoken(authority: Authority, identity: tuple[Path, Path]):
    """A server that knows TLS 1.1 at most."""
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    old.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.load_cert_chain(*identity)
    with _tls_server(old) as port, pytest.raises(PermanentError, match=r"knows no TLS newer than 1\.1"):
        echo(in_a_hurry(with_tls(port, ca=authority.certificate)))


def test_a_pacs_that_falls_silent_behind_tls_ends_in_a_time_out(authority: Authority, identity: tuple[Path, Path]):
    mute = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    mute.load_cert_chain(*identity)
    with _tls_server(mute, seconds=30) as port, pytest.raises(UnreachableError, match="did not answer within 1 s"):
        echo(in_a_hurry(with_tls(port, ca=authority.certificate)))


@contextmanager
def _tls_server(context: ssl.SSLContext, *, seconds: float = 0) -> Iterator[int]:
    """Shakes hands with everybody, waits until the other side gives up or this time is over, and says no word."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            with connection, suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
                secured.settimeout(seconds)
                while seconds and secured.recv(4096):
                    pass

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listening.getsockname()[1]
    finally:
        listening.shutdown(socket.SHUT_RDWR)
        listening.close()
        thread.join()


def test_the_extra_of_a_connection_says_it_all(authority: Authority, identity: tuple[Path, Path], tmp_path: Path):
    certificate, key = map(str, identity)
    extra = {"aet": "PACS", "tls": True, "ca": str(authority.certificate), "certificate": certificate, "key": key}
    found = peer(_Only(json.dumps(extra)), "main", Settings(home=tmp_path))
    assert found.tls == TlsExtra(tls=True, ca=authority.certificate, certificate=identity[0], key=identity[1])


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({"ca": "/etc/ca.pem"}, "extra: ca without 'tls': true"),
        ({"tls": True, "key": "/etc/key.pem"}, "extra: certificate and key go together"),
        ({"tls": "perhaps"}, "extra tls: "),
    ],
)
def test_a_faulty_extra_is_told_by_field(extra: dict[str, object], words: str, tmp_path: Path):
    with pytest.raises(InputError, match=words):
        peer(_Only(json.dumps({"aet": "PACS"} | extra)), "main", Settings(home=tmp_path))


def test_files_that_are_no_certificates_are_named(authority: Authority, identity: tuple[Path, Path], tmp_path: Path):
    certificate, key = identity
    other_key = authority.issue("other")[1]
    scrap = tmp_path / "scrap.pem"
    scrap.write_text("nothing")
    shown = tmp_path / "shown.key"
    shown.write_bytes(key.read_bytes())
    shown.chmod(0o644)
    for extra, words in (
        ({"ca": tmp_path / "none.pem"}, "none.pem cannot be read: No such file"),
        ({"ca": scrap}, "scrap.pem holds no certificate in PEM form"),
        ({"certificate": certificate, "key": other_key}, "is not the key of"),
        ({"certificate": scrap, "key": key}, "are not a certificate and a key without passphrase"),
        ({"certificate": certificate, "key": shown}, "can be read by everybody: run chmod 600"),
    ):
        with pytest.raises(SetupError, match=words):
            echo(with_tls(1, **extra))


class _Only:
    """The one connection there is."""

    def __init__(self, extra: str) -> None:
        self._connection = from_json("main", {"conn_type": "dicom", "host": "pacs", "port": 104, "extra": extra})

    def get(self, name: str):
        return self._connection
