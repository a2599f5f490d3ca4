"""Questions by the run that asked them, those that wait and those that are answered; clocks by their state."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

WAITS = sa.text("closed_at IS NULL AND resolution IS NULL")
TOLD = sa.text("resolved_at IS NOT NULL")
ANSWERED = sa.text("closed_at IS NULL AND resolution IS NOT NULL")
OPEN = sa.text("stopped IS NULL")


def upgrade() -> None:
    about = ["kind", "record_kind", "subject"]
    op.create_index("ix_review_run_id", "review", ["run_id", "kind", "id"])
    op.create_index("ix_review_answered", "review", ["kind", "id"], sqlite_where=ANSWERED, postgresql_where=ANSWERED)
    waits = [*about, "closed_at", "resolution"]
    op.create_index("ix_review_waiting", "review", waits, sqlite_where=WAITS, postgresql_where=WAITS)
    op.create_index("ix_review_told", "review", [*about, "resolved_at"], sqlite_where=TOLD, postgresql_where=TOLD)
    op.create_index(
        "ix_sla_clock_state", "sla_clock", ["state", "due", "stopped"], sqlite_where=OPEN, postgresql_where=OPEN
    )


def downgrade() -> None:
    op.drop_index("ix_sla_clock_state", "sla_clock")
    for name in ("ix_review_told", "ix_review_waiting", "ix_review_answered", "ix_review_run_id"):
        op.drop_index(name, "review")
