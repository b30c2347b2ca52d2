"""Delivery by FTP over TLS (RFC 4217), data and commands both encrypted."""

from __future__ import annotations

import ftplib
import posixpath
import socket
import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pydantic import Field

from pacs2trial.connections import Connection
from pacs2trial.delivery.connection import Extra, connection_of, require_host
from pacs2trial.delivery.outgoing import Outgoing
from pacs2trial.delivery.place import PIECE, put
from pacs2trial.errors import Pacs2TrialError, PermanentError, TransientError
from pacs2trial.network.tls import TlsExtra, calling_context, explain
from pacs2trial.trials.definition import Destination
from pacs2trial.workspace import Workspace

_PORT = 21
_NOT_THERE = "550"
_NO_LOGIN = "530"


class FtpsExtra(Extra):
    """The extra of a connection of type ftps or ftp."""

    ca: Path | None = Field(None, description="certificates that are trusted, PEM; default those of the system")
    certificate: Path | None = Field(None, description="our own certificate, PEM, where the server asks for one")
    key: Path | None = Field(None, description="the key of our certificate")


def send(ws: Workspace, destination: Destination, package: Outgoing) -> Mapping[str, Any]:
    """Put the package into ``path``, relative to where the login arrives; folders on the way are made."""
    connection, extra = connection_of(ws, destination, {"ftps", "ftp"}, FtpsExtra)
    require_host(connection)
    with _connected(connection, extra) as ftp:
        return put(_Folder(ftp, connection, destination.path), package, extra.check)


class _Session(ftplib.FTP_TLS):
    """Data connections resume the session of the command connection, as many servers demand."""

    def ntransfercmd(self, cmd: str, rest: int | str | None = None) -> tuple[socket.socket, int | None]:
        connection, size = super(ftplib.FTP_TLS, self).ntransfercmd(cmd, rest)
        assert isinstance(self.sock, ssl.SSLSocket)
        return self.context.wrap_socket(connection, server_hostname=self.host, session=self.sock.session), size


class _Folder:
    appends = True

    def __init__(self, ftp: ftplib.FTP_TLS, connection: Connection, path: str) -> None:
        self._ftp = ftp
        self._where = f"ftps://{connection.host}:{connection.port or _PORT}"
        self._path = path
        self._make()

    def address(self, name: str) -> str:
        return f"{self._where}/{self._at(name).lstrip('/')}"

    def size(self, name: str) -> int | None:
        try:
            return self._ftp.size(self._at(name))
        except ftplib.error_perm as error:
            if str(error).startswith(_NOT_THERE):
                return None
            raise

    def read(self, name: str) -> Iterator[bytes]:
        with self._ftp.transfercmd(f"RETR {self._at(name)}") as data:
            while piece := data.recv(PIECE):
                yield piece
        self._ftp.voidresp()

    def write(self, name: str, source: Path, offset: int) -> None:
        with source.open("rb") as local:
            local.seek(offset)
            self._ftp.storbinary(f"STOR {self._at(name)}", local, PIECE, rest=offset or None)

    def remove(self, name: str) -> None:
        self._ftp.delete(self._at(name))

    def rename(self, name: str, target: str) -> None:
        try:
            self._ftp.rename(self._at(name), self._at(target))
        except ftplib.error_perm:  # a server that renames to free names only
            self.remove(target)
            self._ftp.rename(self._at(name), self._at(target))

    def _at(self, name: str) -> str:
        return posixpath.join(self._path, name) if self._path else name

    def _make(self) -> None:
        home = self._ftp.pwd()
        for part in ["/", *self._path.split("/")] if self._path.startswith("/") else self._path.split("/"):
            if part:
                self._enter(part)
        self._ftp.cwd(home)

    def _enter(self, part: str) -> None:
        try:
            self._ftp.cwd(part)
        except ftplib.error_perm:
            self._ftp.mkd(part)
            self._ftp.cwd(part)


@contextmanager
def _connected(connection: Connection, extra: FtpsExtra) -> Iterator[ftplib.FTP_TLS]:
    """A session of the server, with everything that may go wrong in it in plain words."""
    where = f"{connection.name!r} ({connection.host}:{connection.port or _PORT})"
    tls = TlsExtra(tls=True, ca=extra.ca, certificate=extra.certificate, key=extra.key)
    ftp = _Session(context=calling_context(tls), timeout=extra.timeout)
    try:
        ftp.connect(connection.host, connection.port or _PORT)
        ftp.login(connection.login, connection.password)
        ftp.prot_p()
        ftp.voidcmd("TYPE I")
        yield ftp
        ftp.quit()
    except Pacs2TrialError:
        raise
    except ssl.SSLError as error:
        kind = TransientError if isinstance(error, ssl.SSLEOFError) else PermanentError
        raise kind(f"{where}: TLS failed: {explain(error)}") from None
    except ftplib.error_perm as error:
        if str(error).startswith(_NO_LOGIN):
            raise PermanentError(
                f"{where} does not accept our login; correct login and password of the connection"
            ) from None
        raise PermanentError(f"{where} refuses it with reply {str(error)[:3]}; ask the trial centre") from None
    except (ftplib.Error, OSError, EOFError) as error:
        raise TransientError(f"{where} broke off: {type(error).__name__}") from None
    finally:
        ftp.close()
