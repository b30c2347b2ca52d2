"""Tables of texts that left, of what people have seen of them, and of names that wait for a person."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "package_texts",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("package_id", sa.Integer(), sa.ForeignKey("package.id"), nullable=False, unique=True),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("lookups", sa.JSON(), nullable=False),
    )
    op.create_table(
        "reviewed_text",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("trial", sa.String(32), nullable=False),
        sa.Column("lookup", sa.String(64), nullable=False),
        sa.Column("reviewed_at", sa.DateTime(), nullable=False),
        sa.Column("reviewed_by", sa.String(128), nullable=False),
        sa.UniqueConstraint("trial", "lookup"),
    )
    op.create_table(
        "held_names",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("trial", sa.String(32), nullable=False),
        sa.Column("subject_id", sa.Integer(), sa.ForeignKey("subject.id"), nullable=False),
        sa.Column("content_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("held_at", sa.DateTime(), nullable=False),
        sa.UniqueConstraint("trial", "subject_id"),
    )
