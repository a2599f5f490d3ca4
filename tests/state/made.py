"""Ready-made rows for the tests of the store."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from mapping.fields import Fields
from state.ids import new_id
from state.records import Hub, Link, Review, Side, WriteRow
from state.store import Store

AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = AT + timedelta(hours=1)


def lead(**fields: Any) -> Hub:
    return Hub(new_id(), dict(fields), {"": "crm"})


def link(hub_id: str, remote_id: str, system: str = "crm", **fields: Any) -> Link:
    return Link(hub_id, system, remote_id, Side(dict(fields), dict(fields)), mapping=1, digest=b"12345678")


def put(store: Store, *leads: Hub) -> None:
    """Leads with their links, committed."""
    store.insert_hubs(leads)
    store.insert_links([link for lead in leads for link in lead.links.values()])
    store.commit()


def write(hub_id: str, run_id: str = "run", system: str = "crm", operation: Any = "update", **fields: Any) -> WriteRow:
    sent: dict[str, Any] = {name: (None, value) for name, value in fields.items()}
    return WriteRow(run_id, hub_id, system, operation, None if operation == "create" else "1", sent)


def letter(hub_id: str, write_: str, system: str = "crm") -> Review:
    return Review("dead_letter", f"{system}:{hub_id}", {"write": write_}, hub_id, system)


def fields_of(store: Store, hub_id: str) -> Fields:
    return store.hubs([hub_id])[hub_id].fields
