"""Companies, deals and owners beside leads: a hub record has a kind, and may refer to others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

RENAMED = ("change", "stage_event", "write", "review")
"""Tables with an ordinary index over the id of the hub record."""


def upgrade() -> None:
    for flag in ("touched", "dirty"):
        op.drop_index(f"ix_lead_{flag}", table_name="lead")
    op.rename_table("lead", "hub")
    with op.batch_alter_table("hub") as hub:
        hub.add_column(sa.Column("kind", sa.String(8), nullable=False, server_default="lead"))
    with op.batch_alter_table("hub") as hub:
        hub.alter_column("kind", server_default=None)
    _primary_key("lead", "hub")
    for flag in ("touched", "dirty"):
        _partial_index(f"ix_hub_{flag}", "hub", ["kind", "id"], f"{flag} = 1")

    op.drop_index("ix_link_system_state_n", table_name="link")
    _rename("link", "lead_id", "hub_id")
    with op.batch_alter_table("link") as link:
        link.drop_constraint("uq_link_lead_id_system", type_="unique")
        link.drop_constraint("uq_link_system_remote_id", type_="unique")
        link.add_column(sa.Column("kind", sa.String(8), nullable=False, server_default="lead"))
    with op.batch_alter_table("link") as link:
        link.alter_column("kind", server_default=None)
        link.create_unique_constraint(op.f("uq_link_system_kind_remote_id"), ["system", "kind", "remote_id"])
        link.create_unique_constraint(op.f("uq_link_hub_id_system"), ["hub_id", "system"])
    _partial_index("ix_link_live", "link", ["system", "kind", "n"], "state = 'live'")

    _rename("match_key", "lead_id", "hub_id")
    for table in RENAMED:
        op.drop_index(op.f(f"ix_{table}_lead_id"), table_name=table)
        _rename(table, "lead_id", "hub_id")
        op.create_index(op.f(f"ix_{table}_hub_id"), table, ["hub_id"])
    op.add_column("write", sa.Column("rank", sa.SmallInteger(), nullable=False, server_default="1"))
    op.add_column("write", sa.Column("kind", sa.String(8), nullable=False, server_default="lead"))
    op.add_column("review", sa.Column("record_kind", sa.String(8), nullable=False, server_default="lead"))
    for column in ("detail", "resolution"):
        op.execute(f"""UPDATE review SET {column} = replace({column}, '"lead":"', '"hub":"')""")

    op.create_table(
        "reference",
        sa.Column("hub_id", sa.String(32), nullable=False),
        sa.Column("field", sa.String(64), nullable=False),
        sa.Column("target_id", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("hub_id", "field", "target_id", name=op.f("pk_reference")),
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("ix_reference_target_id"), "reference", ["target_id"])
    op.create_table(
        "waiting",
        sa.Column("system", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("remote_id", sa.String(128), nullable=False),
        sa.Column("target_kind", sa.String(8), nullable=False),
        sa.Column("target_remote_id", sa.String(128), nullable=False),
        sa.PrimaryKeyConstraint(
            "system", "kind", "remote_id", "target_kind", "target_remote_id", name=op.f("pk_waiting")
        ),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Leads go back to what they were. Whatever is of another kind has no place there and goes."""
    op.drop_table("waiting")
    op.drop_table("reference")
    for table in (*RENAMED, "match_key"):
        others = "record_kind <> 'lead' OR " if table == "review" else ""
        op.execute(f"DELETE FROM {table} WHERE {others}hub_id IN (SELECT id FROM hub WHERE kind <> 'lead')")
    for table in ("link", "hub"):
        op.execute(f"DELETE FROM {table} WHERE kind <> 'lead'")
    for column in ("detail", "resolution"):
        op.execute(f"""UPDATE review SET {column} = replace({column}, '"hub":"', '"lead":"')""")
    op.drop_column("review", "record_kind")
    op.drop_column("write", "kind")
    op.drop_column("write", "rank")
    for table in RENAMED:
        op.drop_index(op.f(f"ix_{table}_hub_id"), table_name=table)
        _rename(table, "hub_id", "lead_id")
        op.create_index(op.f(f"ix_{table}_lead_id"), table, ["lead_id"])
    _rename("match_key", "hub_id", "lead_id")

    op.drop_index("ix_link_live", table_name="link")
    with op.batch_alter_table("link") as link:
        link.drop_constraint("uq_link_hub_id_system", type_="unique")
        link.drop_constraint("uq_link_system_kind_remote_id", type_="unique")
        link.drop_column("kind")
    _rename("link", "hub_id", "lead_id")
    with op.batch_alter_table("link") as link:
        link.create_unique_constraint(op.f("uq_link_system_remote_id"), ["system", "remote_id"])
        link.create_unique_constraint(op.f("uq_link_lead_id_system"), ["lead_id", "system"])
    op.create_index("ix_link_system_state_n", "link", ["system", "state", "n"])

    for flag in ("touched", "dirty"):
        op.drop_index(f"ix_hub_{flag}", table_name="hub")
    with op.batch_alter_table("hub") as hub:
        hub.drop_column("kind")
    op.rename_table("hub", "lead")
    _primary_key("hub", "lead")
    for flag in ("touched", "dirty"):
        _partial_index(f"ix_lead_{flag}", "lead", ["id"], f"{flag} = 1")


def _rename(table: str, old: str, new: str) -> None:
    """In place: alembic's own way would copy the table on SQLite."""
    op.execute(f"ALTER TABLE {table} RENAME COLUMN {old} TO {new}")


def _partial_index(name: str, table: str, columns: list[str], where: str) -> None:
    op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))


def _primary_key(old: str, new: str) -> None:
    """PostgreSQL gives the key of a renamed table no new name."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"ALTER INDEX pk_{old} RENAME TO pk_{new}")
