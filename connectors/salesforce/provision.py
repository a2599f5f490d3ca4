"""Creating the custom fields that a mapping needs, on every object of its kind: for people on Lead and Contact both.

Two steps, since a field that the Tooling API creates is visible to nobody: the field, then field-level security for
the integration user's own profile, and no other. Where either is not allowed, the error says what to do by hand.
https://developer.salesforce.com/docs/atlas.en-us.api_tooling.meta/api_tooling/tooling_api_objects_customfield.htm
https://developer.salesforce.com/docs/platform/object-reference/references/standard-objects/object-fieldpermissions.html
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from connectors.base import RemoteField
from connectors.errors import ConnectorError, Misconfigured, Retry
from connectors.salesforce.kinds import ROLES, Entity, Shape
from connectors.salesforce.org import Org, error_code
from connectors.salesforce.settings import COLLECTION
from connectors.salesforce.soql import any_of, literal, select

log = logging.getLogger(__name__)

_EXISTS = frozenset({"DUPLICATE_DEVELOPER_NAME"})
_KINDS = {
    "string": "Text",
    "text": "Long Text Area(32768)",
    "number": "Number(16, 2)",
    "boolean": "Checkbox",
    "date": "Date",
    "datetime": "Date/Time",
    "picklist": "Picklist",
    "multipicklist": "Picklist (Multi-Select)",
}


async def provision(org: Org, shape: Shape, wanted: Sequence[RemoteField]) -> list[str]:
    """See `Connector.provision`. Raises Misconfigured."""
    for entity in shape.entities:
        await org.describe(entity, fresh=True)
    missing = [field for field in wanted if not await _visible(org, shape, field.name)]
    cannot = [field for field in missing if not field.name.endswith("__c") or field.type not in _KINDS]
    if cannot:
        raise Misconfigured(
            f"Salesforce cannot create the fields {', '.join(field.name for field in cannot)}.",
            hint="The names of custom fields end in __c, and references are made by hand.",
        )
    refused: list[str] = []
    for field in missing:
        for entity in shape.entities:
            if field.name not in await org.describe(entity):
                refused += await _create(org, entity, field)
    await _grant(org, shape, missing)
    hidden = [field for field in missing if not await _visible(org, shape, field.name)]
    if hidden or refused:
        raise Misconfigured(_by_hand(shape, hidden, refused), hint="Then run `smarketing provision` again to check.")
    return [field.name for field in missing]


async def _visible(org: Org, shape: Shape, name: str) -> bool:
    if shape.roles and name == ROLES:
        return True
    return all([name in await org.describe(entity) for entity in shape.entities])


async def _create(org: Org, entity: Entity, field: RemoteField) -> list[str]:
    """What Salesforce said, where it did not create the field."""
    body = {"FullName": f"{entity}.{field.name}", "Metadata": metadata(field)}
    try:
        answer = await org.call(
            "POST",
            "/tooling/sobjects/CustomField",
            json=body,
            idempotent=False,
            expect=None,
            accept=(400, 401, 403, 404),
        )
    except Retry:
        raise
    except ConnectorError as error:
        return [error.message]
    if answer.status < 300 or error_code(answer.json) in _EXISTS:
        return []
    first = answer.json[0] if isinstance(answer.json, list) and answer.json else {}
    return [f"{entity}.{field.name}: {first.get('message') or 'not allowed'}"]


async def _grant(org: Org, shape: Shape, fields: Sequence[RemoteField]) -> None:
    """Let the integration user's profile read and edit the fields that it cannot see. Quietly gives up where it is
    not allowed: the caller looks whether the fields are there."""
    for entity in shape.entities:
        seen = await org.describe(entity, fresh=True)
        hidden = [field for field in fields if field.name not in seen]
        if not hidden:
            continue
        try:
            parent = await _own_permissions(org)
            records = [_permission(parent, entity, field) for field in hidden]
            for start in range(0, len(records), COLLECTION):
                body = {"allOrNone": False, "records": records[start : start + COLLECTION]}
                await org.call("POST", "/composite/sobjects", json=body, idempotent=True, expect=list)
        except Retry:
            raise
        except ConnectorError as error:
            log.warning("Field-level security on %s could not be set: %s", entity, error)
        await org.describe(entity, fresh=True)


def _permission(parent: str, entity: Entity, field: RemoteField) -> dict[str, Any]:
    return {
        "attributes": {"type": "FieldPermissions"},
        "ParentId": parent,
        "SobjectType": entity,
        "Field": f"{entity}.{field.name}",
        "PermissionsRead": True,
        "PermissionsEdit": True,
    }


async def _own_permissions(org: Org) -> str:
    """The permission set behind the profile of the user that we are."""
    user = (await org.call("GET", "/services/oauth2/userinfo", expect=("user_id",))).json["user_id"]
    assigned = await org.query(select(["PermissionSetId"], "PermissionSetAssignment", f"AssigneeId = {literal(user)}"))
    ids = [row["PermissionSetId"] for row in assigned["records"]]
    owned = await org.query(select(["Id"], "PermissionSet", f"({any_of('Id', ids)}) AND IsOwnedByProfile = true"))
    if not owned["records"]:
        raise Misconfigured("The integration user has no profile of its own.")
    return str(owned["records"][0]["Id"])


def metadata(field: RemoteField) -> dict[str, Any]:
    """A field as the Tooling API describes one. `unique` makes an external id, by which creates can be repeated."""
    common: dict[str, Any] = {"label": field.label[:40], "required": False}
    values = [{"fullName": value, "label": label, "default": False} for value, label in field.options]
    options = {"valueSet": {"restricted": False, "valueSetDefinition": {"sorted": False, "value": values}}}
    match field.type:
        case "string":
            key = {"externalId": True, "unique": True, "caseSensitive": False} if field.unique else {}
            return {**common, "type": "Text", "length": min(field.max_length or 255, 255), **key}
        case "text":
            return {**common, "type": "LongTextArea", "length": 32_768, "visibleLines": 3}
        case "number":
            return {**common, "type": "Number", "precision": 18, "scale": 2}
        case "boolean":
            return {"label": common["label"], "type": "Checkbox", "defaultValue": "false"}
        case "date":
            return {**common, "type": "Date"}
        case "datetime":
            return {**common, "type": "DateTime"}
        case "picklist":
            return {**common, "type": "Picklist", **options}
        case _:
            return {**common, "type": "MultiselectPicklist", "visibleLines": 4, **options}


def _by_hand(shape: Shape, hidden: Sequence[RemoteField], refused: Sequence[str]) -> str:
    steps = [
        f"{field.name}: {_KINDS[field.type]}{', External ID, Unique' if field.unique else ''}, label {field.label!r}"
        + (f", values {', '.join(value for value, _ in field.options)}" if field.options else "")
        for field in hidden
    ]
    said = f" Salesforce said: {'; '.join(refused)}." if refused else ""
    return (
        "Some fields are not there, or the integration user may not see them. Create those that are missing under "
        f"Setup > Object Manager > {', and '.join(shape.entities)} > Fields & Relationships, and give the user's "
        f"profile Read and Edit access to them: {'; '.join(steps) or 'see below'}.{said}"
    )
