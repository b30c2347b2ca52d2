"""A certificate authority of the test's own, and what it issues."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

Key = ec.EllipticCurvePrivateKey


@dataclass
class Authority:
    """Issues certificates into ``folder``; its own lies at ``certificate``."""

    folder: Path
    name: str = "Test authority"
    _key: Key = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()), repr=False)

    def __post_init__(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.certificate = self.folder / "ca.pem"
        begin, end = _valid(-1, 30)
        builder = _certificate(self.name, self.name, self._key, begin, end)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        _write(self.certificate, builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))

    def issue(self, *names: str, days: tuple[int, int] = (-1, 30)) -> tuple[Path, Path]:
        """Certificate and key for host names and addresses, valid between two days counted from today."""
        key = ec.generate_private_key(ec.SECP256R1())
        builder = _certificate(names[0], self.name, key, *_valid(*days))
        builder = builder.add_extension(x509.SubjectAlternativeName([_general(name) for name in names]), critical=False)
        stem = f"{names[0].replace(':', '_')}-{len(list(self.folder.iterdir()))}"
        certificate, secret = self.folder / f"{stem}.pem", self.folder / f"{stem}.key"
        _write(certificate, builder.sign(self._key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        _write(
            secret,
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            ),
        )
        return certificate, secret


def _valid(first: int, last: int) -> tuple[datetime, datetime]:
    now = datetime.now(UTC)
    return now + timedelta(days=first), now + timedelta(days=last)


def _certificate(subject: str, issuer: str, key: Key, begin: datetime, end: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begin)
        .not_valid_after(end)
    )


def _general(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
