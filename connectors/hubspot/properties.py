"""The live schema of a type of record, and the custom properties that we add to it.

https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.base import FieldType, RemoteField
from connectors.errors import Misconfigured, ProtocolChanged, Unauthorized
from connectors.http import Http
from connectors.hubspot.api import BATCH
from connectors.hubspot.objects import OWNER, ObjectType

GROUP = "smarketing"

PIPELINED = frozenset({"pipeline", "dealstage"})
"""Choices whose options are not in their definition (`pipelines.py`)."""

_BY_TYPE: Mapping[str, FieldType] = {
    "string": "string",
    "phone_number": "string",
    "number": "number",
    "bool": "boolean",
    "date": "date",
    "datetime": "datetime",
    "enumeration": "picklist",
    "json": "text",
    "object_coordinates": "text",
}

_TO_TYPE: Mapping[FieldType, tuple[str, str]] = {
    "string": ("string", "text"),
    "text": ("string", "textarea"),
    "number": ("number", "number"),
    "boolean": ("bool", "booleancheckbox"),
    "date": ("date", "date"),
    "datetime": ("datetime", "date"),
    "picklist": ("enumeration", "select"),
    "multipicklist": ("enumeration", "checkbox"),
    "reference": ("string", "text"),
}
"""Our type -> HubSpot's (type, fieldType)."""

_YES_NO = (("true", "Yes"), ("false", "No"))
_NAME = re.compile(r"[a-z][a-z0-9_]*")


async def read_schema(http: Http, type: ObjectType) -> list[RemoteField]:
    """Every property that is not archived, and the fields that stand for associations. Raises ProtocolChanged."""
    answer = await http.request("GET", type.properties_path, expect=("results",))
    try:
        fields = [field_of(definition, type.unique) for definition in answer.json["results"]]
        return [*fields, *(reference.field() for reference in type.references.values())]
    except (KeyError, TypeError, AttributeError) as error:
        raise ProtocolChanged(f"HubSpot described a property in a way we do not know ({error!r}).") from None


def field_of(definition: Mapping[str, Any], unique: frozenset[str] = frozenset()) -> RemoteField:
    limits = definition.get("modificationMetadata") or {}
    name = definition["name"]
    return RemoteField(
        name=name,
        label=definition.get("label") or name,
        type=type_of(definition),
        writable=not (limits.get("readOnlyValue") or definition.get("calculated")),
        unique=bool(definition.get("hasUniqueValue")) or name in unique,
        refers="owner" if name == OWNER else None,
        options=tuple(
            (str(option["value"]), str(option.get("label") or option["value"]))
            for option in sorted(definition.get("options") or (), key=lambda o: o.get("displayOrder") or 0)
        ),
    )


_OF_CHOICES: Mapping[str, FieldType] = {"checkbox": "multipicklist", "booleancheckbox": "boolean"}


def type_of(definition: Mapping[str, Any]) -> FieldType:
    kind, shown = definition["type"], definition.get("fieldType")
    if definition["name"] in PIPELINED:
        return "picklist"
    if definition.get("referencedObjectType") or definition.get("externalOptions"):
        return "reference"
    if kind == "enumeration":
        return _OF_CHOICES.get(str(shown), "picklist")
    if kind == "string" and shown in ("textarea", "html"):
        return "text"
    return _BY_TYPE.get(kind, "string")


async def create_missing(http: Http, type: ObjectType, wanted: Sequence[RemoteField]) -> list[str]:
    """Create the properties that are not there, in a group of their own; names of those created.

    Raises Misconfigured where a person must act: a name that HubSpot does not take, a property that is there but is
    not unique (HubSpot cannot change that later), a token that may not create properties.
    """
    present = {field.name: field for field in await read_schema(http, type)}
    for field in wanted:
        check_wanted(field, present.get(field.name))
    missing = [field for field in wanted if field.name not in present]
    if not missing:
        return []
    try:
        await _ensure_group(http, type)
        for start in range(0, len(missing), BATCH):
            inputs = [definition_of(field) for field in missing[start : start + BATCH]]
            # Creating one that is there already fails and changes nothing: to ask twice does no harm.
            await http.request(
                "POST", f"{type.properties_path}/batch/create", json={"inputs": inputs}, idempotent=True, accept=(409,)
            )
    except Unauthorized as error:
        raise Misconfigured(
            f"HubSpot does not let us create properties ({error.message})",
            hint=f"Grant the scope crm.schemas.{type.name}.write, or create by hand: {by_hand(missing)}.",
        ) from None
    now = {field.name for field in await read_schema(http, type)}
    left = [field for field in missing if field.name not in now]
    if left:
        raise Misconfigured("HubSpot did not create every property.", hint=f"Create by hand: {by_hand(left)}.")
    return [field.name for field in missing]


def check_wanted(wanted: RemoteField, present: RemoteField | None) -> None:
    """Raises Misconfigured for what the API will not do."""
    if present is None and not _NAME.fullmatch(wanted.name):
        raise Misconfigured(
            f"HubSpot takes no property called {wanted.name!r}.",
            hint="Use small letters, digits and underscores, a letter first.",
        )
    if present is not None and wanted.unique and not present.unique:
        raise Misconfigured(
            f"HubSpot's property {wanted.name!r} is there, but two records may hold the same value.",
            hint="Uniqueness can only be chosen when a property is created: archive it, or map another one.",
        )


async def _ensure_group(http: Http, type: ObjectType) -> None:
    group = {"name": GROUP, "label": "smarketing", "displayOrder": -1}
    await http.request("POST", f"{type.properties_path}/groups", json=group, idempotent=True, accept=(409,))


def definition_of(field: RemoteField) -> dict[str, Any]:
    kind, shown = _TO_TYPE[field.type]
    options = field.options or (_YES_NO if field.type == "boolean" else ())
    made: dict[str, Any] = {
        "name": field.name,
        "label": field.label or field.name,
        "groupName": GROUP,
        "type": kind,
        "fieldType": shown,
        "hasUniqueValue": field.unique,
        "formField": False,
    }
    if options:
        made["options"] = [
            {"value": value, "label": label, "displayOrder": i, "hidden": False}
            for i, (value, label) in enumerate(options)
        ]
    return made


def by_hand(fields: Sequence[RemoteField]) -> str:
    return ", ".join(f"{f.name} ({'unique ' if f.unique else ''}{f.type})" for f in fields)
