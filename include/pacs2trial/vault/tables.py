"""The tables of the vault.

Clear text stands here only where it names nobody: pseudonyms, subject keys, digests, states. What names a person
(patient IDs, accession numbers, key-table rows, filter facts) is encrypted (``bytes`` columns called ``*_sealed``)
and found by its keyed look-up value. Original UIDs stand in clear: the vault is where they live.

Times are UTC. Digests are SHA-256 as 64 lower-case hex digits. UIDs are DICOM UIDs of at most 64 characters after
mapping; an original may be longer, so its column is text without limit.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, ClassVar

from sqlalchemy import JSON, BigInteger, ForeignKey, Index, LargeBinary, MetaData, String, Text, UniqueConstraint
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from pacs2trial.vault.times import UtcDateTime


def now() -> datetime:
    return datetime.now(UTC)


class Base(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar = {datetime: UtcDateTime, bytes: LargeBinary, dict[str, Any]: JSON, list[str]: JSON}


# ---- scopes, persons, pseudonyms -----------------------------------------------------------------------------------


class Scope(Base):
    """STAGING or a trial: the range in which one original has one pseudonym for ever."""

    __tablename__ = "scope"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(32), unique=True)
    salt: Mapped[bytes | None]
    data_key_sealed: Mapped[bytes | None]
    wrapped_with: Mapped[str | None] = mapped_column(String(32))  # id of the key-encryption key
    created_at: Mapped[datetime] = mapped_column(default=now)
    erased_at: Mapped[datetime | None]


class Person(Base):
    """One human being; identifiers, subject keys and date shifts point here."""

    __tablename__ = "person"
    id: Mapped[int] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Identifier(Base):
    """A hospital patient ID with its issuer, and the code that stands for it in staging."""

    __tablename__ = "identifier"
    id: Mapped[int] = mapped_column(primary_key=True)
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    lookup: Mapped[str] = mapped_column(String(64), unique=True)  # HMAC of (issuer, patient ID) under the look-up key
    original_sealed: Mapped[bytes]
    code: Mapped[str] = mapped_column(String(32), unique=True)
    created_at: Mapped[datetime] = mapped_column(default=now)


class Kind(StrEnum):
    """What a pseudonym stands for. PATIENT_ID is kept in :class:`Identifier` (staging) or is the subject key."""

    UID = "uid"
    PATIENT_ID = "patient_id"
    ACCESSION = "accession"
    STUDY_ID = "study_id"


class Pseudonym(Base):
    """One original and its pseudonym in one scope; unique both ways."""

    __tablename__ = "pseudonym"
    id: Mapped[int] = mapped_column(primary_key=True)
    scope_id: Mapped[int] = mapped_column(ForeignKey("scope.id"))
    kind: Mapped[str] = mapped_column(String(16))
    lookup: Mapped[str] = mapped_column(Text)  # the original in clear if it names nobody, else its keyed look-up value
    original_sealed: Mapped[bytes | None]
    pseudo: Mapped[str] = mapped_column(String(64))
    __table_args__ = (UniqueConstraint("scope_id", "kind", "lookup"), UniqueConstraint("scope_id", "kind", "pseudo"))


class DateShift(Base):
    """Whole days by which a person's dates move in one trial; never zero, never changed."""

    __tablename__ = "date_shift"
    id: Mapped[int] = mapped_column(primary_key=True)
    scope_id: Mapped[int] = mapped_column(ForeignKey("scope.id"))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"))
    days: Mapped[int]
    __table_args__ = (UniqueConstraint("scope_id", "person_id"),)


# ---- key tables ----------------------------------------------------------------------------------------------------


class Subject(Base):
    """A trial's name for a person. The person may be corrected; the key stays."""

    __tablename__ = "subject"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    key: Mapped[str] = mapped_column(String(64))
    person_id: Mapped[int] = mapped_column(ForeignKey("person.id"), index=True)
    withdrawn_at: Mapped[datetime | None]
    __table_args__ = (UniqueConstraint("trial", "key"),)


class KeyVersion(Base):
    """One import of a trial's key table."""

    __tablename__ = "key_version"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    number: Mapped[int]
    digest: Mapped[str] = mapped_column(String(64))
    rows: Mapped[int]
    imported_at: Mapped[datetime] = mapped_column(default=now)
    imported_by: Mapped[str] = mapped_column(String(128))
    __table_args__ = (UniqueConstraint("trial", "number"),)


class KeyRow(Base):
    """One row of one version. ``content_sealed`` is the whole row as JSON (patient ID, visits, free columns)."""

    __tablename__ = "key_row"
    id: Mapped[int] = mapped_column(primary_key=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("key_version.id"), index=True)
    number: Mapped[int]  # row number in the file, the header being row 1
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    identifier_id: Mapped[int] = mapped_column(ForeignKey("identifier.id"))
    content_sealed: Mapped[bytes]


