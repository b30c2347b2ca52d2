"""TLS under DICOM associations: the BCP 195 profile of PS3.15 B.12, TLS 1.2 or 1.3 with forward secrecy.

Either side may be asked for its certificate. Nothing falls back: who asks for TLS gets TLS or an error.
"""

from __future__ import annotations

import ssl
import stat
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pacs2trial.errors import SetupError

TLS_1_2_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM:!aNULL:!PSK"
"""RFC 9325 4.2: authenticated encryption and ephemeral keys only. TLS 1.3 knows no other ciphers."""


class TlsExtra(BaseModel):
    """What the extra of a connection says about TLS to a PACS."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    tls: bool = Field(default=False, description="speak TLS")
    ca: Path | None = Field(None, description="certificates that are trusted, PEM; default those of the system")
    certificate: Path | None = Field(None, description="our own certificate with its chain, PEM")
    key: Path | None = Field(None, description="the key of our certificate, PEM, without passphrase")
    certificate_name: str = Field("", description="name in the PACS's certificate; default the connection's host")

    @model_validator(mode="after")
    def _complete(self) -> TlsExtra:
        said = [name for name in ("ca", "certificate", "key", "certificate_name") if getattr(self, name)]
        if said and not self.tls:
            raise ValueError(f"{' and '.join(said)} without 'tls': true")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key go together")
        return self


def calling_context(tls: TlsExtra) -> ssl.SSLContext:
    """How we call a PACS: its certificate has to be trusted, valid today and issued to the host's name.

    Raises:
        SetupError: a file of certificates or a key cannot be used; it is named, with what to do.
    """
    context = _modern(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # 'ca' may name the PACS's certificate itself
    _trust(context, tls.ca)
    if tls.certificate and tls.key:
        _show(context, tls.certificate, tls.key)
    return context


def answering_context(
    certificate: Path, key: Path, *, ca: Path | None = None, ask_callers: bool = False
) -> ssl.SSLContext:
    """How our receiver answers.

    Args:
        certificate: ours with its chain, PEM.
        key: of the certificate, PEM, without passphrase.
        ca: who may have issued the certificates of callers; needed with ``ask_callers``.
        ask_callers: mutual TLS, a caller without a trusted certificate gets no association.

    Raises:
        SetupError: a file of certificates or a key cannot be used; it is named, with what to do.
    """
    context = _modern(ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
    context.options |= ssl.OP_CIPHER_SERVER_PREFERENCE
    context.num_tickets = 0  # an association is never resumed
    _show(context, certificate, key)
    if ask_callers:
        if ca is None:
            raise SetupError("callers cannot be asked for a certificate: nobody says which are trusted")
        context.verify_mode = ssl.CERT_REQUIRED
        _trust(context, ca)
    return context


def refuses_us(error: ssl.SSLError | OSError) -> bool:
    """Whether the other side showed a certificate that we accept, and did not accept ours."""
    reason = str(getattr(error, "reason", "") or "")
    return any(sign in reason for sign, _ in _NOT_OURS)


def explain(error: ssl.SSLError | OSError) -> str:
    """What is wrong with a TLS connection that came to nothing, in plain words; no certificate is quoted."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return _VERIFICATION.get(error.verify_code, f"its certificate is not accepted: {error.verify_message}")
    reason = str(getattr(error, "reason", "") or "")
    for sign, words in _ALERTS:
        if sign in reason:
            return words
    return f"TLS failed: {reason.replace('_', ' ').lower() or error.strerror or 'the connection was closed'}"


def _modern(context: ssl.SSLContext) -> ssl.SSLContext:
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(TLS_1_2_CIPHERS)
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
    return context


def _trust(context: ssl.SSLContext, ca: Path | None) -> None:
    if ca is None:
        context.load_default_certs()
        return
    try:
        context.load_verify_locations(cafile=ca)
    except ssl.SSLError:
        raise SetupError(f"{ca} holds no certificate in PEM form") from None
    except OSError as error:
        raise SetupError(f"{ca} cannot be read: {error.strerror}") from None


def _show(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    for path in (certificate, key):
        try:
            with path.open("rb"):
                mode = stat.S_IMODE(path.stat().st_mode)
        except OSError as error:
            raise SetupError(f"{path} cannot be read: {error.strerror}") from None
        if path == key and mode & stat.S_IROTH:
            raise SetupError(f"{path} can be read by everybody: run chmod 600 {path}")
    try:
        context.load_cert_chain(certificate, key, password=lambda: "")
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise SetupError(f"{key} is not the key of {certificate}") from None
        raise SetupError(
            f"{certificate} and {key} are not a certificate and a key without passphrase, both in PEM form"
        ) from None


# OpenSSL, x509_vfy.h
_VERIFICATION = {
    9: "its certificate is not valid yet; look at the clocks of both machines",
    10: "its certificate has expired; it needs a new one",
    18: "its certificate is signed by itself; put it into the file that 'ca' of the connection names if you trust it",
    19: "its certificate comes from an unknown authority; name the authority's certificate as 'ca' in the connection",
    20: "its certificate comes from an unknown authority; name the authority's certificate as 'ca' in the connection",
    21: "its certificate comes from an unknown authority; name the authority's certificate as 'ca' in the connection",
    62: "its certificate is for another host; correct the connection's host, or set 'certificate_name'",
    64: "its certificate is for another address; correct the connection's host, or set 'certificate_name'",
}

_OURS = "correct 'certificate' and 'key' in the connection, or have the PACS trust who issued it"

# RFC 8446 6 and OpenSSL's own reasons
_NOT_OURS = (
    ("CERTIFICATE_REQUIRED", "it asks for our certificate; set 'certificate' and 'key' in the connection"),
    ("ALERT_UNKNOWN_CA", f"it does not trust our certificate; {_OURS}"),
    ("ALERT_BAD_CERTIFICATE", f"it does not accept our certificate; {_OURS}"),
    ("ALERT_UNSUPPORTED_CERTIFICATE", f"it does not accept our certificate; {_OURS}"),
    ("ALERT_CERTIFICATE_UNKNOWN", f"it does not accept our certificate; {_OURS}"),
    ("ALERT_DECRYPT_ERROR", f"it does not accept our certificate; {_OURS}"),
    ("ALERT_CERTIFICATE_EXPIRED", "it says that our certificate has expired"),
)
_ALERTS = (
    *_NOT_OURS,
    ("WRONG_VERSION_NUMBER", "it does not speak TLS on that port"),
    ("UNEXPECTED_EOF", "it closed the connection before TLS was agreed on; perhaps that port is without TLS"),
    ("PROTOCOL_VERSION", "it knows no TLS newer than 1.1, which is not safe"),
    ("UNSUPPORTED_PROTOCOL", "it knows no TLS newer than 1.1, which is not safe"),
    (
        "HANDSHAKE_FAILURE",
        "it accepts none of the ciphers of BCP 195, or asks for our certificate ('certificate' and 'key')",
    ),
)
