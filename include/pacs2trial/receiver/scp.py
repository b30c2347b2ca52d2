"""The receiver: a DICOM node that answers C-ECHO and puts what C-STORE brings through stage 1.

Success (0x0000) means that the object is durable in staging or encrypted in quarantine (promise 5). 0xA700 (PS3.4
table B.2-1, Refused: Out of Resources) means that disk or vault are short and the sender may repeat; 0xC000 (Error:
Cannot understand) that the object could be kept nowhere. Nothing of it remains in either case.
"""

from __future__ import annotations

import errno
import logging
import time
from collections import Counter
from typing import Any

from pynetdicom import (
    AE,
    ALL_TRANSFER_SYNTAXES,
    AllStoragePresentationContexts,
    VerificationPresentationContexts,
    _config,
    evt,
)
from pynetdicom.association import Association
from pynetdicom.dimse_primitives import C_STORE
from pynetdicom.transport import ThreadedAssociationServer

from pacs2trial.errors import SetupError, TransientError
from pacs2trial.intake.stage1 import pinned_staging_plan, stage_dataset
from pacs2trial.network.association import send_at_once
from pacs2trial.network.quiet import hush
from pacs2trial.receiver.query_retrieve import QueryRetrieve
from pacs2trial.settings import Settings
from pacs2trial.staging.store import sweep
from pacs2trial.workspace import Workspace

log = logging.getLogger(__name__)

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000

MAXIMUM_ASSOCIATIONS = 64
MAXIMUM_PDU = 131072
"""Bytes; longer PDUs mean fewer turns of pynetdicom's reactor for each object."""

_ASSOCIATION_TIMEOUT = 30.0
_SILENCE_TIMEOUT = 600.0
_STOP_POLL = 0.05


class Receiver:
    """Accepts associations that call it by its AE title.

    Args:
        ws: the site.
        maximum_associations: more at a time are rejected for the moment (PS3.8 9.3.4, local limit exceeded).

    Raises:
        InputError: the file of query/retrieve that the settings name is absent or wrong.
    """

    def __init__(self, ws: Workspace, *, maximum_associations: int = MAXIMUM_ASSOCIATIONS) -> None:
        self._ws = ws
        self._query_retrieve = QueryRetrieve(ws)
        self._server: ThreadedAssociationServer | None = None
        self._entity = _entity(ws.settings, maximum_associations)
        self._counts: dict[Association, Counter[str]] = {}

    def start(self) -> int:
        """Sweep what a killed receiver left, then listen.

        Returns:
            The port, also when the settings ask for any free one (0).

        Raises:
            InputError: the site's own list of safe private attributes has faults.
            SetupError: the port is taken, or the address is not this machine's; the message says what to set.
            TransientError: the vault cannot be written.
        """
        hush()
        _config.LOG_HANDLER_LEVEL = "none"
        settings = self._ws.settings
        leftovers = sweep(settings)
        if leftovers:
            log.info("%d unfinished files of a killed process were removed", leftovers)
        pinned_staging_plan(self._ws)
        address = (settings.receiver_host, settings.receiver_port)
        try:
            self._server = self._entity.start_server(address, block=False, evt_handlers=self._handlers())
        except OSError as error:
            raise _why_not_listening(settings, error) from None
        assert self._server is not None
        return int(self._server.server_address[1])

    def stop(self, *, grace: float = 30.0) -> None:
        """Accept no more, let running associations end for ``grace`` seconds, then abort them."""
        if self._server is None:
            return
        self._server.shutdown()
        self._server = None
        limit = time.monotonic() + grace
        while self._entity.active_associations and time.monotonic() < limit:
            time.sleep(_STOP_POLL)
        self._entity.shutdown()

    def _handlers(self) -> list[Any]:
        return [
            (evt.EVT_CONN_OPEN, send_at_once),
            (evt.EVT_C_ECHO, lambda _event: SUCCESS),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_CONN_CLOSE, self._closed),
            *self._query_retrieve.handlers(),
        ]

    def _store(self, event: evt.Event) -> int:
        count = self._counts.setdefault(event.assoc, Counter())
        request, syntax = event.request, str(event.context.transfer_syntax)
        if not isinstance(request, C_STORE) or request.DataSet is None:
            count["failed"] += 1
            return CANNOT_UNDERSTAND
        try:
            staged = stage_dataset(
                self._ws,
                request.DataSet.getbuffer(),
                syntax,
                source=f"push:{_calling(event.assoc)}",
                named=str(request.AffectedSOPInstanceUID or ""),
            )
        except TransientError as error:
            count["refused"] += 1
            log.warning("refused with 0xA700: %s", error)
            return OUT_OF_RESOURCES
        except Exception as error:  # noqa: BLE001 - whatever it is, the sender must hear that nothing was kept
            count["failed"] += 1
            log.error("refused with 0xC000: %s", type(error).__name__)  # noqa: TRY400 - a traceback quotes values
            return CANNOT_UNDERSTAND
        count[staged.outcome.value if staged.new else "received before"] += 1
        return SUCCESS

    def _closed(self, event: evt.Event) -> None:
        count = self._counts.pop(event.assoc, None)
        if count:
            log.info("%s: %s", _calling(event.assoc), ", ".join(f"{n} {what}" for what, n in sorted(count.items())))


def _entity(settings: Settings, maximum_associations: int) -> AE:
    entity = AE(settings.receiver_aet)
    entity.require_called_aet = True
    entity.maximum_associations = maximum_associations
    entity.maximum_pdu_size = MAXIMUM_PDU
    entity.acse_timeout = _ASSOCIATION_TIMEOUT
    entity.network_timeout = _SILENCE_TIMEOUT
    entity.supported_contexts = VerificationPresentationContexts
    for context in AllStoragePresentationContexts:
        assert context.abstract_syntax is not None
        entity.add_supported_context(context.abstract_syntax, ALL_TRANSFER_SYNTAXES)
    return entity


def _calling(association: Association) -> str:
    return str(association.requestor.ae_title).strip()


def _why_not_listening(settings: Settings, error: OSError) -> SetupError:
    where = f"{settings.receiver_host}:{settings.receiver_port}"
    if error.errno == errno.EADDRINUSE:
        return SetupError(
            f"the receiver cannot listen on {where}: the port is taken. Stop what listens there, "
            "or set PACS2TRIAL_RECEIVER_PORT"
        )
    if error.errno == errno.EACCES:
        return SetupError(
            f"the receiver may not listen on {where}: ports below 1024 need a privilege. Set PACS2TRIAL_RECEIVER_PORT"
        )
    return SetupError(
        f"the receiver cannot listen on {where}: {error.strerror}. Set PACS2TRIAL_RECEIVER_HOST to an address of "
        "this machine"
    )
