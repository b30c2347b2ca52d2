"""What the status of a DIMSE response means: the tables of PS3.4 and PS3.7 as data."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from pacs2trial.errors import PermanentError, TransientError
from pacs2trial.network.peer import Peer


class Outcome(Enum):
    """What a status asks of the requester."""

    SUCCESS = "success"
    PENDING = "pending"
    WARNING = "warning"
    TRANSIENT = "failed, later it may succeed"
    PERMANENT = "failed for good"


@dataclass(frozen=True)
class Status:
    """A status code, or a range of them, with its outcome and plain words."""

    first: int
    last: int
    outcome: Outcome
    words: str


StatusTable = tuple[Status, ...]


def _one(code: int, outcome: Outcome, words: str) -> Status:
    return Status(code, code, outcome, words)


# PS3.7 Annex C: what any DIMSE service may answer
GENERAL: StatusTable = (
    _one(0x0000, Outcome.SUCCESS, "success"),
    _one(0x0110, Outcome.TRANSIENT, "processing failure"),
    _one(0x0122, Outcome.PERMANENT, "SOP Class not supported"),
    _one(0x0124, Outcome.PERMANENT, "refused: not authorized"),
    _one(0x0210, Outcome.TRANSIENT, "duplicate invocation"),
    _one(0x0211, Outcome.PERMANENT, "unrecognized operation"),
    _one(0x0212, Outcome.PERMANENT, "mistyped argument"),
    _one(0xFE00, Outcome.TRANSIENT, "cancelled by the other side"),
)

# PS3.4 C.4.1.1.4, table C.4-1
FIND: StatusTable = (
    _one(0xA700, Outcome.TRANSIENT, "refused: out of resources"),
    _one(0xA900, Outcome.PERMANENT, "the query does not match the SOP Class"),
    Status(0xC000, 0xCFFF, Outcome.TRANSIENT, "unable to process"),
    _one(0xFF00, Outcome.PENDING, "a match"),
    _one(0xFF01, Outcome.PENDING, "a match; an optional key is not supported"),
    *GENERAL,
)

# PS3.4 C.4.2.1.5, table C.4-2, and C.4.3.1.4, table C.4-3: C-MOVE and C-GET differ only in A801
RETRIEVE: StatusTable = (
    _one(0xA701, Outcome.TRANSIENT, "refused: out of resources, unable to count the matches"),
    _one(0xA702, Outcome.TRANSIENT, "refused: out of resources, unable to perform the sub-operations"),
    _one(0xA801, Outcome.PERMANENT, "refused: move destination unknown"),
    _one(0xA900, Outcome.PERMANENT, "the identifier does not match the SOP Class"),
    _one(0xB000, Outcome.WARNING, "sub-operations complete, some failed"),
    Status(0xC000, 0xCFFF, Outcome.TRANSIENT, "unable to process"),
    _one(0xFF00, Outcome.PENDING, "sub-operations are continuing"),
    *GENERAL,
)

# PS3.4 B.2.3, table B.2-1
STORE: StatusTable = (
    Status(0xA700, 0xA7FF, Outcome.TRANSIENT, "refused: out of resources"),
    Status(0xA900, 0xA9FF, Outcome.PERMANENT, "the data set does not match the SOP Class"),
    _one(0xB000, Outcome.WARNING, "stored, elements were coerced"),
    _one(0xB006, Outcome.WARNING, "stored, elements were discarded"),
    _one(0xB007, Outcome.WARNING, "stored, the data set does not match the SOP Class"),
    Status(0xC000, 0xCFFF, Outcome.PERMANENT, "it cannot understand the object"),
    *GENERAL,
)


def look_up(table: StatusTable, code: int) -> Status:
    """The meaning of a status; one that no table knows is a failure that may pass."""
    for status in table:
        if status.first <= code <= status.last:
            return status
    return _one(code, Outcome.TRANSIENT, "a status that PS3.4 does not know")


def failure(peer: Peer, verb: str, code: int, status: Status, remedy: str = "") -> TransientError | PermanentError:
    """The error that a failed request is raised as. The PACS's own comment is left out: it may quote an identifier."""
    kind = PermanentError if status.outcome is Outcome.PERMANENT else TransientError
    return kind(f"{peer} answered {verb} with 0x{code:04X}: {status.words}{remedy and '; ' + remedy}")
