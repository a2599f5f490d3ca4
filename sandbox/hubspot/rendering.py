"""A record as the API answers it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sandbox.hubspot.properties import iso
from sandbox.hubspot.records import Record, Values


def render(record: Record, wanted: Iterable[str], *, values: Values | None = None) -> dict[str, Any]:
    """A record as the API answers it; a wanted property without a value is null."""
    held = record.values if values is None else values
    system = record.system()
    shown: dict[str, Any] = {
        "id": system["hs_object_id"],
        "properties": {**{name: held.get(name) for name in wanted}, **system},
        "createdAt": system[record.type.created],
        "updatedAt": system[record.type.modified],
        "archived": record.archived is not None,
    }
    if record.archived is not None:
        shown["archivedAt"] = iso(record.archived)
    return shown
