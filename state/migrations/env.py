"""Alembic's entry: it is always handed an open connection (`state.database`)."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from alembic import context

from state.tables import PARTITION, metadata


def ours(name: str | None, type_: str, parents: MutableMapping[Any, Any]) -> bool:
    """A month of a table is no table of its own."""
    return not (type_ == "table" and name and PARTITION.fullmatch(name))


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
    include_name=ours,
)
with context.begin_transaction():
    context.run_migrations()
