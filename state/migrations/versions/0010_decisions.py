"""What the two teams have decided in their meetings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from state.tables import Utc

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "decision",
        sa.Column("id", SERIAL, autoincrement=True, nullable=False),
        sa.Column("met", sa.Date(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.Column("who", sa.String(255), nullable=False),
        sa.Column("due", sa.Date(), nullable=True),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("noted_at", Utc(), nullable=False),
        sa.Column("noted_by", sa.String(128), nullable=False),
        sa.Column("closed_at", Utc(), nullable=True),
        sa.Column("closed_by", sa.String(128), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_decision")),
    )


def downgrade() -> None:
    op.drop_table("decision")
