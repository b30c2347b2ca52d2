"""C-STORE as SCU (PS3.4 B.2): objects to another node, each with its answer."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from io import BytesIO

import pydicom
from pydicom.uid import UID, ExplicitVRLittleEndian, ImplicitVRLittleEndian
from pynetdicom.association import Association
from pynetdicom.presentation import PresentationContext, build_context

from pacs2trial.errors import PermanentError
from pacs2trial.network.association import associate, ended
from pacs2trial.network.peer import Peer
from pacs2trial.network.status import STORE, Outcome, failure, look_up
from pacs2trial.network.storage_contexts import MOST_CONTEXTS

NATIVE = (str(ExplicitVRLittleEndian), str(ImplicitVRLittleEndian))

Kind = tuple[str, str]
"""SOP Class UID and transfer syntax of an object."""


def store(peer: Peer, kinds: Collection[Kind], objects: Iterable[bytes]) -> Iterator[tuple[str, bool]]:
    """Send objects over one association, in their order.

    Args:
        peer: the node.
        kinds: every kind of object that will be sent.
        objects: Part 10 files in memory; one is taken when the one before was answered.

    Yields:
        SOP Instance UID of an object that the node has stored, and whether it said a warning with it.

    Raises:
        TransientError: no association, it broke off, or the node is short of resources.
        PermanentError: the node does not take that kind of object, or refuses one for good.
    """
    with associate(peer, _contexts(kinds), response_timeout=peer.patience.transfer_timeout) as association:
        for content in objects:
            ds = pydicom.dcmread(BytesIO(content))
            _demand(association, peer, str(ds.SOPClassUID), str(ds.file_meta.TransferSyntaxUID))
            answer = association.send_c_store(ds)
            if "Status" not in answer:
                raise ended(peer, "C-STORE", peer.patience.transfer_timeout)
            status = look_up(STORE, answer.Status)
            if status.outcome not in (Outcome.SUCCESS, Outcome.WARNING):
                raise failure(peer, "C-STORE", answer.Status, status)
            yield str(ds.SOPInstanceUID), status.outcome is Outcome.WARNING


def _contexts(kinds: Collection[Kind]) -> list[PresentationContext]:
    """Objects that are not compressed may go in either native syntax, the others as they are."""
    native = sorted({sop_class for sop_class, syntax in kinds if syntax in NATIVE})
    compressed = sorted(kind for kind in set(kinds) if kind[1] not in NATIVE)
    contexts = [build_context(sop_class, list(NATIVE)) for sop_class in native]
    return [*contexts, *(build_context(*kind) for kind in compressed)][:MOST_CONTEXTS]


def _demand(association: Association, peer: Peer, sop_class: str, syntax: str) -> None:
    wanted = NATIVE if syntax in NATIVE else (syntax,)
    for context in association.accepted_contexts:
        if context.abstract_syntax == sop_class and str(context.transfer_syntax[0]) in wanted:
            return
    raise PermanentError(f"{peer} does not take {UID(sop_class).name} in {UID(syntax).name}; ask the trial centre")
