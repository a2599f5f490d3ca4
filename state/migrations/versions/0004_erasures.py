"""People who asked to be forgotten: what was erased of them, and how they are known not to come back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from state.tables import Utc

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "erasure",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("asked_at", Utc(), nullable=False),
        sa.Column("ended_at", Utc()),
        sa.Column("asked_by", sa.String(128), nullable=False),
        sa.Column("hubs", sa.Text(), nullable=False),
        sa.Column("records", sa.Text(), nullable=False),
        sa.Column("gone", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasure")),
    )
    op.create_table(
        "forgotten",
        sa.Column("erasure_id", sa.String(32), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("lifted_at", Utc()),
        sa.Column("lifted_by", sa.String(128)),
        sa.Column("reason", sa.Text()),
        sa.PrimaryKeyConstraint("erasure_id", "hash", name=op.f("pk_forgotten")),
    )


def downgrade() -> None:
    op.drop_table("forgotten")
    op.drop_table("erasure")
