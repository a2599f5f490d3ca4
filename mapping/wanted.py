"""The remote fields that a mapping counts on: for `check`, which compares them with the live schema, and for
`provision`, which creates those that are missing. Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from mapping.compiler import BUILT_IN, transform_of
from mapping.config import Direction, MappedField, MappedReason
from mapping.fields import REASON, STAGE
from mapping.loader import Project

RemoteType = Literal["string", "text", "number", "boolean", "date", "datetime", "picklist", "multipicklist"]

_TYPES: dict[str, RemoteType] = {
    "boolean": "boolean",
    "integer": "number",
    "number": "number",
    "percent": "number",
    "band": "picklist",
    "date": "date",
    "datetime": "datetime",
    "picklist": "picklist",
    "multipicklist": "multipicklist",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """One remote field. `type` and `options` are what we would create it with; a field that is there already may well
    be of another type that holds the same (`type` "string" stands for any kind of text). `words`: what we may write
    into it, where that is a closed list."""

    hub: str
    remote: str
    label: str
    type: RemoteType
    read: bool
    written: bool
    words: tuple[str, ...] = ()
    unique: bool = False


def wanted_fields(project: Project, system: str) -> list[Wanted]:
    """By remote name. Raises KeyError for a system without a mapping."""
    mapping = project.mappings[system]
    found = [_field(project, name, entry) for name, entry in mapping.fields.items()]
    if mapping.id_field:
        found.append(Wanted("id", mapping.id_field, "Smarketing id", "string", True, True, unique=True))
    if mapping.stage is not None:
        words = tuple(dict.fromkeys(mapping.stage.values.values()))
        found.append(_wanted(STAGE, mapping.stage.remote, "Stage", "picklist", mapping.stage.direction, words))
        if mapping.stage.reason is not None:
            found.append(_reason(mapping.stage.reason))
    return sorted(found, key=lambda wanted: wanted.remote)


def _field(project: Project, name: str, entry: MappedField) -> Wanted:
    field = BUILT_IN.get(name) or project.config.fields[name]
    transform, options = transform_of(project.config, field, entry)
    words = tuple(dict.fromkeys([*options.get("values", {}).values(), *options.get("bands", ())]))
    label = field.label or name.replace("_", " ").capitalize()
    return _wanted(name, entry.remote, label, _TYPES.get(transform, "string"), entry.direction, words)


def _reason(reason: MappedReason) -> Wanted:
    words = tuple(dict.fromkeys(reason.values.values()))
    kind: RemoteType = "picklist" if words else "string"
    return _wanted(REASON, reason.remote, "Reason of the stage", kind, reason.direction, words)


def _wanted(
    hub: str, remote: str, label: str, kind: RemoteType, direction: Direction, words: tuple[str, ...]
) -> Wanted:
    return Wanted(hub, remote, label, kind, direction != "push", direction != "pull", words)
