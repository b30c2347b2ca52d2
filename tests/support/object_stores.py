"""An S3 server of this machine, a bucket in it, and sites whose packages are kept there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from pacs2trial.settings import Settings
from pacs2trial.workspace import Workspace

LOGIN = {"login": "key", "password": "a secret"}
REGION = "us-east-1"
CONNECTION = "store"


@dataclass
class Bucket:
    """An empty bucket at first; ``it`` is boto3's, who knows nothing of the product."""

    name: str
    endpoint: str
    it: Any

    def held(self) -> dict[str, bytes]:
        """Every object by its key."""
        return {one.key: one.get()["Body"].read() for one in self.it.objects.all()}

    def unfinished(self) -> int:
        """Uploads that were begun and neither ended nor taken back."""
        return sum(1 for _ in self.it.multipart_uploads.all())

    def connection(self, *, port: int | None = None, **extra: Any) -> dict[str, Any]:
        """The connection to its server, or to a line that leads there."""
        endpoint = f"http://127.0.0.1:{port}" if port else self.endpoint
        more = {"endpoint_url": endpoint, "region_name": REGION, "timeout": 5} | extra
        return {"conn_type": "aws", **LOGIN, "extra": more}

    def keeps(self, ws: Workspace, *, port: int | None = None) -> Workspace:
        """The site as it is when its packages are kept in this bucket."""
        connect(ws.settings, self.connection(port=port))
        changes = {"packages_url": f"s3://{self.name}/packages", "packages_connection": CONNECTION}
        return Workspace(Settings(**{**ws.settings.model_dump(), **changes}), ws.vault, ws.connections)


def connect(settings: Settings, fields: dict[str, Any]) -> None:
    """Add the connection ``store`` to the site's file."""
    path = settings.connections_path
    known = json.loads(path.read_text()) if path.exists() else {}
    path.write_text(json.dumps(known | {CONNECTION: fields}))
    path.chmod(0o600)


@pytest.fixture(scope="session")
def s3_endpoint() -> Iterator[str]:
    """The address of a running S3 server."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@contextmanager
def new_bucket(endpoint: str) -> Iterator[Bucket]:
    """A bucket, as long as the block lasts."""
    import boto3

    store = boto3.resource(
        "s3", endpoint_url=endpoint, region_name=REGION, aws_access_key_id="key", aws_secret_access_key="s"
    )
    made = store.create_bucket(Bucket="trial")
    yield Bucket("trial", endpoint, made)
    made.objects.all().delete()
    made.delete()


@pytest.fixture
def bucket(s3_endpoint: str) -> Iterator[Bucket]:
    """A bucket of its own for each test."""
    with new_bucket(s3_endpoint) as made:
        yield made