# ---- ledger --------------------------------------------------------------------------------------------------------


class InstanceState(StrEnum):
    """Where an instance is after stage 1; each is in exactly one (promise 4)."""

    EXPECTED = "expected"
    STAGED = "staged"
    REJECTED = "rejected"
    QUARANTINED = "quarantined"
    FAILED = "failed"
    MISSING = "missing"


class Instance(Base):
    """One SOP instance by its staging pseudonyms, from the moment it is expected."""

    __tablename__ = "instance"
    id: Mapped[int] = mapped_column(primary_key=True)
    identifier_id: Mapped[int] = mapped_column(ForeignKey("identifier.id"))
    study: Mapped[str] = mapped_column(String(64))
    series: Mapped[str] = mapped_column(String(64))
    sop_instance: Mapped[str] = mapped_column(String(64), unique=True)
    sop_class: Mapped[str] = mapped_column(String(64))
    modality: Mapped[str] = mapped_column(String(16))
    study_date: Mapped[date | None]  # day in the site's time zone, as staging keeps it
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(String(200), default="")  # rule or fault; never a value
    source: Mapped[str] = mapped_column(String(64))  # pacs:<connection>, push:<calling AE>, file
    facts_sealed: Mapped[bytes | None]  # filter facts of the original header, JSON
    recorded_at: Mapped[datetime] = mapped_column(default=now)
    settled_at: Mapped[datetime | None]
    __table_args__ = (
        Index("ix_instance_identifier_study", "identifier_id", "study"),
        Index("ix_instance_study", "study"),
    )


class StagedVersion(Base):
    """One content of an instance in the staging store; ``current`` is the one that is collected."""

    __tablename__ = "staged_version"
    id: Mapped[int] = mapped_column(primary_key=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("instance.id"))
    digest: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    path: Mapped[str] = mapped_column(Text)  # below the staging folder
    plan: Mapped[str] = mapped_column(ForeignKey("pin.digest"))
    current: Mapped[bool]
    received_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (UniqueConstraint("instance_id", "digest"),)


class QuarantineItem(Base):
    """An object that stage 1 could not show to be clean; its bytes are kept encrypted under ``token``."""

    __tablename__ = "quarantine_item"
    id: Mapped[int] = mapped_column(primary_key=True)
    token: Mapped[str] = mapped_column(String(64), unique=True)  # file name below the quarantine folder
    instance_id: Mapped[int | None] = mapped_column(ForeignKey("instance.id"), index=True)
    fingerprint: Mapped[str] = mapped_column(String(64), unique=True)  # keyed look-up value of the object's SHA-256
    reason: Mapped[str] = mapped_column(String(64))
    detail: Mapped[str] = mapped_column(Text)
    size: Mapped[int] = mapped_column(BigInteger)
    state: Mapped[str] = mapped_column(String(16), default="waiting")  # waiting, released, rejected, discarded
    received_at: Mapped[datetime] = mapped_column(default=now)
    decided_at: Mapped[datetime | None]


class Judgement(StrEnum):
    """What a trial does with a staged instance; each is in exactly one (promise 4)."""

    ACCEPTED = "accepted"  # let through by the filter, not yet collected
    COLLECTED = "collected"
    HELD = "held"
    REJECTED = "rejected"
    NOT_WANTED = "not wanted"


class TrialInstance(Base):
    """The judgement of one trial on one instance, with the rule that decided."""

    __tablename__ = "trial_instance"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), index=True)
    instance_id: Mapped[int] = mapped_column(ForeignKey("instance.id"))
    state: Mapped[str] = mapped_column(String(16))
    rule: Mapped[str] = mapped_column(String(200))
    judged_at: Mapped[datetime] = mapped_column(default=now, onupdate=now)
    __table_args__ = (UniqueConstraint("trial", "instance_id"),)


class HeldStudy(Base):
    """A study at a PACS of which it is in doubt whose it is; its subject stays until a person has settled that."""

    __tablename__ = "held_study"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), index=True)
    study: Mapped[str] = mapped_column(String(64))  # staging pseudonym
    reason: Mapped[str] = mapped_column(String(200))
    held_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (UniqueConstraint("trial", "subject_id", "study"),)


# ---- runs, packages, deliveries ------------------------------------------------------------------------------------


class Pin(Base):
    """Content-addressed text that decides bytes: definitions, plans, key-table digests (promise 7)."""

    __tablename__ = "pin"
    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    content: Mapped[bytes]
    pinned_at: Mapped[datetime] = mapped_column(default=now)


