"""Questions by the run that asked them, and answers that wait for the next run."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

ANSWERED = sa.text("closed_at IS NULL AND resolution IS NOT NULL")


def upgrade() -> None:
    op.create_index("ix_review_run_id", "review", ["run_id", "kind", "id"])
    op.create_index("ix_review_answered", "review", ["kind", "id"], sqlite_where=ANSWERED, postgresql_where=ANSWERED)


def downgrade() -> None:
    for name in ("ix_review_answered", "ix_review_run_id"):
        op.drop_index(name, "review")
