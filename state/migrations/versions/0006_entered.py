"""When a stage was really entered: the vendor's dates beside what was read, when an event was noted, and how it is dated."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from state.tables import Utc

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("link", sa.Column("entered", sa.Text()))
    op.add_column("stage_event", sa.Column("noted", Utc()))
    op.add_column("stage_event", sa.Column("dated", sa.String(8), nullable=False, server_default="run"))


def downgrade() -> None:
    op.drop_column("stage_event", "dated")
    op.drop_column("stage_event", "noted")
    op.drop_column("link", "entered")
