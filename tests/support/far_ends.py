"""The servers that packages are delivered to: OpenSSH, FTP over TLS, S3, HTTPS; and a line to each that can break."""

from __future__ import annotations

import getpass
import http.server
import os
import socket
import socketserver
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from support.certificates import Authority
from support.programs import free_port, need

_START_S = 20.0


class Line:
    """A TCP proxy to a port of this machine. It breaks, once, after ``breaks_after`` bytes towards the server.

    With ``for_good`` nothing goes through it any more once it is broken. ``falsifies`` replaces bytes on their way.
    """

    def __init__(self, port: int) -> None:
        self.target = port
        self.breaks_after: int | None = None
        self.for_good = False
        self.broken = False
        self.falsifies: tuple[bytes, bytes] | None = None
        self.sent = 0
        """Bytes that went towards the server since the last break."""
        self._server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), self._handler(), bind_and_activate=True)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[socketserver.BaseRequestHandler]:
        line = self

        class Handler(socketserver.BaseRequestHandler):
            def handle(self) -> None:
                with socket.create_connection(("127.0.0.1", line.target)) as server:
                    back = threading.Thread(target=_copy, args=(server, self.request), daemon=True)
                    back.start()
                    line._forward(self.request, server)
                    for one in (server, self.request):
                        with suppress(OSError):
                            one.shutdown(socket.SHUT_RDWR)

        return Handler

    def _forward(self, client: socket.socket, server: socket.socket) -> None:
        with suppress(OSError):
            while not self.broken and (piece := client.recv(16384)):
                self.sent += len(piece)
                if self.breaks_after is not None and self.sent > self.breaks_after:
                    self.breaks_after, self.sent, self.broken = None, 0, self.for_good
                    return
                server.sendall(piece.replace(*self.falsifies) if self.falsifies else piece)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while piece := source.recv(65536):
            target.sendall(piece)
    with suppress(OSError):
        target.shutdown(socket.SHUT_WR)


@dataclass
class FarEnd:
    """A server with a folder of its own.

    Attributes:
        to: the kind of destination.
        folder: where its files lie on this machine.
        connection: the connection's fields, as JSON has them.
        path: the destination's.
        line: over which it is reached.
        uploads: bytes that each upload brought, where the server tells them (FTPS, whose data take another line).
        answers: further headers of each answer to a PUT (HTTPS).
    """

    to: str
    folder: Path
    connection: dict[str, Any]
    path: str
    line: Line = field(repr=False)
    uploads: list[int] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)

    def destination(self, **more: Any) -> dict[str, Any]:
        return {"to": self.to, "connection": "far", "path": self.path, **more}

    def files(self) -> dict[str, bytes]:
        return {str(p.relative_to(self.folder)): p.read_bytes() for p in self.folder.rglob("*") if p.is_file()}


@contextmanager
def sftp_server(tmp_path: Path) -> Iterator[FarEnd]:
    """Debian's OpenSSH; the login is the user who runs the tests, by a key."""
    program = need("sshd")
    home = tmp_path / "sshd"
    folder = tmp_path / "far"
    home.mkdir()
    folder.mkdir()
    host, user = _new_key(home / "host"), _new_key(home / "user")
    (home / "authorized").write_text(user)
    port = free_port()
    settings = {
        "Port": port,
        "ListenAddress": "127.0.0.1",
        "HostKey": home / "host",
        "AuthorizedKeysFile": home / "authorized",
        "StrictModes": "no",
        "UsePAM": "no",
        "PasswordAuthentication": "no",
        "PermitRootLogin": "prohibit-password",
        "PidFile": "none",
        "Subsystem": "sftp internal-sftp",
    }
    (home / "config").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # OpenSSH will not start as root without it
    with (home / "log").open("wb") as log:
        process = subprocess.Popen([program, "-D", "-e", "-f", home / "config"], stdout=log, stderr=log)
    line = Line(port)
    try:
        _wait_for(port)
        extra = {"host_key": host.rsplit(" ", 1)[0] if host.count(" ") > 1 else host, "key_file": str(home / "user")}
        fields = {"conn_type": "sftp", "host": "127.0.0.1", "port": line.port, "login": getpass.getuser()}
        yield FarEnd("sftp", folder, fields | {"extra": extra}, f"{folder}/in/box", line)
    finally:
        line.close()
        process.terminate()
        process.wait(10)


