"""The ways in which a PACS is made to send: C-MOVE to the receiver, C-GET or WADO-RS into stage 1."""

from __future__ import annotations

from collections.abc import Callable
from math import floor

from pacs2trial.errors import TransientError, UnsafeObjectError
from pacs2trial.intake.stage1 import stage_dataset, stage_part10
from pacs2trial.network.get import get
from pacs2trial.network.move import move
from pacs2trial.network.pace import Pace
from pacs2trial.network.peer import Peer
from pacs2trial.network.wado import fetch_objects
from pacs2trial.network.webpeer import Node, WebPeer
from pacs2trial.retrieve.requests import Request
from pacs2trial.trials.definition import TrialDefinition
from pacs2trial.workspace import Workspace

# PS3.4 B.2.3, table B.2-1
_SUCCESS = 0x0000
_OUT_OF_RESOURCES = 0xA700

Retrieval = Callable[[Request], None]
"""Carries out one request. Raises as :func:`pacs2trial.network.move.move`."""


def retrieval(ws: Workspace, definition: TrialDefinition, node: Node, cancelled: Callable[[], bool]) -> Retrieval:
    """The way of a trial's definition to carry out a request, at the rate that the connection allows."""
    pace = Pace(node.limits.rate)
    if isinstance(node, WebPeer):
        return _by_web(ws, node, pace, cancelled)
    if definition.source.retrieve == "c-get":
        return _by_get(ws, node, pace, cancelled)
    return _by_move(node, pace, cancelled)


def most_at_once(node: Node, definition: TrialDefinition) -> int | None:
    """How many instances one request may ask for; None for any number.

    By C-MOVE the PACS sends as fast as it can, so one request asks for no more than a minute's share. The other ways
    hold the PACS back instance by instance.
    """
    per_minute = node.limits.rate.instances_per_minute
    if per_minute is None or definition.source.retrieve != "c-move":
        return None
    return max(1, floor(per_minute))


def _by_move(node: Peer, pace: Pace, cancelled: Callable[[], bool]) -> Retrieval:
    def retrieve(request: Request) -> None:
        try:
            move(
                node,
                request.study,
                request.series,
                request.instances or None,
                expected=request.expected,
                cancelled=cancelled,
            )
        finally:
            pace.spend(request.expected, 0, cancelled)

    return retrieve


def _by_get(ws: Workspace, node: Peer, pace: Pace, cancelled: Callable[[], bool]) -> Retrieval:
    def store(dataset: memoryview, transfer_syntax: str, named: str) -> int:
        try:
            stage_dataset(ws, dataset, transfer_syntax, source=f"pacs:{node.name}", named=named)
        except TransientError:
            return _OUT_OF_RESOURCES
        pace.spend(1, dataset.nbytes, cancelled)
        return _SUCCESS

    def retrieve(request: Request) -> None:
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

    return retrieve


def _by_web(ws: Workspace, node: WebPeer, pace: Pace, cancelled: Callable[[], bool]) -> Retrieval:
    def take(content: bytearray, named: str) -> None:
        try:
            stage_part10(ws, content, source=f"pacs:{node.name}", named=named)
        except UnsafeObjectError:
            return  # no object at all; what was expected in its place stays expected
        pace.spend(1, len(content), cancelled)

    def retrieve(request: Request) -> None:
        fetch_objects(
            node,
            request.study,
            request.series,
            take,
            instances=request.instances or None,
            expected=request.expected,
            cancelled=cancelled,
        )

    return retrieve
