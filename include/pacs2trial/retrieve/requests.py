"""Requests that bring instances: which series, or which instances of one, are asked for and how."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from pacs2trial.errors import TransientError
from pacs2trial.intake.stage1 import stage_dataset
from pacs2trial.network.get import get
from pacs2trial.network.move import move
from pacs2trial.network.peer import Peer
from pacs2trial.network.suboperations import LIST_LENGTH
from pacs2trial.retrieve.outstanding import AskedInstance
from pacs2trial.trials.definition import STAGING, TrialDefinition
from pacs2trial.vault import Vault
from pacs2trial.vault.tables import Kind
from pacs2trial.workspace import Workspace

# PS3.4 B.2.3, table B.2-1
_SUCCESS = 0x0000
_OUT_OF_RESOURCES = 0xA700


@dataclass(frozen=True)
class SeriesRequest:
    """A series to be asked for, by original UIDs; ``instances`` is empty for the whole of it."""

    study: str = field(repr=False)
    series: str = field(repr=False)
    instances: tuple[str, ...] = field(repr=False)
    sop_classes: frozenset[str]
    expected: int


Retrieval = Callable[[SeriesRequest], None]
"""Carries out one request. Raises as :func:`pacs2trial.network.move.move`."""


def series_requests(
    vault: Vault, instances: Iterable[AskedInstance], *, purpose: str, by_instance: bool
) -> list[SeriesRequest]:
    """Requests for everything outstanding.

    Args:
        vault: where the original UIDs are; their use is recorded.
        instances: those of the studies that are asked for, outstanding and settled, in order of series.
        purpose: what the record of the disclosure says.
        by_instance: name each instance. Without it, a series of which nothing has come is asked for as a whole.
    """
    groups = [list(group) for _, group in groupby(instances, key=lambda one: (one.study, one.series))]
    open_groups = [(group, [one for one in group if one.outstanding]) for group in groups]
    open_groups = [(group, outstanding) for group, outstanding in open_groups if outstanding]
    original = _originals(vault, purpose, (one for _, outstanding in open_groups for one in outstanding))
    requests: list[SeriesRequest] = []
    for group, outstanding in open_groups:
        whole = not by_instance and len(outstanding) == len(group)
        for part in [outstanding] if whole else _parts(outstanding):
            requests.append(  # noqa: PERF401 (a comprehension over three levels reads worse)
                SeriesRequest(
                    study=original[part[0].study],
                    series=original[part[0].series],
                    instances=() if whole else tuple(original[one.sop_instance] for one in part),
                    sop_classes=frozenset(one.sop_class for one in part),
                    expected=len(part),
                )
            )
    return requests


def retrieval(ws: Workspace, definition: TrialDefinition, node: Peer, cancelled: Callable[[], bool]) -> Retrieval:
    """The way of a trial's definition to carry out a request: C-MOVE to the receiver, or C-GET into stage 1."""

    def by_move(request: SeriesRequest) -> None:
        move(
            node,
            request.study,
            request.series,
            request.instances or None,
            expected=request.expected,
            cancelled=cancelled,
        )

    def by_get(request: SeriesRequest) -> None:
        get(
            node,
            request.study,
            request.series,
            store,
            instances=request.instances or None,
            sop_classes=request.sop_classes,
            expected=request.expected,
            cancelled=cancelled,
        )

    def store(dataset: memoryview, transfer_syntax: str, named: str) -> int:
        try:
            stage_dataset(ws, dataset, transfer_syntax, source=f"pacs:{node.name}", named=named)
        except TransientError:
            return _OUT_OF_RESOURCES
        return _SUCCESS

    return by_get if definition.source.retrieve == "c-get" else by_move


def _originals(vault: Vault, purpose: str, instances: Iterable[AskedInstance]) -> Mapping[str, str]:
    pseudos = {uid for one in instances for uid in (one.study, one.series, one.sop_instance)}
    if not pseudos:
        return {}
    return vault.pseudonyms(STAGING).originals_of(Kind.UID, pseudos, caller="retrieve", purpose=purpose)


def _parts(instances: Sequence[AskedInstance]) -> Iterator[Sequence[AskedInstance]]:
    for start in range(0, len(instances), LIST_LENGTH):
        yield instances[start : start + LIST_LENGTH]
