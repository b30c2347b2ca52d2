"""Negotiation of an association (PS3.8 9.3.2 to 9.3.4, PS3.7 annex D.3) by pynetdicom's PDUs and rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

from pydicom.uid import UID
from pynetdicom._globals import APPLICATION_CONTEXT_NAME
from pynetdicom.pdu import A_ASSOCIATE_AC, A_ASSOCIATE_RJ, A_ASSOCIATE_RQ
from pynetdicom.pdu_primitives import (
    A_ASSOCIATE,
    ImplementationClassUIDNotification,
    ImplementationVersionNameNotification,
    MaximumLengthNotification,
    SCP_SCU_RoleSelectionNegotiation,
)
from pynetdicom.presentation import PresentationContext, negotiate_as_acceptor

from pacs2trial.dicomfile.encoding import IMPLEMENTATION_CLASS_UID, IMPLEMENTATION_VERSION
from pacs2trial.receiver.upper_layer import INVALID_PARAMETER, ProtocolError

_FIRST_VERSION = 0x01
_ACCEPTED = 0


class Rejection(NamedTuple):
    """Result, source and reason of an A-ASSOCIATE-RJ (PS3.8 9.3.4, table 9-21)."""

    result: int
    source: int
    reason: int


CONTEXT_NAME_NOT_SUPPORTED: Final = Rejection(1, 1, 2)
CALLING_NOT_RECOGNIZED: Final = Rejection(1, 1, 3)
CALLED_NOT_RECOGNIZED: Final = Rejection(1, 1, 7)
VERSION_NOT_SUPPORTED: Final = Rejection(1, 2, 2)
LOCAL_LIMIT_EXCEEDED: Final = Rejection(2, 3, 2)


class Proposal:
    """A request for an association, decoded.

    Attributes:
        calling: AE title of who asks.
        called: AE title that is asked for.
        peer_maximum: the longest PDU that the peer takes, 0 for no limit.
        pdu: the A-ASSOCIATE-RQ as it came.
    """

    def __init__(self, pdu: bytes | bytearray) -> None:
        """Decode an A-ASSOCIATE-RQ.

        Raises:
            ProtocolError: it cannot be decoded.
        """
        try:
            self.pdu = bytes(pdu)
            request = A_ASSOCIATE_RQ()
            request.decode(self.pdu)
            self._version = request.protocol_version
            self._primitive = request.to_primitive()
            self.calling = str(self._primitive.calling_ae_title or "").strip()
            self.called = str(self._primitive.called_ae_title or "").strip()
            self.peer_maximum = int(self._primitive.maximum_length_received or 0)
            self._roles = {
                item.sop_class_uid: (item.scu_role, item.scp_role)
                for item in self._primitive.user_information
                if isinstance(item, SCP_SCU_RoleSelectionNegotiation) and item.sop_class_uid is not None
            }
        except Exception:  # noqa: BLE001 - whatever a decoder makes of bent bytes, the answer is the same
            raise ProtocolError(INVALID_PARAMETER) from None

    def fault(self) -> Rejection | None:
        """Why no node could accept this."""
        if not (self._version or 0) & _FIRST_VERSION:
            return VERSION_NOT_SUPPORTED
        if self._primitive.application_context_name != APPLICATION_CONTEXT_NAME:
            return CONTEXT_NAME_NOT_SUPPORTED
        return None

    def accept(
        self, supported: list[PresentationContext], maximum_pdu: int
    ) -> tuple[bytes, Mapping[int, PresentationContext]]:
        """What an acceptor of ``supported`` answers.

        Args:
            supported: presentation contexts with their transfer syntaxes.
            maximum_pdu: bytes of a PDU that it asks for; longer PDUs mean fewer turns for each object.

        Returns:
            The A-ASSOCIATE-AC PDU, and the accepted presentation contexts by ID, each with its one transfer syntax
            and the roles that the acceptor has in it.

        Raises:
            ProtocolError: the proposal contradicts itself.
        """
        try:
            results, roles = negotiate_as_acceptor(
                self._primitive.presentation_context_definition_list, supported, self._roles
            )
            answer = A_ASSOCIATE()
            answer.application_context_name = UID(APPLICATION_CONTEXT_NAME)
            answer.calling_ae_title = self._primitive.calling_ae_title
            answer.called_ae_title = self._primitive.called_ae_title
            answer.result, answer.result_source = 0, 1
            answer.presentation_context_definition_results_list = results
            answer.user_information = [*_about_us(maximum_pdu), *roles]
            pdu = A_ASSOCIATE_AC()
            pdu.from_primitive(answer)
            encoded = pdu.encode()
        except Exception:  # noqa: BLE001 - as above
            raise ProtocolError(INVALID_PARAMETER) from None
        return encoded, {one.context_id: one for one in results if one.result == _ACCEPTED and one.context_id}


def rejection(why: Rejection) -> bytes:
    """The A-ASSOCIATE-RJ PDU."""
    pdu = A_ASSOCIATE_RJ()
    pdu.result, pdu.source, pdu.reason_diagnostic = why
    return pdu.encode()


def _about_us(
    maximum_pdu: int,
) -> list[MaximumLengthNotification | ImplementationClassUIDNotification | ImplementationVersionNameNotification]:
    """Items of PS3.7 D.3.3.1 and D.3.3.2; nothing in them tells the release."""
    longest = MaximumLengthNotification()
    longest.maximum_length_received = maximum_pdu
    implementation = ImplementationClassUIDNotification()
    implementation.implementation_class_uid = UID(IMPLEMENTATION_CLASS_UID)
    version = ImplementationVersionNameNotification()
    version.implementation_version_name = IMPLEMENTATION_VERSION
    return [longest, implementation, version]
