"""The pact between marketing and sales: its versions, the clocks that run by it, the messages about them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from state.tables import TOUCHES, Utc

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def _where(text: str) -> dict[str, sa.TextClause]:
    return {"sqlite_where": sa.text(text), "postgresql_where": sa.text(text)}


def upgrade() -> None:
    op.create_index("ix_hub_merged_into", "hub", ["merged_into"], **_where("merged_into IS NOT NULL"))
    op.create_index("ix_activity_touches", "activity", ["run_id"], **_where(f"type IN {TOUCHES}"))
    op.create_table(
        "sla_version",
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("seen_at", Utc(), nullable=False),
        sa.Column("document", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("version", name=op.f("pk_sla_version")),
    )
    op.create_table(
        "sla_clock",
        sa.Column("hub_id", sa.String(32), nullable=False),
        sa.Column("clause", sa.String(16), nullable=False),
        sa.Column("started", Utc(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("segment", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("team", sa.String(64), nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("allowed", sa.BigInteger()),
        sa.Column("elapsed", sa.BigInteger(), nullable=False),
        sa.Column("due", Utc()),
        sa.Column("look", Utc()),
        sa.Column("reminded", sa.SmallInteger(), nullable=False),
        sa.Column("breached_at", Utc()),
        sa.Column("stopped", Utc()),
        sa.Column("note", sa.String(64), nullable=False),
        sa.PrimaryKeyConstraint("hub_id", "clause", "started", name=op.f("pk_sla_clock")),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_sla_clock_look", "sla_clock", ["look"], **_where("look IS NOT NULL"))
    op.create_index("ix_sla_clock_open", "sla_clock", ["due"], **_where("stopped IS NULL"))
    op.create_table(
        "alert",
        sa.Column("id", sa.String(32), nullable=False),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("hub_id", sa.String(32)),
        sa.Column("clause", sa.String(16)),
        sa.Column("started", Utc()),
        sa.Column("recipient", sa.String(255), nullable=False),
        sa.Column("channel", sa.String(64), nullable=False),
        sa.Column("state", sa.String(8), nullable=False),
        sa.Column("tries", sa.SmallInteger(), nullable=False),
        sa.Column("at", Utc(), nullable=False),
        sa.Column("next_at", Utc()),
        sa.Column("sent_at", Utc()),
        sa.Column("error", sa.Text()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_alert")),
        sa.UniqueConstraint("key", name=op.f("uq_alert_key")),
    )
    op.create_index(op.f("ix_alert_hub_id"), "alert", ["hub_id"])
    op.create_index("ix_alert_next_at", "alert", ["next_at"], **_where("next_at IS NOT NULL"))


def downgrade() -> None:
    op.drop_table("alert")
    op.drop_table("sla_clock")
    op.drop_table("sla_version")
    op.drop_index("ix_activity_touches", "activity")
    op.drop_index("ix_hub_merged_into", "hub")
