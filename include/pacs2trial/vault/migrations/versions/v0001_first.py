"""The first tables of the vault; audit and disclosures can be appended to and nothing else."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

APPEND_ONLY = ("audit", "disclosure")


def upgrade() -> None:
    _create_persons_and_pseudonyms()
    _create_key_tables()
    _create_pins_and_runs()
    _create_ledger()
    _create_decisions_about_pixels()
    _create_faces()
    _create_packages()
    _create_locks_and_audit()
    for table in APPEND_ONLY:
        _forbid_change(table)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.Integer(), primary_key=True)


def _text(name: str, length: int, *, unique: bool = False, index: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), nullable=False, unique=unique, index=index)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.Integer(), nullable=False)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(), nullable=nullable)


def _sealed(name: str, *, nullable: bool = False) -> sa.Column[bytes]:
    return sa.Column(name, sa.LargeBinary(), nullable=nullable)


def _to(target: str, *, name: str = "", index: bool = False, nullable: bool = False) -> sa.Column[int]:
    return sa.Column(
        name or f"{target}_id", sa.Integer(), sa.ForeignKey(f"{target}.id"), nullable=nullable, index=index
    )


def _pinned(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.String(64), sa.ForeignKey("pin.digest"), nullable=False)


def _create_persons_and_pseudonyms() -> None:
    op.create_table(
        "scope",
        _id(),
        _text("name", 32, unique=True),
        _sealed("salt", nullable=True),
        _sealed("data_key_sealed", nullable=True),
        sa.Column("wrapped_with", sa.String(32)),
        _time("created_at"),
        _time("erased_at", nullable=True),
    )
    op.create_table("person", _id(), _time("created_at"))
    op.create_table(
        "identifier",
        _id(),
        _to("person", index=True),
        _text("lookup", 64, unique=True),
        _sealed("original_sealed"),
        _text("code", 32, unique=True),
        _time("created_at"),
    )
    op.create_table(
        "pseudonym",
        _id(),
        _to("scope"),
        _text("kind", 16),
        sa.Column("lookup", sa.LargeBinary(), nullable=False),
        _sealed("original_sealed", nullable=True),
        sa.Column("pseudo", sa.LargeBinary(), nullable=False),
        sa.UniqueConstraint("scope_id", "kind", "lookup"),
        sa.UniqueConstraint("scope_id", "kind", "pseudo"),
    )
    op.create_table(
        "date_shift",
        _id(),
        _to("scope"),
        _to("person"),
        _number("days"),
        sa.UniqueConstraint("scope_id", "person_id"),
    )


def _create_key_tables() -> None:
    op.create_table(
        "subject",
        _id(),
        _text("trial", 32),
        _text("key", 64),
        _to("person", index=True),
        _number("revision"),
        _time("withdrawn_at", nullable=True),
        sa.UniqueConstraint("trial", "key"),
    )
    op.create_table(
        "key_version",
        _id(),
        _text("trial", 32),
        _number("number"),
        _text("digest", 64),
        _number("rows"),
        _time("imported_at"),
        _text("imported_by", 128),
        sa.UniqueConstraint("trial", "number"),
    )
    op.create_table(
        "key_row",
        _id(),
        _to("key_version", name="version_id", index=True),
        _number("number"),
        _to("subject"),
        _to("identifier"),
        _sealed("content_sealed"),
    )
    op.create_table(
        "lookup_answer",
        _id(),
        _text("trial", 32),
        _to("subject", index=True),
        _text("lookup", 32),
        _text("question", 64),
        _text("answer", 64),
        _sealed("answer_sealed"),
        _time("first_given_at"),
        sa.UniqueConstraint("trial", "subject_id", "lookup", "question", "answer"),
    )


def _create_pins_and_runs() -> None:
    op.create_table(
        "pin",
        sa.Column("digest", sa.String(64), primary_key=True),
        _text("kind", 32),
        _sealed("content"),
        _time("pinned_at"),
    )
    op.create_table(
        "run",
        _id(),
        _text("key", 64, unique=True),
        _text("trial", 32, index=True),
        _pinned("definition"),
        _pinned("staging_plan"),
        _to("key_version"),
        _text("release", 32),
        sa.Column("date_from", sa.Date()),
        sa.Column("date_to", sa.Date()),
        _time("planned_at"),
    )
    op.create_table(
        "run_study",
        _id(),
        _to("run"),
        _to("subject"),
        _to("identifier"),
        _text("study", 64),
        _number("expected"),
        sa.Column("whole", sa.Boolean(), nullable=False),
        sa.UniqueConstraint("run_id", "study"),
    )
    op.create_table(
        "held_study",
        _id(),
        _text("trial", 32),
        _to("subject", index=True),
        _text("study", 64),
        _text("reason", 200),
        _time("held_at"),
        sa.UniqueConstraint("trial", "subject_id", "study"),
    )
    op.create_table(
        "study_decision",
        _id(),
        _text("trial", 32),
        _to("subject", index=True),
        _to("person"),
        _text("study", 64),
        _text("answer", 16),
        sa.Column("reason", sa.Text(), nullable=False),
        _time("decided_at"),
        _text("decided_by", 128),
        sa.UniqueConstraint("trial", "subject_id", "person_id", "study"),
    )


def _create_ledger() -> None:
    op.create_table(
        "instance",
        _id(),
        _to("identifier"),
        _text("study", 64),
        _text("series", 64),
        _text("sop_instance", 64, unique=True),
        _text("sop_class", 64),
        _text("modality", 16),
        sa.Column("study_date", sa.Date()),
        _text("state", 16),
        _text("reason", 200),
        _text("source", 64),
        _sealed("facts_sealed", nullable=True),
        _number("contents"),
        sa.Column("looked_at", sa.Boolean(), nullable=False),
        _time("recorded_at"),
        _time("settled_at", nullable=True),
        _time("arrived_at", nullable=True),
        sa.Column("late", sa.Boolean(), nullable=False),
    )
    op.create_index("ix_instance_identifier_study", "instance", ["identifier_id", "study"])
    op.create_index("ix_instance_study", "instance", ["study"])
    op.create_table(
        "staged_version",
        _id(),
        _to("instance"),
        _text("digest", 64),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        _pinned("plan"),
        sa.Column("current", sa.Boolean(), nullable=False),
        _sealed("facts_sealed", nullable=True),
        sa.Column("pixels", sa.String(64)),
        _time("received_at"),
        _time("removed_at", nullable=True),
        sa.UniqueConstraint("instance_id", "digest"),
    )
    op.create_table(
        "arriving",
        _id(),
        _text("study", 64),
        _text("holder", 120),
        _time("until"),
        sa.UniqueConstraint("study", "holder"),
    )
    op.create_index("ix_arriving_holder", "arriving", ["holder"])
    op.create_table(
        "quarantine_item",
        _id(),
        _text("token", 64, unique=True),
        _to("instance", index=True, nullable=True),
        _text("fingerprint", 64, unique=True),
        _text("reason", 64),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("pixels", sa.String(64)),
        _text("state", 16),
        _time("received_at"),
        _time("decided_at", nullable=True),
    )
    op.create_table(
        "trial_instance",
        _id(),
        _text("trial", 32),
        _to("subject", index=True),
        _to("instance"),
        _to("staged_version", name="version_id", nullable=True),
        _number("contents"),
        _text("state", 16),
        _text("rule", 200),
        _text("mask", 64),
        _time("judged_at"),
        _time("released_at", nullable=True),
        sa.UniqueConstraint("trial", "instance_id"),
    )


def _create_decisions_about_pixels() -> None:
    op.create_table(
        "pixel_decision",
        _id(),
        _to("instance"),
        _text("pixels", 64),
        _text("outcome", 16),
        sa.Column("areas", sa.JSON(), nullable=False),
        _text("reason", 64),
        _text("rule", 200),
        _text("detector", 200),
        _sealed("found_sealed", nullable=True),
        _text("result", 64),
        _time("decided_at"),
        _text("decided_by", 128),
        sa.UniqueConstraint("instance_id", "pixels"),
    )
    op.create_table(
        "mask_rule",
        _id(),
        sa.Column("version", sa.Integer(), nullable=False, unique=True),
        _text("manufacturer", 128),
        _text("model", 128),
        _number("rows"),
        _number("columns"),
        sa.Column("areas", sa.JSON(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        _time("made_at"),
        _text("made_by", 128),
    )
    op.create_table(
        "held_decision",
        _id(),
        _text("trial", 32),
        _to("instance"),
        _text("rule", 200),
        _text("answer", 16),
        sa.Column("reason", sa.Text(), nullable=False),
        _time("decided_at"),
        _text("decided_by", 128),
        sa.UniqueConstraint("trial", "instance_id", "rule"),
    )
    op.create_table(
        "subject_gap",
        _id(),
        _text("trial", 32),
        _to("subject", index=True),
        _text("gap", 200),
        _number("number"),
        _time("found_at"),
        sa.UniqueConstraint("trial", "subject_id", "gap"),
    )


def _create_faces() -> None:
    op.create_table(
        "face_removal",
        _id(),
        _text("volume", 64, unique=True),
        _text("outcome", 16),
        _text("reason", 100),
        _text("program", 200),
        _text("declared", 64),
        _number("changed"),
        _time("answered_at"),
    )
    op.create_table(
        "face_mask",
        _id(),
        _to("face_removal", name="removal_id"),
        _to("instance"),
        _pinned("mask"),
        sa.UniqueConstraint("removal_id", "instance_id"),
    )


def _create_packages() -> None:
    op.create_table(
        "package",
        _id(),
        _text("trial", 32),
        _to("subject", index=True),
        _text("study", 64),
        _number("version"),
        _number("revision"),
        _text("content_digest", 64),
        _text("sha256", 64),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        _pinned("inputs"),
        _text("state", 16),
        _text("requested_by", 128),
        _time("made_at"),
        _time("removed_at", nullable=True),
        sa.UniqueConstraint("trial", "subject_id", "study", "version"),
    )
    op.create_table(
        "package_member",
        _id(),
        _to("package", index=True),
        _to("staged_version", name="version_id"),
        sa.Column("name", sa.Text(), nullable=False),
        _text("sha256", 64),
        _text("mask", 64),
    )
    op.create_table(
        "collected_subject",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("trial", sa.String(32), nullable=False),
        sa.Column("subject_id", sa.Integer(), sa.ForeignKey("subject.id"), nullable=False),
        sa.Column("mark", sa.String(64), nullable=False),
        sa.Column("packages", sa.Text(), nullable=False),
        sa.UniqueConstraint("trial", "subject_id"),
    )
    op.create_table(
        "review",
        _id(),
        _text("trial", 32),
        _to("subject"),
        _text("content_digest", 64),
        _text("state", 16),
        _text("reason", 32),
        _text("prompt", 250),
        _time("asked_at"),
        _time("answered_at", nullable=True),
        sa.Column("answered_by", sa.String(128)),
        sa.UniqueConstraint("trial", "subject_id", "content_digest"),
    )
    op.create_table(
        "delivery",
        _id(),
        _to("package", index=True),
        _text("trial", 32),
        _to("subject"),
        _text("destination", 200),
        _text("content_digest", 64),
        sa.Column("receipt", sa.JSON(), nullable=False),
        _time("delivered_at"),
        sa.UniqueConstraint("trial", "subject_id", "destination", "content_digest"),
    )
    op.create_table(
        "outdated_delivery",
        _id(),
        _to("delivery"),
        _to("key_version"),
        _text("trial", 32, index=True),
        _to("subject"),
        _text("effect", 32),
        _text("belongs_to", 64),
        _text("study", 64),
        _text("destination", 200),
        sa.Column("path", sa.Text(), nullable=False),
        _text("content_digest", 64),
        _text("sha256", 64),
        _time("delivered_at"),
        _time("found_at"),
        _time("settled_at", nullable=True),
        _text("settled_by", 128),
        sa.Column("settlement", sa.Text(), nullable=False),
        sa.UniqueConstraint("delivery_id", "key_version_id"),
    )


def _create_locks_and_audit() -> None:
    op.create_table(
        "lock",
        sa.Column("name", sa.String(120), primary_key=True),
        _text("holder", 120),
        _time("expires_at"),
    )
    op.create_table(
        "disclosure",
        _id(),
        _text("caller", 64),
        _text("purpose", 200),
        _number("count"),
        _time("disclosed_at"),
    )
    op.create_table(
        "audit",
        _id(),
        _time("at"),
        _text("actor", 128),
        _text("act", 64),
        _text("trial", 32),
        _text("target", 200),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        _text("previous", 64),
        _text("digest", 64, unique=True),
    )


def _forbid_change(table: str) -> None:
    """Triggers that refuse UPDATE and DELETE (and TRUNCATE) on ``table``."""
    forbid: dict[str, Callable[[str], list[str]]] = {"sqlite": _sqlite_triggers, "postgresql": _postgresql_triggers}
    for statement in forbid[op.get_bind().dialect.name](table):
        op.execute(statement)


def _sqlite_triggers(table: str) -> list[str]:
    return [
        f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
        f"BEGIN SELECT RAISE(ABORT, '{table} can only be appended to'); END"
        for verb in ("UPDATE", "DELETE")
    ]


def _postgresql_triggers(table: str) -> list[str]:
    refuse = f"{table}_append_only()"
    raise_error = f"BEGIN RAISE EXCEPTION '{table} can only be appended to'; END"
    trigger = f"CREATE TRIGGER {table}_no"
    return [
        f"CREATE FUNCTION {refuse} RETURNS trigger LANGUAGE plpgsql AS $$ {raise_error} $$",
        f"{trigger}_change BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION {refuse}",
        f"{trigger}_truncate BEFORE TRUNCATE ON {table} FOR EACH STATEMENT EXECUTE FUNCTION {refuse}",
    ]
