"""What people decide about versions and series, what trials were told of data that came unasked, passes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "version_decision",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("trial", sa.String(32), nullable=False),
        sa.Column("instance_id", sa.Integer(), sa.ForeignKey("instance.id"), nullable=False),
        sa.Column("version_id", sa.Integer(), sa.ForeignKey("staged_version.id"), nullable=False),
        sa.Column("contents", sa.Integer(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("decided_at", sa.DateTime(), nullable=False),
        sa.Column("decided_by", sa.String(128), nullable=False),
        sa.UniqueConstraint("trial", "instance_id"),
    )
    op.create_table(
        "handed_over",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("trial", sa.String(32), nullable=False),
        sa.Column("subject_id", sa.Integer(), sa.ForeignKey("subject.id"), nullable=False),
        sa.Column("mark", sa.String(64), nullable=False),
        sa.Column("handed_at", sa.DateTime(), nullable=False),
        sa.UniqueConstraint("trial", "subject_id"),
    )
    op.create_table(
        "series_decision",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("trial", sa.String(32), nullable=False),
        sa.Column("subject_id", sa.Integer(), sa.ForeignKey("subject.id"), nullable=False, index=True),
        sa.Column("study", sa.String(64), nullable=False),
        sa.Column("series", sa.String(64), nullable=False),
        sa.Column("answer", sa.String(16), nullable=False),
        sa.Column("reason", sa.String(32), nullable=False),
        sa.Column("decided_at", sa.DateTime(), nullable=False),
        sa.Column("decided_by", sa.String(128), nullable=False),
        sa.UniqueConstraint("trial", "series"),
    )
    op.create_table(
        "subject_pass",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("subject_id", sa.Integer(), sa.ForeignKey("subject.id"), nullable=False, unique=True),
        sa.Column("run", sa.String(64), nullable=False),
        sa.Column("begun", sa.String(64), nullable=False),
        sa.Column("begun_at", sa.DateTime(), nullable=False),
        sa.Column("ended", sa.String(64), nullable=False),
        sa.Column("ended_at", sa.DateTime(), nullable=True),
    )
