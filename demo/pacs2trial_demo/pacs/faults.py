"""What a PACS does wrong on some days; a test switches it on."""

from __future__ import annotations

from dataclasses import dataclass, field

from pydicom.dataset import Dataset


@dataclass
class Faults:
    """All off at first; a test sets what it needs on :attr:`DemoPacs.faults`, also while the PACS runs.

    Attributes:
        refuse_associations: answer every A-ASSOCIATE with a permanent rejection.
        fail_suboperations: so many of the next C-STORE sub-operations fail, then no more.
        no_suboperations: answer C-MOVE and C-GET with Success and zero sub-operations, as a busy archive does.
        dropped: SOP Instance UIDs that C-FIND tells of, and that C-MOVE and C-GET leave out without a word.
        surplus: added to every number of related instances in C-FIND answers.
        abort_find_after: abort the association after so many C-FIND answers.
        find_status: final status of every C-FIND instead of an answer, such as 0xA700.
        delay: seconds to wait before every sub-operation.
    """

    refuse_associations: bool = False
    fail_suboperations: int = 0
    no_suboperations: bool = False
    dropped: set[str] = field(default_factory=set)
    surplus: int = 0
    abort_find_after: int | None = None
    find_status: int | None = None
    delay: float = 0.0


@dataclass(frozen=True)
class Request:
    """One request that the PACS got: ``service`` is C-ECHO, C-FIND, C-MOVE, C-GET, C-CANCEL or C-STORE."""

    service: str
    calling_aet: str
    level: str = ""
    identifier: Dataset = field(default_factory=Dataset, repr=False)
    destination: str = ""
