"""Objectives: what came of them, frozen; and who stands by it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from state.tables import Utc

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
FIRST = sa.text("restated_from IS NULL")


def upgrade() -> None:
    op.create_table(
        "attainment",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("objective", sa.String(64), nullable=False),
        sa.Column("period", sa.String(8), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("target", sa.Float(), nullable=False),
        sa.Column("frozen_at", Utc(), nullable=False),
        sa.Column("frozen_by", sa.String(128), nullable=False),
        sa.Column("basis", sa.Text(), nullable=False),
        sa.Column("restated_from", SERIAL, nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_attainment")),
        sa.UniqueConstraint("restated_from", name=op.f("uq_attainment_restated_from")),
    )
    op.create_index(
        "uq_attainment_first",
        "attainment",
        ["objective", "period"],
        unique=True,
        sqlite_where=FIRST,
        postgresql_where=FIRST,
    )
    op.create_table(
        "acceptance",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("objective", sa.String(64), nullable=False),
        sa.Column("period", sa.String(8), nullable=False),
        sa.Column("team", sa.String(16), nullable=False),
        sa.Column("target", sa.Float(), nullable=False),
        sa.Column("accepted_at", Utc(), nullable=False),
        sa.Column("accepted_by", sa.String(128), nullable=False),
        sa.Column("attainment_id", SERIAL, nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_acceptance")),
    )


def downgrade() -> None:
    op.drop_table("acceptance")
    op.drop_table("attainment")
