"""Activities: what happened, by month; what each lead has of them; and those that wait for their lead."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from state.tables import Utc

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

MOVABLE = "type IN ('meeting', 'call', 'task', 'note', 'sale', 'other')"
BY_MONTH = {"postgresql_partition_by": "RANGE (month)"}
"""PostgreSQL's partitions are made when an activity of their month is first kept (`state.activities`)."""


def upgrade() -> None:
    op.create_table(
        "activity",
        sa.Column("month", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("system", sa.String(64), nullable=False),
        sa.Column("remote_id", sa.String(128), nullable=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("changed", Utc(), nullable=True),
        sa.Column("leads", sa.Text(), nullable=False),
        sa.Column("company_id", sa.String(32), nullable=True),
        sa.Column("deal_id", sa.String(32), nullable=True),
        sa.Column("owner_id", sa.String(32), nullable=True),
        sa.Column("rest", sa.Text(), nullable=False),
        sa.Column("run_id", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("month", "system", "remote_id", name=op.f("pk_activity")),
        **BY_MONTH,
    )
    op.create_index(
        "ix_activity_movable",
        "activity",
        ["system", "remote_id"],
        sqlite_where=sa.text(MOVABLE),
        postgresql_where=sa.text(MOVABLE),
    )
    op.create_table(
        "activity_lead",
        sa.Column("month", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hub_id", sa.String(32), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("system", sa.String(64), nullable=False),
        sa.Column("remote_id", sa.String(128), nullable=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.PrimaryKeyConstraint("month", "hub_id", "at", "system", "remote_id", name=op.f("pk_activity_lead")),
        sqlite_with_rowid=False,
        **BY_MONTH,
    )
    op.create_table(
        "activity_month",
        sa.Column("month", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("system", sa.String(64), nullable=False),
        sa.Column("count", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("month", "system", name=op.f("pk_activity_month")),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "activity_waiting",
        sa.Column("system", sa.String(64), nullable=False),
        sa.Column("remote_id", sa.String(128), nullable=False),
        sa.Column("target", sa.String(8), nullable=False),
        sa.Column("ref", sa.String(128), nullable=False),
        sa.Column("hash", sa.BigInteger(), nullable=True),
        sa.Column("month", sa.Integer(), nullable=False),
        sa.Column("since", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("system", "remote_id", "target", "ref", name=op.f("pk_activity_waiting")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """With the activities goes how far they were read: brought up again, the next run reads all of them anew."""
    for table in ("activity_waiting", "activity_month", "activity_lead", "activity"):
        op.drop_table(table)
    op.execute("DELETE FROM cursor WHERE stream = 'activity' OR stream LIKE 'activity/%'")
    op.execute("DELETE FROM review WHERE record_kind = 'activity'")