def _new_key(path: Path) -> str:
    """Write a new private key; the public one as a line."""
    key = Ed25519PrivateKey.generate()
    openssh = serialization.PrivateFormat.OpenSSH
    path.write_bytes(key.private_bytes(serialization.Encoding.PEM, openssh, serialization.NoEncryption()))
    path.chmod(0o600)
    line = serialization.PublicFormat.OpenSSH
    return key.public_key().public_bytes(serialization.Encoding.OpenSSH, line).decode()


@contextmanager
def ftps_server(tmp_path: Path) -> Iterator[FarEnd]:
    """pyftpdlib with TLS demanded on both connections."""
    from pyftpdlib.authorizers import DummyAuthorizer
    from pyftpdlib.handlers import TLS_FTPHandler
    from pyftpdlib.servers import ThreadedFTPServer

    folder = tmp_path / "far"
    folder.mkdir()
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.issue("127.0.0.1")
    users = DummyAuthorizer()
    uploads: list[int] = []
    users.add_user("trial", "a long password", str(folder), perm="elradfmwMT")

    class Handler(TLS_FTPHandler):
        authorizer = users
        certfile = str(certificate)
        keyfile = str(key)
        tls_control_required = True
        tls_data_required = True

        def log_transfer(self, cmd: str, filename: str, receive: bool, *_: object, **told: int) -> None:
            if receive:
                uploads.append(told["bytes"])

    server = ThreadedFTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"timeout": 0.05, "handle_exit": False}, daemon=True)
    thread.start()
    line = Line(server.address[1])
    try:
        fields = {"conn_type": "ftps", "host": "127.0.0.1", "port": line.port, "login": "trial"}
        extra = {"ca": str(authority.certificate), "timeout": 10}
        fields |= {"password": "a long password", "extra": extra}
        yield FarEnd("ftps", folder, fields, "in/box", line, uploads)
    finally:
        line.close()
        server.close_all()
        thread.join(5)


@contextmanager
def https_server(tmp_path: Path) -> Iterator[FarEnd]:
    """A server that keeps what is PUT, whole or not at all, with a certificate of an authority of its own."""
    folder = tmp_path / "far"
    folder.mkdir()
    authority = Authority(tmp_path / "authority")
    certificate, key = authority.issue("127.0.0.1")
    answers: dict[str, str] = {}

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_PUT(self) -> None:
            size = int(self.headers["Content-Length"])
            content = self.rfile.read(size)
            if len(content) < size:
                return
            if self.headers["Authorization"] != "Basic dHJpYWw6cA==":  # trial:p
                self._answer(401)
                return
            (folder / self.path.rsplit("/", 1)[1]).write_bytes(content)
            self._answer(201)

        def do_POST(self) -> None:
            content = self.rfile.read(int(self.headers["Content-Length"]))
            (folder / "form").write_bytes(content)
            self._answer(200)

        def do_HEAD(self) -> None:
            file = folder / self.path.rsplit("/", 1)[1]
            self._answer(200 if file.exists() else 404, file.stat().st_size if file.exists() else 0)

        def _answer(self, status: int, size: int = 0) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(size))
            for name, value in answers.items() if self.command == "PUT" else ():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Nothing: the tests look at the files."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    line = Line(server.server_address[1])
    try:
        fields = {"conn_type": "https", "host": "127.0.0.1", "port": line.port, "login": "trial", "password": "p"}
        extra = {"ca": str(authority.certificate), "timeout": 10}
        yield FarEnd("https", folder, fields | {"extra": extra}, "upload", line, answers=answers)
    finally:
        line.close()
        server.shutdown()
        server.server_close()


def _wait_for(port: int) -> None:
    limit = time.monotonic() + _START_S
    while time.monotonic() < limit:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.05)
    pytest.fail(f"nothing listens on port {port}")
