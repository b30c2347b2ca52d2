"""A node that asks: C-FIND, C-GET and C-MOVE by pynetdicom, keeping every byte that comes."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from pydicom.dataset import Dataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless
from pynetdicom import AE, AllStoragePresentationContexts, build_context, build_role, evt
from pynetdicom.association import Association

from pacs2trial.network.standstill import keep_answers

FIND, MOVE, GET = (f"1.2.840.10008.5.1.4.1.2.2.{verb}" for verb in (1, 2, 3))
PATIENT_FIND, PATIENT_GET = "1.2.840.10008.5.1.4.1.2.1.1", "1.2.840.10008.5.1.4.1.2.1.3"
ALL = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless)
CT = str(CTImageStorage)


@dataclass
class Taken:
    """What came by C-STORE: data sets as they were sent, by SOP Instance UID, and their transfer syntaxes."""

    datasets: dict[str, bytes] = field(default_factory=dict)
    syntaxes: dict[str, str] = field(default_factory=dict)
    originators: set[str] = field(default_factory=set)
    status: int = 0x0000

    def store(self, event: evt.Event) -> int:
        request: Any = event.request
        if self.status:
            return self.status
        uid = str(request.AffectedSOPInstanceUID)
        self.datasets[uid] = request.DataSet.getvalue()
        self.syntaxes[uid] = str(event.context.transfer_syntax)
        self.originators.add(str(request.MoveOriginatorApplicationEntityTitle))
        return 0x0000


@contextmanager
def asking(
    port: int,
    calling: str,
    called: str,
    *,
    models: Sequence[str] = (FIND, MOVE, GET),
    taken: Taken | None = None,
    syntaxes: Collection[str] = ALL,
    classes: Collection[str] | None = None,
) -> Iterator[Association]:
    """An association for query/retrieve; with ``taken`` it also offers to store what a C-GET brings."""
    entity = AE(calling)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = 30
    contexts = [build_context(model) for model in models]
    storage = sorted(
        classes
        or {
            str(cx.abstract_syntax)
            for cx in AllStoragePresentationContexts
            if "CT" in cx.abstract_syntax.name or cx.abstract_syntax.name.startswith(("RT ", "Spatial R"))
        }
    )
    if taken is not None:
        contexts += [build_context(uid, [syntax]) for uid in storage for syntax in syntaxes]
    association = entity.associate(
        "127.0.0.1",
        port,
        contexts=contexts,
        ae_title=called,
        ext_neg=[build_role(uid, scp_role=True) for uid in storage] if taken is not None else [],
        evt_handlers=[(evt.EVT_C_STORE, taken.store)] if taken is not None else [],
    )
    keep_answers(association)
    try:
        yield association
    finally:
        if association.is_established:
            association.release()


def matches(association: Association, keys: Dataset, model: str = FIND) -> tuple[list[Dataset], int]:
    """The matches of a C-FIND and its final status."""
    found = list(association.send_c_find(keys, model))
    return [answer for _, answer in found[:-1] if answer is not None], int(found[-1][0].Status)
