"""C-GET in the Study Root Query/Retrieve Information Model (PS3.4 C.4.3)."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Sequence

from pydicom.uid import UID
from pynetdicom import build_role, evt
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.presentation import build_context

from pacs2trial.network.association import associate
from pacs2trial.network.identifier import retrieve_keys
from pacs2trial.network.peer import Peer
from pacs2trial.network.results import SubOperations
from pacs2trial.network.storage_contexts import storage_contexts
from pacs2trial.network.suboperations import MESSAGE_ID, follow, never

_logger = logging.getLogger(__name__)
_MODEL = UID("1.2.840.10008.5.1.4.1.2.2.3")  # Study Root Query/Retrieve Information Model - GET
_UNABLE_TO_PROCESS = 0xC000  # PS3.4 B.2.3, table B.2-1

Store = Callable[[memoryview, str, str], int]
"""Takes a data set as it came, its transfer syntax UID and the Affected SOP Instance UID (PS3.7 9.1.1.1); returns the
C-STORE status for the PACS (PS3.4 B.2.3)."""


def get(
    peer: Peer,
    study: str,
    series: str | None,
    store: Store,
    *,
    instances: Sequence[str] | None = None,
    sop_classes: Collection[str] = (),
    expected: int = 0,
    cancelled: Callable[[], bool] = never,
) -> SubOperations:
    """Fetch a study, a series, or some instances of a series over our own association.

    Args:
        peer: the PACS.
        study: Study Instance UID.
        series: Series Instance UID; the whole study without it.
        store: called once for each object, on this thread.
        instances: as in :func:`pacs2trial.network.move.move`.
        sop_classes: what C-FIND announced; decides which presentation contexts are proposed.
        expected: as in :func:`pacs2trial.network.move.move`.
        cancelled: as in :func:`pacs2trial.network.move.move`.

    Raises:
        TransientError: not reachable, broken off, out of resources, busy.
        PermanentError: association rejected for good, C-GET not offered, request refused.
    """

    def stored(event: evt.Event) -> int:
        try:
            request = event.request
            assert isinstance(request, C_STORE)
            assert request.DataSet is not None
            named = str(request.AffectedSOPInstanceUID or "")
            return store(request.DataSet.getbuffer(), str(event.context.transfer_syntax), named)
        except Exception as error:  # noqa: BLE001 (whatever it is, the PACS has to hear that this object was not kept)
            _logger.error("an object could not be stored: %s", type(error).__name__)  # noqa: TRY400 (no values in logs)
            return _UNABLE_TO_PROCESS

    contexts = [build_context(_MODEL), *storage_contexts(sop_classes)]
    with associate(
        peer,
        contexts,
        response_timeout=peer.patience.transfer_timeout,
        roles=[build_role(uid, scp_role=True) for uid in sorted({str(cx.abstract_syntax) for cx in contexts[1:]})],
        handlers=[(evt.EVT_C_STORE, stored)],
    ) as association:
        keys = retrieve_keys(study, series, instances)
        responses = association.send_c_get(keys, _MODEL, msg_id=MESSAGE_ID, priority=0)
        return follow(peer, "C-GET", association, _MODEL, responses, expected=expected, cancelled=cancelled)
