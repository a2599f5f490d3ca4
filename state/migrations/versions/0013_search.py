"""By what the console finds hub records."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

ID = sa.String(32)
SERIAL = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
TEXT = sa.Text().with_variant(sa.Text(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "search_record",
        sa.Column("n", SERIAL, autoincrement=False, nullable=False),
        sa.Column("hub_id", ID, nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("changed", sa.BigInteger(), nullable=False),
        sa.Column("words", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("n", name=op.f("pk_search_record")),
        sa.UniqueConstraint("hub_id", name=op.f("uq_search_record_hub_id")),
    )
    op.create_index("ix_search_record_changed", "search_record", ["changed"])
    op.create_index("ix_search_record_kind", "search_record", ["kind", "changed"])
    op.create_table(
        "search_word",
        sa.Column("word", TEXT, nullable=False),
        sa.Column("n", SERIAL, autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("word", "n", name=op.f("pk_search_word")),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("search_word")
    op.drop_table("search_record")
