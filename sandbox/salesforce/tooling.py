"""The one corner of the Tooling API that a connector needs: custom fields, created and dropped.

A field created this way is out of sight, of the integration user too, until a FieldPermissions record in one of the
user's permission sets shows it: the step that is most often forgotten.
https://developer.salesforce.com/docs/atlas.en-us.api_tooling.meta/api_tooling/tooling_api_objects_customfield.htm
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sandbox.gate import Answer
from sandbox.salesforce.calls import Call, nothing, shown
from sandbox.salesforce.errors import Problem, Refused, no_such_resource
from sandbox.salesforce.schema import METADATA_TYPES, Field

if TYPE_CHECKING:
    from sandbox.salesforce.server import Salesforce

_NAME = re.compile(r"(\w+)\.([A-Za-z](?:_?[A-Za-z0-9])*__c)")
LONGEST = {"Text": 255, "LongTextArea": 131072, "TextArea": 255}


def create_field(sf: Salesforce, call: Call) -> Answer:
    body = call.record()
    name = _NAME.fullmatch(str(body.get("FullName", "")))
    table = sf.org.names.get(name[1].lower()) if name else None
    if name is None or table is None:
        raise _invalid(f"Invalid fullName: {body.get('FullName')}", "FullName")
    metadata = body.get("Metadata")
    if not isinstance(metadata, dict):
        raise Refused(Problem("REQUIRED_FIELD_MISSING", "Required fields are missing: [Metadata]", ("Metadata",)))
    made = sf.org.add_field(table, field_of(name[2], metadata, hidden=sf.org.switches.field_level_security))
    return shown({"id": made.id, "success": True, "errors": [], "warnings": [], "infos": []}, 201)


def delete_field(sf: Salesforce, call: Call) -> Answer:
    for table in sf.org.tables.values():
        for field in table.fields.values():
            if field.id == call.args["id"]:
                table.drop_field(field.name)
                return nothing()
    raise no_such_resource()


def field_of(name: str, metadata: dict[str, Any], *, hidden: bool) -> Field:
    """A field from its CustomFieldMetadata. Raises Refused for what Salesforce would not create."""
    kind = str(metadata.get("type"))
    if kind not in METADATA_TYPES:
        raise _invalid(f"Cannot deserialize instance of FieldType from VALUE_STRING value {kind}", "Metadata")
    if not metadata.get("label"):
        raise _invalid("Must specify a label for the CustomField", "Metadata")
    length = metadata.get("length") or {
        "TextArea": 255,
        "Email": 80,
        "Phone": 40,
        "Url": 255,
        "Picklist": 255,
        "MultiselectPicklist": 4099,
    }.get(kind, 0)
    precision, scale = metadata.get("precision"), metadata.get("scale")
    if kind in LONGEST and not 1 <= length <= LONGEST[kind]:
        raise _invalid(f"Must specify 'length' for a CustomField of type {kind}, at most {LONGEST[kind]}", "Metadata")
    if kind == "LongTextArea" and not metadata.get("visibleLines"):
        raise _invalid("Must specify 'visibleLines' for a CustomField of type LongTextArea", "Metadata")
    if kind in ("Number", "Currency", "Percent") and (
        precision is None or scale is None or not 0 <= scale <= precision <= 18
    ):
        raise _invalid(f"Must specify 'precision' and 'scale' for a CustomField of type {kind}", "Metadata")
    if kind == "Checkbox" and metadata.get("defaultValue") is None:
        raise _invalid("Must specify 'defaultValue' for a CustomField of type Checkbox", "Metadata")
    values, restricted = _picklist(metadata) if "Picklist" in kind or "picklist" in kind else ((), False)
    external = bool(metadata.get("externalId"))
    return Field(
        name, METADATA_TYPES[kind], str(metadata["label"]), length=length, precision=precision or 0, scale=scale or 0,
        nillable=kind != "Checkbox" and not metadata.get("required"), unique=bool(metadata.get("unique")),
        external_id=external, id_lookup=external, case_sensitive=bool(metadata.get("caseSensitive")), values=values,
        restricted=restricted, default=_default(kind, metadata), hidden=hidden and not metadata.get("required"),
    )  # fmt: skip


def _default(kind: str, metadata: dict[str, Any]) -> bool | None:
    return str(metadata["defaultValue"]).lower() == "true" if kind == "Checkbox" else None


def _picklist(metadata: dict[str, Any]) -> tuple[tuple[str, ...], bool]:
    value_set = metadata.get("valueSet") or {}
    definition = value_set.get("valueSetDefinition") or {}
    values = tuple(
        str(one.get("valueName") or one.get("fullName") or one.get("label")) for one in definition.get("value") or ()
    )
    if not values:
        raise _invalid("Must specify a value set for a CustomField of type Picklist", "Metadata")
    return values, bool(value_set.get("restricted"))


def _invalid(words: str, field: str) -> Refused:
    return Refused(Problem("FIELD_INTEGRITY_EXCEPTION", words, (field,)))
