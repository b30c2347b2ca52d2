"""Packages in a bucket of object storage. A local file is there only while it is made or read.

An upload is one PUT, or parts that become an object by one last request: under a name there is a whole object or none.
It is read back before it counts as kept. The SHA-256 goes with the object, so that its holder can be asked for it.
"""

from __future__ import annotations

import hashlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any, Final

import fsspec

from pacs2trial.errors import PermanentError, TransientError
from pacs2trial.settings import variable
from pacs2trial.storage.packages import There, sha256_of
from pacs2trial.storage.s3 import SpoiledError, spoken

WAITS = (2.0, 8.0)
"""Seconds before the second and the third upload of one file. Further repetition is Airflow's."""

ATTEMPTS = 5
"""At one request, with short waits between them."""

PART = 16 << 20
"""Bytes of the parts in which a larger file travels; one is uploaded whole up to twice that size."""

AT_ONCE: Final = 4
"""Parts on their way, which bounds the memory that a worker takes."""

_PIECE: Final = 1 << 20
_BLOCK: Final = 8 << 20
_DIGEST: Final = "sha256"

_log = logging.getLogger(__name__)


class BucketPackages:
    """Packages as objects below ``s3://bucket/prefix``.

    Args:
        url: of the prefix.
        folder: where local files lie in the meantime.
        options: tells fsspec how the server is reached; asked when it is needed, in each process anew.
    """

    def __init__(self, url: str, folder: Path, options: Callable[[], Mapping[str, Any]]) -> None:
        self.folder = folder
        self._url = url.rstrip("/")
        self._bucket, _, self._prefix = self._url.removeprefix("s3://").partition("/")
        self._options = options
        self._client: Any = None
        self._process = 0

    def address(self, name: str) -> str:
        return f"{self._url}/{name}"

    def draft(self, name: str) -> Path:
        path = self.folder / name
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise TransientError(f"{path.parent} cannot be made: {error.strerror}") from None
        return path

    def keep(self, name: str) -> None:
        """Upload the local file, read the object back, remove the local file.

        Raises:
            PermanentError: the bucket is not there, or may not be written to.
            TransientError: the upload broke off three times, or the object reads back otherwise.
        """
        path = self.folder / name
        try:
            for wait in WAITS:
                try:
                    return self._upload(path, name)
                except TransientError as error:
                    _log.warning("%s; again in %g s", error, wait)
                    time.sleep(wait)
            self._upload(path, name)
        finally:
            path.unlink(missing_ok=True)

    @contextmanager
    def reading(self, name: str, sha256: str = "") -> Iterator[Path]:
        path = self.draft(name)
        try:
            self._download(name, path, sha256)
            yield path
        finally:
            path.unlink(missing_ok=True)

    def there(self, name: str) -> There | None:
        told = self._head(name)
        if told is None:
            return None
        size, written = int(told["ContentLength"]), told["LastModified"].timestamp()
        return There(size, written, [size, str(told["ETag"]), int(written)])

    def holds(self, name: str, size: int, sha256: str) -> bool:
        told = self._head(name)
        return told is not None and told["ContentLength"] == size and self._digest(name, told) == sha256

    def absent(self, names: Iterable[str]) -> set[str]:
        wanted = set(names)
        folders = {name.partition("/")[0] for name in wanted}
        return wanted.difference(*(self.below(folder) for folder in folders))

    def below(self, folder: str) -> list[str]:
        with self._spoken():
            found = self._files().find(self._at(folder))
        start = len(self._at(""))
        return sorted(str(path)[start:] for path in found)

    def remove(self, *names: str) -> None:
        for name in names:
            self._remove_object(name)
            (self.folder / name).unlink(missing_ok=True)

    def _upload(self, path: Path, name: str) -> None:
        size, sha256 = path.stat().st_size, sha256_of(path)
        with self._spoken():
            self._files().put_file(
                str(path), self._at(name), chunksize=PART, max_concurrency=AT_ONCE, Metadata={_DIGEST: sha256}
            )
        told = self._head(name)
        if told is None or told["ContentLength"] != size or self._read_back(name) != sha256:
            self._remove_object(name)
            raise TransientError(f"{self.address(name)} is not what was sent; it was removed")

    def _download(self, name: str, path: Path, sha256: str) -> None:
        told = self._head(name)
        if told is None:
            path.unlink(missing_ok=True)
            return
        part = path.with_name(f".{path.name}.part")
        try:
            with self._spoken():
                self._files().get_file(self._at(name), str(part), chunksize=PART, max_concurrency=AT_ONCE)
            came = sha256_of(part)
            if came != told["Metadata"].get(_DIGEST, came):
                raise TransientError(f"{self.address(name)} came otherwise than it was kept")
            if sha256 and came != sha256:
                raise PermanentError(f"{self.address(name)} is not what the vault says; collect again")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)

    def _digest(self, name: str, told: Mapping[str, Any]) -> str:
        """What was noted with the object, else, of one that others put there, of its bytes."""
        return str(told["Metadata"].get(_DIGEST) or self._read_back(name))

    def _read_back(self, name: str) -> str:
        """SHA-256 of an object; empty if it is not even what the server's own checksum says."""
        digest = hashlib.sha256()
        try:
            with self._spoken(), self._files().open(self._at(name), "rb", block_size=_BLOCK) as file:
                while piece := file.read(_PIECE):
                    digest.update(piece)
        except SpoiledError:
            return ""
        return digest.hexdigest()

    def _head(self, name: str) -> dict[str, Any] | None:
        with self._spoken():
            try:
                return dict(self._files().call_s3("head_object", Bucket=self._bucket, Key=self._key(name)))
            except FileNotFoundError:
                return None

    def _remove_object(self, name: str) -> None:
        with self._spoken():
            self._files().call_s3("delete_object", Bucket=self._bucket, Key=self._key(name))

    def _files(self) -> Any:
        """The file system of fsspec, whose threads do not survive a fork."""
        if self._process != os.getpid():
            options = self._options()
            self._client = fsspec.filesystem("s3", skip_instance_cache=True, use_listings_cache=False, **options)
            self._client.retries = ATTEMPTS
            self._process = os.getpid()
        return self._client

    def _spoken(self) -> AbstractContextManager[None]:
        name = variable("packages_connection")
        return spoken(
            self._url,
            no_right=f"correct the connection in {name}, or get the rights to read, write, delete and list",
            no_bucket=f"make the bucket, or correct {variable('packages_url')}",
        )

    def _key(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _at(self, name: str) -> str:
        return f"{self._bucket}/{self._key(name)}"
