"""Is the receiver there? Asked from its own machine, over the network, as a PACS would."""

from __future__ import annotations

from pacs2trial.errors import PermanentError
from pacs2trial.network.association import RejectedError, TlsError
from pacs2trial.network.echo import echo
from pacs2trial.network.peer import Patience, Peer
from pacs2trial.receiver.transport import calling_ourselves
from pacs2trial.settings import Settings

_CALLING_NOT_RECOGNIZED = (1, 3)  # PS3.8 9.3.4, table 9-21
_ANY_ADDRESS = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104  # compared, not bound


def own_address(settings: Settings) -> str:
    """Where the receiver of these settings is reached from its own machine."""
    return _ANY_ADDRESS.get(settings.receiver_host, settings.receiver_host)


def probe(settings: Settings) -> str:
    """Call the receiver of these settings by C-ECHO, under its own AE title.

    One that asks callers for a certificate, or lets listed callers in only, may turn this call away; it is there then,
    too.

    Returns:
        In words, how it answered.

    Raises:
        TransientError: nothing answers.
        PermanentError: something answers that is not this receiver.
        SetupError: the certificate of the settings cannot be used.
    """
    own, port = settings.receiver_aet, settings.receiver_port
    tls = calling_ourselves(settings)
    patience = Patience(connect_timeout=2, association_timeout=5, response_timeout=5)
    how = f"on port {port}{' with TLS' if tls.tls else ''}"
    try:
        echo(Peer("receiver", own_address(settings), port, own, own, own, patience, tls=tls))
    except RejectedError as error:
        if error.reason != _CALLING_NOT_RECOGNIZED or not settings.receiver_allow:
            raise
        return f"{own} runs {how}, for listed callers"
    except TlsError as error:
        if not (error.ours_refused and settings.receiver_tls_ca):
            raise PermanentError(str(error)) from None
        return f"{own} runs {how}, for callers with a certificate"
    return f"{own} runs and answers C-ECHO {how}"
