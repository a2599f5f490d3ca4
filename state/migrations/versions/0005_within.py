"""Which rule a record has been seen to satisfy: only what was in can leave, and be archived for it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("link", sa.Column("within", sa.LargeBinary(8)))


def downgrade() -> None:
    op.drop_column("link", "within")
