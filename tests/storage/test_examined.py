"""What ``check`` says of the place of packages."""

from __future__ import annotations

import http.server
import threading
from pathlib import Path

import pytest

from pacs2trial.connections import SiteConnections
from pacs2trial.finding import Finding
from pacs2trial.settings import Settings
from pacs2trial.storage.examined import package_findings
from support.object_stores import CONNECTION, Bucket, connect


@pytest.fixture
def settings(tmp_path: Path, bucket: Bucket) -> Settings:
    made = Settings(home=tmp_path / "home", packages_url="s3://trial/packages", packages_connection=CONNECTION)
    made.home.mkdir()
    connect(made, bucket.connection())
    return made


def found(settings: Settings, **changes: str) -> list[Finding]:
    changed = Settings(**{**settings.model_dump(), **changes})
    return list(package_findings(changed, SiteConnections(changed)))


def test_a_bucket_that_does_what_it_should(settings: Settings, bucket: Bucket) -> None:
    (finding,) = found(settings)
    assert finding.good, finding.text
    assert finding.text == "s3://trial/packages takes, gives, lists and removes files"
    assert bucket.held() == {}


def test_a_bucket_that_is_not_there(settings: Settings) -> None:
    (finding,) = found(settings, packages_url="s3://elsewhere")
    assert not finding.good
    assert "make the bucket" in finding.text


class Refusing(http.server.BaseHTTPRequestHandler):
    """A server that lets nobody do anything."""

    def do_HEAD(self) -> None:
        self.send_response(403)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing: the test looks at the finding."""


def test_a_server_that_refuses(settings: Settings, bucket: Bucket) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    connect(settings, bucket.connection(port=server.server_address[1]))
    (finding,) = found(settings)
    server.shutdown()
    server.server_close()
    assert not finding.good
    assert "does not let us do that; correct the connection in PACS2TRIAL_PACKAGES_CONNECTION" in finding.text


def test_a_connection_that_is_not_there(settings: Settings) -> None:
    (finding,) = found(settings, packages_connection="nobody")
    assert not finding.good
    assert "'nobody' is unknown" in finding.text


def test_a_connection_without_a_bucket(settings: Settings) -> None:
    (finding,) = found(settings, packages_url="")
    assert finding.remedy == "set PACS2TRIAL_PACKAGES_URL"


def test_of_a_folder_nothing_is_told(settings: Settings) -> None:
    assert found(settings, packages_url="", packages_connection="") == []


def test_packages_of_the_time_before_are_not_forgotten(settings: Settings, bucket: Bucket) -> None:
    for name in ("LA-001.zip", "LA-002.zip", "LA-001.zip.receipt.json"):
        path = settings.packages / "LUNGART" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"a package")
    bucket.it.put_object(Key="packages/LUNGART/LA-002.zip", Body=b"a package")
    _, finding = found(settings)
    assert finding.warning
    assert finding.text.startswith("1 packages in ")
