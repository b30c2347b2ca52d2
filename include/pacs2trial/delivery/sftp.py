"""Delivery by SFTP (draft-ietf-secsh-filexfer-02) to a server whose host key is known."""

from __future__ import annotations

import base64
import hashlib
import io
import posixpath
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paramiko
from pydantic import Field

from pacs2trial.connections import Connection
from pacs2trial.delivery.connection import Extra, connection_of, require_host
from pacs2trial.delivery.outgoing import Outgoing
from pacs2trial.delivery.place import PIECE, put
from pacs2trial.errors import InputError, Pacs2TrialError, PermanentError, TransientError
from pacs2trial.trials.definition import Destination
from pacs2trial.workspace import Workspace

_PORT = 22
_KEYS = (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey)


class SftpExtra(Extra):
    """The extra of a connection of type sftp or ssh; names as Airflow's SSH provider has them."""

    host_key: str = Field("", description="the server's public key, as a line of known_hosts has it without the host")
    known_hosts: Path | None = Field(None, description="a file of known hosts, in place of host_key")
    private_key: str = Field("", repr=False, description="our private key, PEM or OpenSSH")
    key_file: Path | None = Field(None, description="a file with our private key, in place of private_key")
    private_key_passphrase: str = Field("", repr=False)


def send(ws: Workspace, destination: Destination, package: Outgoing) -> Mapping[str, Any]:
    """Put the package into ``path``, relative to where the login arrives; folders on the way are made."""
    connection, extra = connection_of(ws, destination, {"sftp", "ssh"}, SftpExtra)
    require_host(connection)
    with _connected(connection, extra) as client:
        return put(_Folder(client, connection, destination.path), package, extra.check)


class _Folder:
    appends = True

    def __init__(self, client: paramiko.SFTPClient, connection: Connection, path: str) -> None:
        self._client = client
        self._where = f"sftp://{connection.host}:{connection.port or _PORT}"
        self._path = path
        self._make()

    def address(self, name: str) -> str:
        path = posixpath.join(self._path, name)
        return f"{self._where}{'' if path.startswith('/') else '/~/'}{path}"

    def size(self, name: str) -> int | None:
        try:
            found = self._client.stat(self._at(name))
        except FileNotFoundError:
            return None
        if not stat.S_ISREG(found.st_mode or 0):
            raise PermanentError(f"{self.address(name)} is no file; move it away")
        return found.st_size

    def read(self, name: str) -> Iterator[bytes]:
        with self._client.open(self._at(name), "rb") as file:
            file.prefetch(file.stat().st_size)
            while piece := file.read(PIECE):
                yield piece

    def write(self, name: str, source: Path, offset: int) -> None:
        with source.open("rb") as local, self._client.open(self._at(name), "r+b" if offset else "wb") as file:
            file.set_pipelined(True)
            local.seek(offset)
            file.seek(offset)
            while piece := local.read(PIECE):
                file.write(piece)

    def remove(self, name: str) -> None:
        self._client.remove(self._at(name))

    def rename(self, name: str, target: str) -> None:
        try:
            self._client.posix_rename(self._at(name), self._at(target))
        except OSError:  # a server without the extension posix-rename@openssh.com; it renames to free names only
            if self.size(target) is not None:
                self.remove(target)
            self._client.rename(self._at(name), self._at(target))

    def _at(self, name: str) -> str:
        return posixpath.join(self._path, name) if self._path else name

    def _make(self) -> None:
        made = "/" if self._path.startswith("/") else ""
        for part in filter(None, self._path.split("/")):
            made = posixpath.join(made, part)
            try:
                self._client.stat(made)
            except FileNotFoundError:
                self._client.mkdir(made)


@contextmanager
def _connected(connection: Connection, extra: SftpExtra) -> Iterator[paramiko.SFTPClient]:
    """A session of the server, with everything that may go wrong in it in plain words."""
    where = f"{connection.name!r} ({connection.host}:{connection.port or _PORT})"
    with paramiko.SSHClient() as client:
        client.set_missing_host_key_policy(_Unknown(connection.name))
        _know(client, connection, extra)
        try:
            client.connect(
                connection.host,
                connection.port or _PORT,
                username=connection.login or None,
                password=connection.password or None,
                pkey=_private_key(connection.name, extra),
                timeout=extra.timeout,
                banner_timeout=extra.timeout,
                auth_timeout=extra.timeout,
                allow_agent=False,
                look_for_keys=False,
            )
            with client.open_sftp() as sftp:
                channel = sftp.get_channel()
                assert channel is not None
                channel.settimeout(extra.timeout)
                yield sftp
        except Pacs2TrialError:
            raise
        except paramiko.BadHostKeyException:
            raise PermanentError(
                f"{where} shows another host key than the connection knows; ask the trial centre whether it was changed"
            ) from None
        except paramiko.AuthenticationException:
            raise PermanentError(
                f"{where} does not accept our login; correct login, password or private_key of the connection"
            ) from None
        except PermissionError:
            raise PermanentError(f"{where}: the login may not write there; ask the trial centre") from None
        except (paramiko.SSHException, OSError, EOFError) as error:
            raise TransientError(f"{where} broke off: {type(error).__name__}") from None


class _Unknown(paramiko.MissingHostKeyPolicy):
    def __init__(self, name: str) -> None:
        self._name = name

    def missing_host_key(self, client: paramiko.SSHClient, hostname: str, key: paramiko.PKey) -> None:
        fingerprint = base64.b64encode(hashlib.sha256(key.asbytes()).digest()).decode().rstrip("=")
        raise InputError(
            f"connection {self._name!r}: the host key of {hostname} is not known. It shows {key.get_name()} "
            f"SHA256:{fingerprint}: compare that with what the trial centre says, then put "
            f"'{key.get_name()} {key.get_base64()}' into extra host_key"
        )


def _know(client: paramiko.SSHClient, connection: Connection, extra: SftpExtra) -> None:
    if extra.known_hosts:
        try:
            client.load_host_keys(str(extra.known_hosts))
        except OSError as error:
            raise InputError(
                f"connection {connection.name!r}: extra known_hosts: {extra.known_hosts} cannot be read: "
                f"{error.strerror}"
            ) from None
    if extra.host_key:
        *kind, encoded = extra.host_key.split()[:2]
        try:
            key = paramiko.PKey.from_type_string(kind[0], base64.b64decode(encoded))
        except (IndexError, ValueError, paramiko.SSHException, paramiko.pkey.UnknownKeyType):
            raise InputError(
                f"connection {connection.name!r}: extra host_key is not of the form 'ssh-ed25519 AAAA…'"
            ) from None
        port = connection.port or _PORT
        host = connection.host if port == _PORT else f"[{connection.host}]:{port}"
        client.get_host_keys().add(host, key.get_name(), key)


def _private_key(name: str, extra: SftpExtra) -> paramiko.PKey | None:
    if not (extra.private_key or extra.key_file):
        return None
    try:
        text = extra.private_key or Path(str(extra.key_file)).read_text("utf-8")
    except (OSError, UnicodeDecodeError):
        raise InputError(f"connection {name!r}: extra key_file: {extra.key_file} cannot be read") from None
    for kind in _KEYS:
        try:
            return kind.from_private_key(io.StringIO(text), password=extra.private_key_passphrase or None)
        except (paramiko.SSHException, ValueError):
            continue
    raise InputError(
        f"connection {name!r}: the private key is no Ed25519, ECDSA or RSA key that can be read, or "
        "private_key_passphrase is not its passphrase"
    )
