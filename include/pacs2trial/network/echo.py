"""C-ECHO, the verification service (PS3.4 Annex A)."""

from __future__ import annotations

from pydicom.uid import UID
from pynetdicom.presentation import build_context

from pacs2trial.network.association import associate, ended
from pacs2trial.network.peer import Peer
from pacs2trial.network.status import GENERAL, Outcome, failure, look_up

_VERIFICATION = UID("1.2.840.10008.1.1")


def echo(peer: Peer) -> None:
    """Ask whether the peer is there and knows us.

    Raises:
        TransientError: refused connection, time-out, abort, temporary congestion.
        PermanentError: it does not recognize one of the AE titles, or does not offer verification.
    """
    timeout = peer.patience.response_timeout
    with associate(peer, [build_context(_VERIFICATION)], response_timeout=timeout) as association:
        response = association.send_c_echo()
        if "Status" not in response:
            raise ended(peer, "C-ECHO", timeout)
        status = look_up(GENERAL, response.Status)
        if status.outcome is not Outcome.SUCCESS:
            raise failure(peer, "C-ECHO", response.Status, status)
