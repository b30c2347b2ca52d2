"""Delivery over a network, to real servers: whole, once, continued where the line broke, refused in plain words."""

from __future__ import annotations

import base64
import csv
import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pyrage
import pytest

from pacs2trial.changes import changes_file
from pacs2trial.collect import PackageMade
from pacs2trial.delivery import Receipt, deliver_subject, kinds
from pacs2trial.errors import InputError, Pacs2TrialError, PermanentError, TransientError
from support.far_ends import FarEnd, ftps_server, https_server, sftp_server
from support.hospital import LUNG, SECOND_DAY, Hospital, small_study

Server = Callable[[Path], AbstractContextManager[FarEnd]]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test does not wait between two attempts."""
    monkeypatch.setattr(kinds, "WAITS", (0.0, 0.0))


@pytest.fixture(params=[sftp_server, ftps_server, https_server], ids=["sftp", "ftps", "https"])
def far(request: pytest.FixtureRequest, tmp_path: Path, hospital: Hospital) -> Iterator[FarEnd]:
    server: Server = request.param
    with server(tmp_path) as found:
        connect(hospital, found)
        yield found


@pytest.fixture
def sftp(tmp_path: Path, hospital: Hospital) -> Iterator[FarEnd]:
    with sftp_server(tmp_path) as found:
        connect(hospital, found)
        yield found


def connect(hospital: Hospital, far: FarEnd, **extra: Any) -> None:
    fields = far.connection | {"extra": far.connection["extra"] | extra}
    path = hospital.ws.settings.connections_path
    path.write_text(json.dumps({"far": fields}))
    path.chmod(0o600)


def made(hospital: Hospital, far: FarEnd, **more: Any) -> PackageMade:
    hospital.define(LUNG, deliver=[far.destination(**more)])
    package = hospital.package(LUNG, "LA-001")
    hospital.verify(package)
    return package


def deliver(hospital: Hospital) -> Receipt:
    (receipt,) = deliver_subject(hospital.ws, hospital.ws.definition(LUNG), "LA-001")
    return receipt


def told(package: PackageMade) -> dict[str, Any]:
    """What the receipt beside the package tells of its last delivery."""
    receipt = json.loads(package.path.with_name(f"{package.path.name}.receipt.json").read_text())
    found: dict[str, Any] = receipt["deliveries"][-1]["receipt"]
    return found


def named(far: FarEnd) -> dict[str, bytes]:
    return {name.rsplit("/", 1)[-1]: content for name, content in far.files().items()}


def test_a_package_arrives_whole_and_once(hospital: Hospital, far: FarEnd) -> None:
    package = made(hospital, far)
    first, second = deliver(hospital), deliver(hospital)
    assert named(far) == {"LA-001.zip": package.path.read_bytes()}
    assert (first.new, second.new) == (True, False)
    assert (first.sha256, first.size) == (package.sha256, package.size)
    assert "password" not in first.path


def test_a_line_that_breaks_in_the_middle_is_tried_again(hospital: Hospital, far: FarEnd) -> None:
    package = made(hospital, far)
    far.line.breaks_after = package.size // 2 if far.to != "ftps" else 1200
    assert deliver(hospital).new
    assert far.line.breaks_after is None
    assert named(far) == {"LA-001.zip": package.path.read_bytes()}


def test_a_new_version_takes_the_place_of_the_earlier_one(hospital: Hospital, far: FarEnd) -> None:
    made(hospital, far)
    deliver(hospital)
    hospital.stage(small_study(when=SECOND_DAY))
    second = made(hospital, far)
    assert deliver(hospital).new
    assert named(far) == {"LA-001.zip": second.path.read_bytes()}


def test_a_server_that_is_gone_fails_for_now(hospital: Hospital, far: FarEnd) -> None:
    made(hospital, far)
    far.line.close()
    with pytest.raises(TransientError, match="far"):
        deliver(hospital)


@pytest.mark.parametrize("server", [sftp_server, ftps_server], ids=["sftp", "ftps"])
def test_what_has_arrived_is_not_sent_again(hospital: Hospital, tmp_path: Path, server: Server) -> None:
    with server(tmp_path) as far:
        connect(hospital, far)
        package = made(hospital, far)
        box = far.folder / "in" / "box"
        box.mkdir(parents=True)
        half = package.path.read_bytes()[: package.size // 2]
        (box / ".LA-001.zip.part").write_bytes(half)
        deliver(hospital)
        assert named(far) == {"LA-001.zip": package.path.read_bytes()}
        assert far.line.sent < package.size * 0.75
        assert far.to != "ftps" or far.uploads == [package.size - len(half)]


def test_a_broken_beginning_is_noticed_and_sent_anew(hospital: Hospital, sftp: FarEnd) -> None:
    package = made(hospital, sftp)
    box = Path(sftp.path)
    box.mkdir(parents=True)
    (box / ".LA-001.zip.part").write_bytes(bytes(1000))
    deliver(hospital)
    assert named(sftp) == {"LA-001.zip": package.path.read_bytes()}


def test_a_foreign_file_stays(hospital: Hospital, sftp: FarEnd) -> None:
    made(hospital, sftp)
    Path(sftp.path).mkdir(parents=True)
    (Path(sftp.path) / "LA-001.zip").write_bytes(b"somebody's")
    with pytest.raises(PermanentError, match="did not deliver for this subject"):
        deliver(hospital)
    assert named(sftp) == {"LA-001.zip": b"somebody's"}


def test_an_unknown_host_key_is_shown_and_refused(hospital: Hospital, sftp: FarEnd) -> None:
    made(hospital, sftp)
    key = sftp.connection["extra"]["host_key"]
    connect(hospital, sftp, host_key="")
    with pytest.raises(InputError, match=r"SHA256:.*extra host_key") as refused:
        deliver(hospital)
    assert key in str(refused.value)


def test_another_host_key_is_refused(hospital: Hospital, sftp: FarEnd, tmp_path: Path) -> None:
    made(hospital, sftp)
    other = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJx7jL8h1c3fRkXb1xqvVbq9v6mC7yqzZ3cN2yQ0m1aB"
    connect(hospital, sftp, host_key=other)
    with pytest.raises(PermanentError, match="another host key"):
        deliver(hospital)


def test_a_wrong_login_is_named_and_not_repeated(hospital: Hospital, far: FarEnd) -> None:
    made(hospital, far)
    far.connection |= {"login": "nobody-there", "password": "wrong"}
    connect(hospital, far)
    with pytest.raises(PermanentError, match="does not accept our login"):
        deliver(hospital)


def test_a_certificate_of_nobody_is_refused(hospital: Hospital, far: FarEnd) -> None:
    if far.to == "sftp":
        return
    made(hospital, far)
    connect(hospital, far, ca=None)
    with pytest.raises(PermanentError, match="certificate"):
        deliver(hospital)


@pytest.mark.parametrize("fault", [{"conn_type": "dicom"}, {"host": ""}, {"extra": {"hostkey": "x"}}])
def test_every_fault_of_a_connection_is_named(hospital: Hospital, sftp: FarEnd, fault: dict[str, Any]) -> None:
    made(hospital, sftp)
    sftp.connection |= fault
    path = hospital.ws.settings.connections_path
    path.write_text(json.dumps({"far": sftp.connection}))
    with pytest.raises(InputError, match=next(iter(fault)).replace("conn_type", "type")):
        deliver(hospital)


def test_a_form_holds_the_package(hospital: Hospital, tmp_path: Path) -> None:
    with https_server(tmp_path) as far:
        connect(hospital, far, method="POST", field="upload")
        package = made(hospital, far)
        deliver(hospital)
        form = far.files()["form"]
    assert b'name="upload"; filename="LA-001.zip"' in form
    assert package.path.read_bytes() in form


def test_the_digest_that_an_https_server_tells_is_compared(hospital: Hospital, tmp_path: Path) -> None:
    with https_server(tmp_path) as far:
        connect(hospital, far)
        package = made(hospital, far)
        far.answers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes(32)).decode()}:"
        with pytest.raises(TransientError, match="another SHA-256"):
            deliver(hospital)
        far.answers["Repr-Digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(package.sha256)).decode()}:"
        assert deliver(hospital).new
    assert told(package)["checked"] == "digest at the far end"


def test_the_list_of_changes_is_encrypted_as_the_package_is(hospital: Hospital, sftp: FarEnd) -> None:
    owner = pyrage.x25519.Identity.generate()
    encrypted = {"encrypt": [str(owner.to_public())], "changes": True}
    made(hospital, sftp, **encrypted)
    deliver(hospital)
    assert set(named(sftp)) == {"LA-001.zip.age"}
    hospital.stage(small_study(when=SECOND_DAY))
    package = made(hospital, sftp, **encrypted)
    assert deliver(hospital).new
    assert not deliver(hospital).new
    arrived = {name: pyrage.decrypt(content, [owner]) for name, content in named(sftp).items()}
    assert set(arrived) == {"LA-001.zip.age", "LA-001.zip.changes.csv.age"}
    assert arrived["LA-001.zip.age"] == package.path.read_bytes()
    assert arrived["LA-001.zip.changes.csv.age"] == changes_file(package.path).read_bytes()
    rows = list(csv.DictReader(io.StringIO(arrived["LA-001.zip.changes.csv.age"].decode())))
    assert {row["what"] for row in rows} == {"added"}
    assert not list(hospital.ws.settings.packages.rglob("*.age"))


def test_only_the_owner_of_the_key_can_open_an_encrypted_package(hospital: Hospital, sftp: FarEnd) -> None:
    owner, other = pyrage.x25519.Identity.generate(), pyrage.x25519.Identity.generate()
    package = made(hospital, sftp, encrypt=[str(owner.to_public())])
    assert deliver(hospital).new
    assert not deliver(hospital).new
    (name, content), *rest = named(sftp).items()
    assert (name, rest) == ("LA-001.zip.age", [])
    assert pyrage.decrypt(content, [owner]) == package.path.read_bytes()
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(content, [other])
    assert not list(hospital.ws.settings.packages.rglob("*.age"))


def test_an_encrypted_package_that_arrived_before_a_crash_is_known_again(hospital: Hospital, sftp: FarEnd) -> None:
    owner = pyrage.x25519.Identity.generate()
    made(hospital, sftp, encrypt=[str(owner.to_public())])
    sent: list[bytes] = []
    original = kinds.KINDS["sftp"]
    assert isinstance(kinds.KINDS, dict)

    def arrives_and_dies(*args: Any) -> Any:
        original(*args)
        sent.append(named(sftp)["LA-001.zip.age"])
        raise PermanentError("the process ends here")

    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(kinds.KINDS, "sftp", arrives_and_dies)
        with pytest.raises(PermanentError, match="ends here"):
            deliver(hospital)
    assert deliver(hospital).new
    assert named(sftp)["LA-001.zip.age"] == sent[0]


def test_a_key_that_is_none_is_refused_before_anything_goes(hospital: Hospital, sftp: FarEnd) -> None:
    made(hospital, sftp, encrypt=["age1nonsense"])
    with pytest.raises(InputError, match="is no public key of age"):
        deliver(hospital)
    assert named(sftp) == {}


@pytest.mark.parametrize("to", ["c-store", "stow-rs"])
def test_objects_cannot_be_encrypted_to_a_key(hospital: Hospital, to: str) -> None:
    with pytest.raises(Pacs2TrialError, match="cannot be encrypted"):
        hospital.define(LUNG, deliver=[{"to": to, "connection": "far", "encrypt": ["age1x"]}])
