"""What the receiver's own AE title offers: verification and storage.

Success (0x0000) means that the object is durable in staging or encrypted in quarantine (promise 5). 0xA700 (PS3.4
table B.2-1, Refused: Out of Resources) means that disk or vault are short and the sender may repeat; 0xC000 (Error:
Cannot understand) that the object could be kept nowhere. Nothing of it remains in either case.
"""

from __future__ import annotations

import logging

from pynetdicom import (
    ALL_TRANSFER_SYNTAXES,
    AllStoragePresentationContexts,
    VerificationPresentationContexts,
    build_context,
)

from pacs2trial.errors import TransientError
from pacs2trial.intake.stage1 import stage_dataset
from pacs2trial.receiver.association import Association, Offer, OfferingNode
from pacs2trial.receiver.commands import AFFECTED_SOP_INSTANCE, C_ECHO_RQ, C_STORE_RQ
from pacs2trial.receiver.messages import Message
from pacs2trial.workspace import Workspace

log = logging.getLogger(__name__)

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
CANNOT_UNDERSTAND = 0xC000

LONGEST_OBJECT = 2**32
"""Bytes of a data set; more than an element of DICOM can hold."""


def own_node(ws: Workspace) -> OfferingNode:
    """Verification, and every storage SOP class of the standard in every transfer syntax."""
    storage = Storage(ws)
    offers = [Offer(context, verify, frozenset({C_ECHO_RQ})) for context in VerificationPresentationContexts]
    for known in AllStoragePresentationContexts:
        assert known.abstract_syntax is not None
        context = build_context(known.abstract_syntax, ALL_TRANSFER_SYNTAXES)
        offers.append(Offer(context, storage, frozenset({C_STORE_RQ})))
    return OfferingNode(offers, LONGEST_OBJECT)


def verify(association: Association, message: Message) -> None:
    """Answer a C-ECHO (PS3.7 9.1.5)."""
    association.respond(message, SUCCESS)


class Storage:
    """Puts what C-STORE brings (PS3.7 9.1.1) through stage 1."""

    def __init__(self, ws: Workspace) -> None:
        self._ws = ws

    def __call__(self, association: Association, message: Message) -> None:
        association.respond(message, self._status(association, message))

    def _status(self, association: Association, message: Message) -> int:
        count = association.counts
        if message.dataset is None:
            count["failed"] += 1
            return CANNOT_UNDERSTAND
        try:
            staged = stage_dataset(
                self._ws,
                message.dataset,
                association.transfer_syntax(message),
                source=f"push:{association.calling}",
                named=message.command.uid(AFFECTED_SOP_INSTANCE),
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
