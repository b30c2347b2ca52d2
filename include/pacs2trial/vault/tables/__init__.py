"""The tables of the vault.

Clear text stands here only where it names nobody: pseudonyms, subject keys, digests, states. What names a person
(patient IDs, accession numbers, key-table rows, filter facts) is encrypted (``bytes`` columns called ``*_sealed``)
and found by its keyed look-up value. Original UIDs stand in clear: the vault is where they live.

Times are UTC. Digests are SHA-256 as 64 lower-case hex digits. UIDs are DICOM UIDs of at most 64 characters after
mapping; an original may be longer, so its column is text without limit.
"""

from __future__ import annotations

from pacs2trial.vault.tables.acts import AuditEntry, Disclosure, Lock
from pacs2trial.vault.tables.base import Base, now
from pacs2trial.vault.tables.faces import FaceMask, FaceRemoval
from pacs2trial.vault.tables.identities import DateShift, Identifier, Kind, Person, Pseudonym, Scope
from pacs2trial.vault.tables.instances import Arriving, Instance, InstanceState, QuarantineItem, StagedVersion
from pacs2trial.vault.tables.judgements import (
    HandedOver,
    HeldStudy,
    Judgement,
    SeriesDecision,
    StudyDecision,
    SubjectPass,
    TrialInstance,
    VersionDecision,
)
from pacs2trial.vault.tables.keys import KeyRow, KeyVersion, Subject
from pacs2trial.vault.tables.lookups import LookupAnswer
from pacs2trial.vault.tables.packages import (
    CollectedSubject,
    Delivery,
    OutdatedDelivery,
    PackageMember,
    PackageRow,
    PackageState,
    Review,
)
from pacs2trial.vault.tables.pixels import HeldDecision, MaskRule, PixelDecision, SubjectGap
from pacs2trial.vault.tables.runs import Pin, Run, RunStudy
from pacs2trial.vault.tables.texts import HeldNames, PackageTexts, ReviewedText

__all__ = [
    "Arriving",
    "AuditEntry",
    "Base",
    "CollectedSubject",
    "DateShift",
    "Delivery",
    "Disclosure",
    "FaceMask",
    "FaceRemoval",
    "HandedOver",
    "HeldDecision",
    "HeldNames",
    "HeldStudy",
    "Identifier",
    "Instance",
    "InstanceState",
    "Judgement",
    "KeyRow",
    "KeyVersion",
    "Kind",
    "Lock",
    "LookupAnswer",
    "MaskRule",
    "OutdatedDelivery",
    "PackageMember",
    "PackageRow",
    "PackageState",
    "PackageTexts",
    "Person",
    "Pin",
    "PixelDecision",
    "Pseudonym",
    "QuarantineItem",
    "Review",
    "ReviewedText",
    "Run",
    "RunStudy",
    "Scope",
    "SeriesDecision",
    "StagedVersion",
    "StudyDecision",
    "Subject",
    "SubjectGap",
    "SubjectPass",
    "TrialInstance",
    "VersionDecision",
    "now",
]
