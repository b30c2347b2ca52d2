"""What the receiver's own AE title offers: verification and storage.

Success (0x0000) means that the object is durable in staging or encrypted in quarantine (promise 5). Every failure
means that nothing of the object is kept (PS3.4 table B.2-1, PS3.7 9.1.1.1.9): disk or vault are short and the sender
may repeat (0xA700), the data set is of another SOP class than the request says (0xA900), the object is too large or
could be kept nowhere (0xC000), the request names no SOP instance (0x0117), or another SOP class than its context
(0x0122).
"""

from __future__ import annotations

import logging
import re

from pynetdicom import ALL_TRANSFER_SYNTAXES, VerificationPresentationContexts, build_context

from pacs2trial.errors import TransientError
from pacs2trial.intake.stage1 import OtherClassError, stage_dataset
from pacs2trial.receiver.arriving import OpenStudies
from pacs2trial.receiver.association import Association, Offer, OfferingNode
from pacs2trial.receiver.commands import (
    AFFECTED_SOP_CLASS,
    AFFECTED_SOP_INSTANCE,
    C_ECHO_RQ,
    C_STORE_RQ,
    ERROR_COMMENT,
    Value,
)
from pacs2trial.receiver.messages import Message
from pacs2trial.receiver.storage_classes import storage_classes
from pacs2trial.receiver.tally import Counter, Outcome
from pacs2trial.settings import variable
from pacs2trial.vault.tables import InstanceState
from pacs2trial.workspace import Workspace

log = logging.getLogger(__name__)

SUCCESS = 0x0000
OUT_OF_RESOURCES = 0xA700
OTHER_SOP_CLASS = 0xA900
CANNOT_UNDERSTAND = 0xC000
INVALID_SOP_INSTANCE = 0x0117
SOP_CLASS_NOT_SUPPORTED = 0x0122

_OUTCOMES = {
    InstanceState.STAGED: Outcome.STAGED,
    InstanceState.QUARANTINED: Outcome.QUARANTINED,
    InstanceState.REJECTED: Outcome.REJECTED,
}
_UID = re.compile(r"[0-9.]{1,64}")
"""Leading zeros in a UID are wrong, but known of devices; the instance is told from others all the same."""
_LONGEST_COMMENT = 64


def own_node(ws: Workspace, counter: Counter, open_studies: OpenStudies) -> OfferingNode:
    """Verification, and every storage SOP class of the standard in every transfer syntax."""
    storage = Storage(ws, counter, open_studies)
    offers = [Offer(context, verify, frozenset({C_ECHO_RQ})) for context in VerificationPresentationContexts]
    offers += [
        Offer(build_context(sop_class, ALL_TRANSFER_SYNTAXES), storage, frozenset({C_STORE_RQ}))
        for sop_class in storage_classes()
    ]
    return OfferingNode(offers, ws.settings.receiver_object_mb * 2**20, ws.settings.receiver_pdu_bytes)


def verify(association: Association, message: Message) -> None:
    """Answer a C-ECHO (PS3.7 9.1.5)."""
    association.respond(message, SUCCESS)


class Storage:
    """Puts what C-STORE brings (PS3.7 9.1.1) through stage 1."""

    def __init__(self, ws: Workspace, counter: Counter, open_studies: OpenStudies) -> None:
        self._ws = ws
        self._open_studies = open_studies
        self._counter = counter

    def __call__(self, association: Association, message: Message) -> None:
        came = self._counter.object_came(association.calling, message.size)
        became: Outcome | int = OUT_OF_RESOURCES
        try:
            became = self._fault(association, message) or self._stage(association, message)
            association.counts[became.value if isinstance(became, Outcome) else f"refused (0x{became:04X})"] += 1
            status = SUCCESS if isinstance(became, Outcome) else became
            association.respond(message, status, more=self._comment(message, status))
        finally:
            self._counter.object_answered(came, became)

    def _fault(self, association: Association, message: Message) -> int | None:
        """The failure status of a request that contradicts itself, or brings nothing that is kept."""
        sop_class = message.command.uid(AFFECTED_SOP_CLASS)
        if sop_class != str(association.contexts[message.context_id].abstract_syntax):
            return SOP_CLASS_NOT_SUPPORTED
        if not _UID.fullmatch(message.command.uid(AFFECTED_SOP_INSTANCE)):
            return INVALID_SOP_INSTANCE
        return CANNOT_UNDERSTAND if message.dataset is None else None

    def _stage(self, association: Association, message: Message) -> Outcome | int:
        assert message.dataset is not None
        try:
            staged = stage_dataset(
                self._ws,
                message.dataset,
                association.transfer_syntax(message),
                source=f"push:{association.calling}",
                named=message.command.uid(AFFECTED_SOP_INSTANCE),
                sop_class=message.command.uid(AFFECTED_SOP_CLASS),
            )
        except TransientError as error:
            log.warning("refused with 0xA700: %s", error)
            return OUT_OF_RESOURCES
        except OtherClassError as error:
            log.warning("refused with 0xA900: %s", error)
            return OTHER_SOP_CLASS
        except Exception as error:  # noqa: BLE001 - whatever it is, the sender must hear that nothing was kept
            log.error("refused with 0xC000: %s", type(error).__name__)  # noqa: TRY400 - a traceback quotes values
            return CANNOT_UNDERSTAND
        if staged.study:
            self._open_studies.brings(association, staged.study)
        return _OUTCOMES[staged.outcome] if staged.new else Outcome.AGAIN

    def _comment(self, message: Message, status: int) -> dict[int, Value]:
        """The error comment (PS3.7 annex E.1) of an object that is too large: sending it again is of no use."""
        if status != CANNOT_UNDERSTAND or message.dataset is not None or not message.size:
            return {}
        text = f"larger than {self._ws.settings.receiver_object_mb} MB ({variable('receiver_object_mb')})"
        log.warning("refused with 0xC000: an object of %d MB is %s", message.size // 2**20, text)
        encoded = text[:_LONGEST_COMMENT].encode("ascii")
        return {ERROR_COMMENT: encoded + b" " * (len(encoded) % 2)}
