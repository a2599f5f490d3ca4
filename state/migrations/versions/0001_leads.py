"""Leads, links with their bases, the history of why, plans and reviews."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

TIME = sa.DateTime(timezone=True).with_variant(sa.BigInteger(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "change",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("lead_id", sa.String(length=32), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_change")),
    )
    op.create_index(op.f("ix_change_lead_id"), "change", ["lead_id"], unique=False)
    op.create_table(
        "cursor",
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("stream", sa.String(length=64), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("saved_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("system", "stream", name=op.f("pk_cursor")),
    )
    op.create_table(
        "lead",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=True),
        sa.Column("touched", sa.SmallInteger(), nullable=False),
        sa.Column("dirty", sa.SmallInteger(), nullable=False),
        sa.Column("merged_into", sa.String(length=32), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lead")),
    )
    op.create_index(
        "ix_lead_dirty",
        "lead",
        ["id"],
        unique=False,
        sqlite_where=sa.text("dirty = 1"),
        postgresql_where=sa.text("dirty = 1"),
    )
    op.create_index(
        "ix_lead_touched",
        "lead",
        ["id"],
        unique=False,
        sqlite_where=sa.text("touched = 1"),
        postgresql_where=sa.text("touched = 1"),
    )
    op.create_table(
        "link",
        sa.Column("n", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("lead_id", sa.String(length=32), nullable=False),
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("remote_id", sa.String(length=128), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("mapping", sa.Integer(), nullable=False),
        sa.Column("digest", sa.LargeBinary(length=8), nullable=True),
        sa.Column("base_remote", sa.Text(), nullable=False),
        sa.Column("base_hub", sa.Text(), nullable=False),
        sa.Column("seen", sa.Text(), nullable=True),
        sa.Column("seen_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_link")),
        sa.UniqueConstraint("lead_id", "system", name=op.f("uq_link_lead_id_system")),
        sa.UniqueConstraint("system", "remote_id", name=op.f("uq_link_system_remote_id")),
    )
    op.create_index("ix_link_system_state_n", "link", ["system", "state", "n"], unique=False)
    op.create_table(
        "lock",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("holder", sa.String(length=128), nullable=False),
        sa.Column("until", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_lock")),
    )
    op.create_table(
        "mapping_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(length=64), nullable=False),
        sa.Column("published_at", TIME, nullable=False),
        sa.Column("specs", sa.Text(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mapping_version")),
        sa.UniqueConstraint("hash", name=op.f("uq_mapping_version_hash")),
    )
    op.create_table(
        "match_key",
        sa.Column("hash", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("lead_id", sa.String(length=32), nullable=False),
        sa.PrimaryKeyConstraint("hash", "lead_id", name=op.f("pk_match_key")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "review",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("kind", sa.String(length=12), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.Column("lead_id", sa.String(length=32), nullable=True),
        sa.Column("system", sa.String(length=64), nullable=True),
        sa.Column("remote_id", sa.String(length=128), nullable=True),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("opened_at", TIME, nullable=False),
        sa.Column("resolution", sa.Text(), nullable=True),
        sa.Column("resolved_by", sa.String(length=128), nullable=True),
        sa.Column("resolved_at", TIME, nullable=True),
        sa.Column("closed_at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review")),
    )
    op.create_index(op.f("ix_review_lead_id"), "review", ["lead_id"], unique=False)
    op.create_index(
        "uq_review_open",
        "review",
        ["kind", "subject"],
        unique=True,
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("started", TIME, nullable=False),
        sa.Column("ended", TIME, nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.Column("rules_hash", sa.String(length=64), nullable=False),
        sa.Column("report", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    op.create_table(
        "stage_event",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("lead_id", sa.String(length=32), nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.Column("old", sa.String(length=64), nullable=True),
        sa.Column("new", sa.String(length=64), nullable=False),
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_stage_event")),
    )
    op.create_index(op.f("ix_stage_event_lead_id"), "stage_event", ["lead_id"], unique=False)
    op.create_table(
        "write",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("run_id", sa.String(length=32), nullable=False),
        sa.Column("lead_id", sa.String(length=32), nullable=False),
        sa.Column("system", sa.String(length=64), nullable=False),
        sa.Column("operation", sa.String(length=8), nullable=False),
        sa.Column("remote_id", sa.String(length=128), nullable=True),
        sa.Column("fields", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("at", TIME, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_write")),
    )
    op.create_index(op.f("ix_write_lead_id"), "write", ["lead_id"], unique=False)
    op.create_index(
        "ix_write_open",
        "write",
        ["system"],
        unique=False,
        sqlite_where=sa.text("state IN ('sent', 'unknown')"),
        postgresql_where=sa.text("state IN ('sent', 'unknown')"),
    )
    op.create_index(op.f("ix_write_run_id"), "write", ["run_id"], unique=False)


def downgrade() -> None:
    op.drop_index(op.f("ix_write_run_id"), table_name="write")
    op.drop_index(
        "ix_write_open",
        table_name="write",
        sqlite_where=sa.text("state IN ('sent', 'unknown')"),
        postgresql_where=sa.text("state IN ('sent', 'unknown')"),
    )
    op.drop_index(op.f("ix_write_lead_id"), table_name="write")
    op.drop_table("write")
    op.drop_index(op.f("ix_stage_event_lead_id"), table_name="stage_event")
    op.drop_table("stage_event")
    op.drop_table("run")
    op.drop_index(
        "uq_review_open",
        table_name="review",
        sqlite_where=sa.text("closed_at IS NULL"),
        postgresql_where=sa.text("closed_at IS NULL"),
    )
    op.drop_index(op.f("ix_review_lead_id"), table_name="review")
    op.drop_table("review")
    op.drop_table("match_key")
    op.drop_table("mapping_version")
    op.drop_table("lock")
    op.drop_table("link")
    op.drop_index(
        "ix_lead_touched",
        table_name="lead",
        sqlite_where=sa.text("touched = 1"),
        postgresql_where=sa.text("touched = 1"),
    )
    op.drop_index(
        "ix_lead_dirty", table_name="lead", sqlite_where=sa.text("dirty = 1"), postgresql_where=sa.text("dirty = 1")
    )
    op.drop_table("lead")
    op.drop_table("cursor")
    op.drop_index(op.f("ix_change_lead_id"), table_name="change")
    op.drop_table("change")
