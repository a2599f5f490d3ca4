"""The history of every lead's score, the day on which it next changes by itself, and the learned models."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from state.tables import Id, Utc

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "score",
        sa.Column("hub_id", Id, nullable=False),
        sa.Column("at", Utc, nullable=False),
        sa.Column("fit", sa.SmallInteger),
        sa.Column("engagement", sa.SmallInteger),
        sa.Column("total", sa.SmallInteger, nullable=False),
        sa.Column("grade", sa.String(2)),
        sa.PrimaryKeyConstraint("hub_id", "at", name="pk_score"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "score_due",
        sa.Column("hub_id", Id, nullable=False),
        sa.Column("day", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("hub_id", name="pk_score_due"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_score_due_day", "score_due", ["day"])
    op.create_table(
        "model",
        sa.Column("id", Id, nullable=False),
        sa.Column("trained_at", Utc, nullable=False),
        sa.Column("until", Utc, nullable=False),
        sa.Column("features", sa.Text, nullable=False),
        sa.Column("coefficients", sa.Text, nullable=False),
        sa.Column("metrics", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_model"),
    )


def downgrade() -> None:
    for table in ("model", "score_due", "score"):
        op.drop_table(table)
