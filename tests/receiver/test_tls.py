"""The receiver behind TLS: DCMTK's senders come through, who shows no certificate does not."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydicom.dataset import FileDataset

from pacs2trial.connections import SiteConnections
from pacs2trial.errors import PermanentError, SetupError, TransientError
from pacs2trial.receiver.examined import receiver_findings
from pacs2trial.receiver.probe import probe
from pacs2trial.settings import Settings
from pacs2trial.vault.tables import InstanceState
from pacs2trial.workspace import Workspace
from pacs2trial_demo.generate import write
from support.certificates import Authority
from support.findings import states
from support.peers import Dcmtk
from support.receivers import AET, receiver_on, send


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def tls(authority: Authority) -> dict[str, object]:
    """Settings of a receiver with TLS."""
    certificate, key = authority.issue("localhost", "127.0.0.1")
    return {"receiver_tls_certificate": certificate, "receiver_tls_key": key}


@pytest.fixture
def mutual(workspace: Workspace, tls: dict[str, object], authority: Authority) -> Iterator[int]:
    """The port of a receiver that asks callers for a certificate."""
    with receiver_on(workspace, **tls, receiver_tls_ca=authority.certificate) as port:
        yield port


def anonymous(authority: Authority) -> list[str]:
    return ["+tla", "+cf", str(authority.certificate)]


def known(authority: Authority) -> list[str]:
    certificate, key = authority.issue("scanner")
    return ["+tls", str(key), str(certificate), "+cf", str(authority.certificate)]


def storescu(dcmtk: Dcmtk, port: int, folder: Path, *options: str):
    return dcmtk.run("storescu", *options, "-aec", AET, "+sd", "+r", "127.0.0.1", str(port), folder)


def test_dcmtk_sends_over_tls(
    workspace: Workspace,
    tls: dict[str, object],
    authority: Authority,
    dcmtk: Dcmtk,
    planning_ct: list[FileDataset],
    tmp_path: Path,
):
    for ds in planning_ct:
        write(ds, tmp_path / "originals")
    with receiver_on(workspace, **tls) as port:
        assert dcmtk.run("echoscu", *anonymous(authority), "-aec", AET, "127.0.0.1", str(port)).returncode == 0
        done = storescu(dcmtk, port, tmp_path / "originals", *anonymous(authority))
        assert done.returncode == 0, done.stdout
    assert list(states(workspace.vault).values()) == [InstanceState.STAGED] * len(planning_ct)


def test_who_shows_a_certificate_of_the_authority_comes_in(
    workspace: Workspace,
    mutual: int,
    authority: Authority,
    dcmtk: Dcmtk,
    planning_ct: list[FileDataset],
    tmp_path: Path,
):
    write(planning_ct[0], tmp_path / "originals")
    done = storescu(dcmtk, mutual, tmp_path / "originals", *known(authority))
    assert done.returncode == 0, done.stdout
    assert len(states(workspace.vault)) == 1


def test_who_shows_none_or_anothers_stays_out(
    workspace: Workspace,
    mutual: int,
    authority: Authority,
    dcmtk: Dcmtk,
    planning_ct: list[FileDataset],
    tmp_path: Path,
):
    write(planning_ct[0], tmp_path / "originals")
    certificate, key = Authority(tmp_path / "other", "Another authority").issue("scanner")
    strange = ["+tls", str(key), str(certificate), "+cf", str(authority.certificate)]
    for options in (anonymous(authority), strange, []):
        assert storescu(dcmtk, mutual, tmp_path / "originals", *options).returncode != 0
    assert states(workspace.vault) == {}


def test_a_caller_that_never_begins_with_tls_keeps_nobody_waiting(
    workspace: Workspace, tls: dict[str, object], authority: Authority, dcmtk: Dcmtk
):
    with receiver_on(workspace, **tls) as port:
        with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port)):
            done = dcmtk.run("echoscu", *anonymous(authority), "-aec", AET, "127.0.0.1", str(port))
        assert done.returncode == 0, done.stdout


def test_a_plain_caller_gets_no_association(workspace: Workspace, tls: dict[str, object], planning_ct):
    with receiver_on(workspace, **tls) as port, pytest.raises(AssertionError):
        send(port, planning_ct[:1])
    assert states(workspace.vault) == {}


@pytest.mark.parametrize(
    ("with_tls", "asks", "allow", "words"),
    [
        (False, False, "", "runs and answers C-ECHO on port {port}"),
        (False, False, "CT1", "runs on port {port}, for listed callers"),
        (True, False, "", "runs and answers C-ECHO on port {port} with TLS"),
        (True, True, "", "runs and answers C-ECHO on port {port} with TLS"),
        (True, True, "CT1", "runs on port {port} with TLS, for listed callers"),
    ],
)
def test_the_health_check_finds_a_receiver_whomever_it_lets_in(
    workspace: Workspace,
    tls: dict[str, object],
    authority: Authority,
    with_tls: bool,
    asks: bool,
    allow: str,
    words: str,
):
    changes = {"receiver_allow": allow, **(tls if with_tls else {})}
    if asks:
        changes["receiver_tls_ca"] = authority.certificate
    with receiver_on(workspace, **changes) as port:
        asked = workspace.settings.model_copy(update={**changes, "receiver_port": port})
        assert probe(asked) == f"PACS2TRIAL {words.format(port=port)}"


def test_the_health_check_tells_a_receiver_whose_clients_come_from_another_authority(
    workspace: Workspace, tls: dict[str, object], tmp_path: Path
):
    others = Authority(tmp_path / "others", "Issues certificates of modalities only")
    changes = {**tls, "receiver_tls_ca": others.certificate}
    with receiver_on(workspace, **changes) as port:
        asked = workspace.settings.model_copy(update={**changes, "receiver_port": port})
        assert probe(asked) == f"PACS2TRIAL runs on port {port} with TLS, for callers with a certificate"


def test_the_health_check_takes_no_other_for_the_receiver(workspace: Workspace, tls: dict[str, object]):
    with receiver_on(workspace, receiver_aet="SOMEBODY") as port:
        asked = workspace.settings.model_copy(update={"receiver_port": port})
        with pytest.raises(PermanentError, match="called AE title not recognized"):
            probe(asked)
        with pytest.raises(PermanentError, match="no TLS connection"):
            probe(asked.model_copy(update=tls))
    with pytest.raises(TransientError, match="nothing listens on that port"):
        probe(asked)


@pytest.mark.parametrize(
    ("missing", "words"),
    [
        ("receiver_tls_key", "PACS2TRIAL_RECEIVER_TLS_KEY is missing"),
        ("receiver_tls_certificate", "PACS2TRIAL_RECEIVER_TLS_CERTIFICATE is missing"),
    ],
)
def test_half_a_setting_of_tls_is_no_start(workspace: Workspace, tls: dict[str, object], missing: str, words: str):
    half = {name: value for name, value in tls.items() if name != missing}
    with pytest.raises(SetupError, match=words), receiver_on(workspace, **half):
        pass


def test_an_expired_certificate_is_found(workspace: Workspace, authority: Authority):
    for days, words, good in (((-30, -1), "has expired", False), ((-30, 5), "is valid for 4 days more", True)):
        certificate, key = authority.issue("receiver", days=days)
        update = {"receiver_tls_certificate": certificate, "receiver_tls_key": key}
        settings: Settings = workspace.settings.model_copy(update=update)
        found = {one.subject: one for one in receiver_findings(settings, SiteConnections(settings), {})}
        assert words in found["receiver certificate"].text
        assert found["receiver certificate"].good is good
        assert found["receiver certificate"].remedy == f"renew {certificate}"
