"""A header part by part: what a walk makes of a run of elements that came before is remembered.

The outcome of a run is a function of its bytes and of :class:`Context`, by construction: it comes from a walk of its
own that sees nothing else. So a header gives the same pieces and the same notes whether or not its runs are known.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import groupby
from typing import Final, NamedTuple

from pacs2trial.deidentify.asked import Asked
from pacs2trial.deidentify.compiled import Operations
from pacs2trial.deidentify.judge import Judge
from pacs2trial.deidentify.notes import State
from pacs2trial.deidentify.pieces import Piece
from pacs2trial.deidentify.walk import Walk
from pacs2trial.dicomfile.runs import Part, Run
from pacs2trial.profile.rules import Action

_HIGHEST: Final = 1 << 32


class Context(NamedTuple):
    """Everything but its bytes that the outcome of a run depends on.

    Attributes:
        operations: of the plan, for this kind of object.
        judge: what it says depends on the identifiers of the whole object.
        days: by which dates move.
        asked: what rules ask of other elements.
        implicit: whether the run is in implicit VR.
        state: what the elements before it left in force.
    """

    operations: Operations
    judge: Judge
    days: int
    asked: Asked
    implicit: bool
    state: State


class Outcome(NamedTuple):
    pieces: list[Piece]
    walk: Walk


def walk_header(walk: Walk, parts: Sequence[Part], *, implicit: bool) -> list[Piece]:
    """Walk a whole header; what is known of its parts is taken over.

    Args:
        walk: a new walk over the header.
        parts: of the header, in their order; none to walk it in one piece.
        implicit: whether the header is in implicit VR.

    Raises:
        UnsafeObjectError: ``truncated``, ``malformed``, ``order``, ``too-deep`` or ``too-large``.
    """
    operations = walk.operations
    slots, tags = operations.slots, operations.slot_tags
    pieces: list[Piece] = []
    written = 0
    for start, stop, run, end in _bounded(parts or (Part(0, len(walk.buffer), 0, {}),)):
        low = written if run is None else bisect_left(tags, run.first)
        high = bisect_left(tags, end) if run is None else bisect_right(tags, run.last)
        pieces += slots[written:low]
        written = high
        outcome = None
        if run is not None:
            outcome = _outcome(run, Context(operations, walk.judge, walk.days, walk.asked, implicit, walk.state))
        if outcome is None:
            pieces += walk.stretch(start, stop, slots[low:high], implicit=implicit)
        else:
            pieces += outcome.pieces
            walk.take_over(outcome.walk)
    pieces += slots[written:]
    changed = sum(walk.counts.values())
    walk.counts[Action.KEEP] = walk.counts.get(Action.KEEP, 0) + walk.elements - changed
    return pieces


def _bounded(parts: Sequence[Part]) -> Iterator[tuple[int, int, Run | None, int]]:
    """Of each part where it starts and stops, its run, and the first tag of the part that follows."""
    firsts = [next(iter(part.elements)) for part in parts[1:]]
    for (start, stop, _, _, run), end in zip(parts, [*firsts, _HIGHEST], strict=True):
        yield start, stop, run, end


@lru_cache(maxsize=2048)
def _outcome(run: Run, context: Context) -> Outcome | None:
    """What becomes of a run; None if that depends on more than the run and its context."""
    operations = context.operations
    walk = Walk(run.data, operations, context.judge, days=context.days, asked=context.asked)
    walk.enter(context.state)
    tags = operations.slot_tags
    slots = operations.slots[bisect_left(tags, run.first) : bisect_right(tags, run.last)]
    pieces = walk.stretch(0, len(run.data), slots, implicit=context.implicit)
    return None if walk.sees_all else Outcome(list(_joined(pieces)), walk)


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """The same pieces, encoded ones that are neighbours in one."""
    for encoded, group in groupby(pieces, key=lambda piece: isinstance(piece, bytes)):
        if encoded:
            yield b"".join(piece for piece in group if isinstance(piece, bytes))
        else:
            yield from group
