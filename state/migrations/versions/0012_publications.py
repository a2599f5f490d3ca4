"""Drafts of the configuration, and what was published of them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from state.tables import Utc

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

ID = sa.String(32)


def upgrade() -> None:
    op.create_table(
        "draft",
        sa.Column("account_id", ID, nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("begun", sa.Text(), nullable=False),
        sa.Column("changed_at", Utc(), nullable=False),
        sa.PrimaryKeyConstraint("account_id", name=op.f("pk_draft")),
    )
    op.create_table(
        "publication",
        sa.Column("id", ID, nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("how", sa.String(8), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("files", sa.Text(), nullable=False),
        sa.Column("rules_hash", sa.String(64), nullable=False),
        sa.Column("rolls_back", sa.Integer(), nullable=True),
        sa.Column("begun_from", sa.Integer(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_publication")),
        sa.UniqueConstraint("number", name=op.f("uq_publication_number")),
    )


def downgrade() -> None:
    for name in ("publication", "draft"):
        op.drop_table(name)
