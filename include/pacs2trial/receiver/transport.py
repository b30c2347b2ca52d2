"""TLS as the receiver's settings ask for it (PS3.15 B.12)."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime

from cryptography import x509

from pacs2trial.errors import SetupError
from pacs2trial.network.tls import TlsExtra, answering_context
from pacs2trial.settings import Settings, variable


def answering_tls(settings: Settings) -> ssl.SSLContext | None:
    """What connections to the receiver are wrapped in; None when it speaks without TLS.

    Raises:
        SetupError: the settings contradict each other, or a file cannot be used.
    """
    certificate, key, ca = settings.receiver_tls_certificate, settings.receiver_tls_key, settings.receiver_tls_ca
    if certificate is None and key is None and ca is None:
        return None
    if certificate is None or key is None:
        missing = "receiver_tls_certificate" if certificate is None else "receiver_tls_key"
        raise SetupError(f"{variable(missing)} is missing: TLS needs a certificate and its key")
    return answering_context(certificate, key, ca=ca, ask_callers=ca is not None)


def own_certificate(settings: Settings) -> x509.Certificate | None:
    """The certificate that the receiver shows; None when it speaks without TLS.

    Raises:
        SetupError: the file is none.
    """
    path = settings.receiver_tls_certificate
    if path is None:
        return None
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        raise SetupError(f"{variable('receiver_tls_certificate')}: {path} holds no certificate in PEM form") from None


def days_left(certificate: x509.Certificate) -> int:
    """Whole days until the certificate expires; negative when it has."""
    return (certificate.not_valid_after_utc - datetime.now(UTC)).days


def calling_ourselves(settings: Settings) -> TlsExtra:
    """How to call the receiver of these settings from its own machine: it must show exactly its own certificate.

    Raises:
        SetupError: see :func:`own_certificate`.
    """
    certificate = own_certificate(settings)
    if certificate is None:
        return TlsExtra()
    mutual = settings.receiver_tls_ca is not None
    return TlsExtra(
        tls=True,
        ca=settings.receiver_tls_certificate,
        certificate=settings.receiver_tls_certificate if mutual else None,
        key=settings.receiver_tls_key if mutual else None,
        certificate_name=_name(certificate),
    )


def _name(certificate: x509.Certificate) -> str:
    """A name that the certificate is for; empty when it names none."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    found = [
        *names.get_values_for_type(x509.DNSName),
        *map(str, names.get_values_for_type(x509.IPAddress)),
    ]
    return found[0].replace("*.", "any.") if found else ""
