"""Delivery to object storage: S3, and whatever else fsspec reaches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import fsspec
from fsspec.core import split_protocol
from pydantic import ConfigDict, Field

from pacs2trial.delivery.connection import Extra, connection_of
from pacs2trial.delivery.outgoing import Outgoing
from pacs2trial.delivery.place import PIECE, Check, put
from pacs2trial.errors import InputError
from pacs2trial.storage.s3 import TYPES, S3Access, s3_options, spoken
from pacs2trial.trials.definition import Destination
from pacs2trial.workspace import Workspace


class S3Extra(S3Access):
    """The extra of a connection of type aws or s3 to a destination."""

    check: Check = Field("read back", description="how a delivered file is compared with what was sent")


class AnyExtra(Extra):
    """The extra of a connection to any file system of fsspec: whatever that takes besides."""

    model_config = ConfigDict(extra="allow", frozen=True)


def send_to_s3(ws: Workspace, destination: Destination, package: Outgoing) -> Mapping[str, Any]:
    """Put the package below ``path``, which is ``bucket`` or ``bucket/prefix``."""
    connection, extra = connection_of(ws, destination, TYPES, S3Extra)
    if not destination.path:
        raise InputError(f"trial {package.trial}, deliver: path is missing: the bucket, or bucket/prefix")
    with _spoken(connection.name):
        return put(_Prefix("s3", destination.path, s3_options(connection, extra)), package, extra.check)


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


def _spoken(name: str) -> AbstractContextManager[None]:
    return spoken(
        repr(name),
        no_right="correct login and password of the connection, or ask the trial centre for the right",
        no_bucket="correct path in the definition",
    )