class Run(Base):
    """One planned run of a trial and what it pinned."""

    __tablename__ = "run"
    id: Mapped[int] = mapped_column(primary_key=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    trial: Mapped[str] = mapped_column(String(32), index=True)
    definition: Mapped[str] = mapped_column(ForeignKey("pin.digest"))
    staging_plan: Mapped[str] = mapped_column(ForeignKey("pin.digest"))
    key_version_id: Mapped[int] = mapped_column(ForeignKey("key_version.id"))
    release: Mapped[str] = mapped_column(String(32))
    date_from: Mapped[date | None]
    date_to: Mapped[date | None]
    planned_at: Mapped[datetime] = mapped_column(default=now)


class RunStudy(Base):
    """A study that a run asks for: whose it is and how many instances the PACS announced."""

    __tablename__ = "run_study"
    id: Mapped[int] = mapped_column(primary_key=True)
    run_id: Mapped[int] = mapped_column(ForeignKey("run.id"))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    identifier_id: Mapped[int] = mapped_column(ForeignKey("identifier.id"))
    study: Mapped[str] = mapped_column(String(64))
    expected: Mapped[int]
    __table_args__ = (UniqueConstraint("run_id", "study"),)


class PackageState(StrEnum):
    MADE = "made"
    VERIFIED = "verified"
    REFUSED = "refused"
    SUPERSEDED = "superseded"


class PackageRow(Base):
    """One version of one package and what it was made from."""

    __tablename__ = "package"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"), index=True)
    study: Mapped[str] = mapped_column(String(64), default="")  # the trial's pseudonym; empty for a package per subject
    version: Mapped[int]
    content_digest: Mapped[str] = mapped_column(String(64))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    path: Mapped[str] = mapped_column(Text)  # below the packages folder
    inputs: Mapped[str] = mapped_column(ForeignKey("pin.digest"))
    state: Mapped[str] = mapped_column(String(16))
    made_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (UniqueConstraint("trial", "subject_id", "study", "version"),)


class PackageMember(Base):
    """One DICOM object of a package and the staged content it was made from."""

    __tablename__ = "package_member"
    id: Mapped[int] = mapped_column(primary_key=True)
    package_id: Mapped[int] = mapped_column(ForeignKey("package.id"), index=True)
    version_id: Mapped[int] = mapped_column(ForeignKey("staged_version.id"))
    name: Mapped[str] = mapped_column(Text)
    sha256: Mapped[str] = mapped_column(String(64))


class Review(Base):
    """The question whether a content digest may leave, asked once, and its answer."""

    __tablename__ = "review"
    id: Mapped[int] = mapped_column(primary_key=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    content_digest: Mapped[str] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), default="open")  # open, approved, held, rejected
    asked_at: Mapped[datetime] = mapped_column(default=now)
    answered_at: Mapped[datetime | None]
    answered_by: Mapped[str | None] = mapped_column(String(128))
    __table_args__ = (UniqueConstraint("trial", "subject_id", "content_digest"),)


class Delivery(Base):
    """What went where; one row per destination and content digest, so that nothing goes twice."""

    __tablename__ = "delivery"
    id: Mapped[int] = mapped_column(primary_key=True)
    package_id: Mapped[int] = mapped_column(ForeignKey("package.id"), index=True)
    trial: Mapped[str] = mapped_column(String(32))
    subject_id: Mapped[int] = mapped_column(ForeignKey("subject.id"))
    destination: Mapped[str] = mapped_column(String(200))
    content_digest: Mapped[str] = mapped_column(String(64))
    receipt: Mapped[dict[str, Any]]
    delivered_at: Mapped[datetime] = mapped_column(default=now)
    __table_args__ = (UniqueConstraint("trial", "subject_id", "destination", "content_digest"),)


# ---- locks, disclosures, audit -------------------------------------------------------------------------------------


class Lock(Base):
    """A lease: one holder per name (``<trial>/<subject key>``) until it is released or expires."""

    __tablename__ = "lock"
    name: Mapped[str] = mapped_column(String(120), primary_key=True)
    holder: Mapped[str] = mapped_column(String(120))
    expires_at: Mapped[datetime]


class Disclosure(Base):
    """One use of the decrypting function: who, why, how many."""

    __tablename__ = "disclosure"
    id: Mapped[int] = mapped_column(primary_key=True)
    caller: Mapped[str] = mapped_column(String(64))
    purpose: Mapped[str] = mapped_column(String(200))
    count: Mapped[int]
    disclosed_at: Mapped[datetime] = mapped_column(default=now)


class AuditEntry(Base):
    """One human or run-level act; append-only, each entry carrying the digest of the one before (promise 10)."""

    __tablename__ = "audit"
    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime]
    actor: Mapped[str] = mapped_column(String(128))
    act: Mapped[str] = mapped_column(String(64))
    trial: Mapped[str] = mapped_column(String(32), default="")
    target: Mapped[str] = mapped_column(String(200), default="")
    reason: Mapped[str] = mapped_column(Text, default="")
    detail: Mapped[dict[str, Any]]
    previous: Mapped[str] = mapped_column(String(64))
    digest: Mapped[str] = mapped_column(String(64), unique=True)
