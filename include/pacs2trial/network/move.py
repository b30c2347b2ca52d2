"""C-MOVE in the Study Root Query/Retrieve Information Model (PS3.4 C.4.2)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydicom.uid import UID
from pynetdicom.presentation import build_context

from pacs2trial.network.association import associate
from pacs2trial.network.identifier import retrieve_keys
from pacs2trial.network.peer import Peer
from pacs2trial.network.results import SubOperations
from pacs2trial.network.suboperations import MESSAGE_ID, follow, never

_MODEL = UID("1.2.840.10008.5.1.4.1.2.2.2")  # Study Root Query/Retrieve Information Model - MOVE


def move(
    peer: Peer,
    study: str,
    series: str | None = None,
    instances: Sequence[str] | None = None,
    *,
    expected: int = 0,
    cancelled: Callable[[], bool] = never,
) -> SubOperations:
    """Have the PACS send a study, a series, or some instances of a series to our receiver.

    Args:
        peer: the PACS; ``peer.move_destination`` is the receiver's AE title as the PACS knows it.
        study: Study Instance UID.
        series: Series Instance UID; the whole study without it.
        instances: SOP Instance UIDs of that series, at most :data:`~pacs2trial.network.suboperations.LIST_LENGTH`;
            the whole series without them.
        expected: instances that should come, 0 if not known. With it, a Success that did nothing is an error.
        cancelled: asked several times a second; when true the transfer is stopped.

    Raises:
        TransientError: not reachable, broken off, out of resources, busy.
        PermanentError: association rejected for good, move destination unknown, request refused.
    """
    timeout = peer.patience.transfer_timeout
    with associate(peer, [build_context(_MODEL)], response_timeout=timeout) as association:
        responses = association.send_c_move(
            retrieve_keys(study, series, instances), peer.move_destination, _MODEL, msg_id=MESSAGE_ID, priority=0
        )
        return follow(peer, "C-MOVE", association, _MODEL, responses, expected=expected, cancelled=cancelled)
