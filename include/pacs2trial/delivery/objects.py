"""Delivery to object storage: S3, and whatever else fsspec reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import fsspec
from fsspec.core import split_protocol
from pydantic import ConfigDict, Field

from pacs2trial.delivery.connection import Extra, connection_of
from pacs2trial.delivery.outgoing import Outgoing
from pacs2trial.delivery.place import PIECE, put
from pacs2trial.errors import InputError, Pacs2TrialError, PermanentError, TransientError
from pacs2trial.trials.definition import Destination
from pacs2trial.workspace import Workspace

_RETRIES = {"mode": "standard", "max_attempts": 2}
"""Of one request; the whole delivery is repeated besides."""


class S3Extra(Extra):
    """The extra of a connection of type aws or s3; names as Airflow's Amazon provider has them."""

    endpoint_url: str | None = Field(None, description="address of a server that is not Amazon's")
    region_name: str | None = None
    aws_session_token: str | None = Field(None, repr=False)
    verify: Path | None = Field(None, description="certificates that are trusted, PEM")


class AnyExtra(Extra):
    """The extra of a connection to any file system of fsspec: whatever that takes besides."""

    model_config = ConfigDict(extra="allow", frozen=True)


def send_to_s3(ws: Workspace, destination: Destination, package: Outgoing) -> Mapping[str, Any]:
    """Put the package below ``path``, which is ``bucket`` or ``bucket/prefix``."""
    connection, extra = connection_of(ws, destination, {"aws", "s3"}, S3Extra)
    if not destination.path:
        raise InputError(f"trial {package.trial}, deliver: path is missing: the bucket, or bucket/prefix")
    client = {"region_name": extra.region_name, "verify": str(extra.verify) if extra.verify else None}
    options = {
        "key": connection.login or None,
        "secret": connection.password or None,
        "token": extra.aws_session_token,
        "endpoint_url": extra.endpoint_url,
        "client_kwargs": {name: value for name, value in client.items() if value},
        "config_kwargs": {"connect_timeout": extra.timeout, "read_timeout": extra.timeout, "retries": _RETRIES},
    }
    with _spoken(connection.name):
        return put(_Prefix("s3", destination.path, options), package, extra.check)


def send_anywhere(ws: Workspace, destination: Destination, package: Outgoing) -> Mapping[str, Any]:
    """Put the package below ``path``, an address such as ``abfs://container/prefix``; extra goes to fsspec."""
    connection, extra = connection_of(ws, destination, {"fsspec", "generic"}, AnyExtra)
    protocol, path = split_protocol(destination.path)
    if not protocol:
        raise InputError(f"trial {package.trial}, deliver: path has to be an address such as abfs://container/prefix")
    options = dict(extra.model_extra or {})
    with _spoken(connection.name):
        return put(_Prefix(protocol, path, options), package, extra.check)


class _Prefix:
    appends = False

    def __init__(self, protocol: str, path: str, options: Mapping[str, Any]) -> None:
        try:
            self._files = fsspec.filesystem(protocol, skip_instance_cache=True, use_listings_cache=False, **options)
        except (ValueError, ImportError) as error:
            raise InputError(f"deliver: fsspec cannot reach {protocol}://: {error}") from None
        self._protocol = protocol
        self._path = path.rstrip("/")

    def address(self, name: str) -> str:
        return f"{self._protocol}://{self._at(name)}"

    def size(self, name: str) -> int | None:
        try:
            return int(self._files.info(self._at(name), refresh=True)["size"])
        except FileNotFoundError:
            return None

    def read(self, name: str) -> Iterator[bytes]:
        with self._files.open(self._at(name), "rb") as file:
            while piece := file.read(PIECE):
                yield piece

    def write(self, name: str, source: Path, offset: int) -> None:
        assert not offset, "an object is whole or absent"
        self._files.put_file(str(source), self._at(name))

    def remove(self, name: str) -> None:
        self._files.rm_file(self._at(name))

    def rename(self, name: str, target: str) -> None:
        self._files.mv(self._at(name), self._at(target))

    def _at(self, name: str) -> str:
        return f"{self._path}/{name}"


@contextmanager
def _spoken(name: str) -> Iterator[None]:
    """Everything that may go wrong, in plain words."""
    try:
        yield
    except Pacs2TrialError:
        raise
    except PermissionError:
        raise PermanentError(
            f"{name!r} does not let us write there; correct login and password of the connection, or ask the trial "
            "centre for the right"
        ) from None
    except FileNotFoundError:
        raise PermanentError(
            f"{name!r} does not have that bucket or container; correct path in the definition"
        ) from None
    except Exception as error:  # noqa: BLE001 - each file system raises what it likes
        raise TransientError(f"{name!r} broke off: {type(error).__name__}") from None
