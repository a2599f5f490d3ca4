"""What Salesforce says against one record, as the reaction it asks for. Pure.

The same words come from sObject Collections (a list of errors per record, under a 200) and from Bulk (one text per
row). Codes: https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_calls_concepts_core_data_objects.htm
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.errors import Duplicate, Gone, Invalid, Reject
from connectors.salesforce.objects import CONTACT_NAMES, long_id

_OURS = {theirs: ours for ours, theirs in CONTACT_NAMES.items()}
_TRANSIENT = frozenset(
    {"UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT", "SERVER_UNAVAILABLE", "TXN_ROLLED_BACK", "OPERATION_TOO_LARGE"}
)
_GONE = frozenset({"ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY"})
_HINTS = {
    "REQUIRED_FIELD_MISSING": "Map the field, or give it a default in Salesforce.",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "A validation rule of the org refuses this; correct the value or the rule.",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "Give the integration user edit access to the field, or map it as read-only.",
    "INSUFFICIENT_ACCESS_OR_READONLY": "Give the integration user edit access to this record.",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY": "Give the integration user access to the record it points to.",
    "INACTIVE_OWNER_OR_USER": "The user is inactive: give the record to somebody who is there, or activate the user.",
    "ENTITY_IS_LOCKED": "An approval process locks the record; it can be written once that ends.",
    "STORAGE_LIMIT_EXCEEDED": "The org's data storage is full.",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "Map the value to one of the picklist's, or add it in Salesforce.",
}
_RECORD_ID = re.compile(r"record with id: ([A-Za-z0-9]{18}|[A-Za-z0-9]{15})\b")
_DUPLICATE_FIELD = re.compile(r"duplicate value found: (\w+) duplicates")
_PICKLIST_FIELD = re.compile(r"restricted picklist field: (\w+)")


@dataclass(frozen=True, slots=True)
class Complaint:
    """One error of one record. `matches` are the ids that a duplicate rule found."""

    code: str
    message: str
    fields: tuple[str, ...] = ()
    matches: tuple[str, ...] = ()

    @property
    def transient(self) -> bool:
        """The record was not written and nothing is wrong with it: a trigger's row lock comes wrapped in another
        error's message."""
        return self.code in _TRANSIENT or "UNABLE_TO_LOCK_ROW" in self.message


def complaint(errors: Sequence[Mapping[str, Any]]) -> Complaint:
    """The first error of a collections result."""
    error = errors[0] if errors else {}
    # The vendor's own misspelling, in some API versions.
    found = error.get("duplicateResult") or error.get("duplicateResut") or {}
    matches = [
        match["record"]["Id"]
        for result in found.get("matchResults") or ()
        for match in result.get("matchRecords") or ()
        if (match.get("record") or {}).get("Id")
    ]
    return Complaint(
        code=error.get("statusCode") or error.get("errorCode") or "UNKNOWN_EXCEPTION",
        message=error.get("message") or "Salesforce gave no reason.",
        fields=tuple(error.get("fields") or ()),
        matches=tuple(dict.fromkeys(matches)),
    )


def bulk_complaint(text: str) -> Complaint:
    """The sf__Error cell of a failed row: `CODE:message:Field1, Field2 --`."""
    code, _, rest = text.partition(":")
    message, fields = rest, ""
    if rest.endswith("--"):
        message, _, fields = rest.removesuffix("--").rstrip().rpartition(":")
        message = message or fields
    names = tuple(field for field in re.split(r"[,\s]+", fields) if field)
    return Complaint(code.strip() or "UNKNOWN_EXCEPTION", message.strip(), names)


def reject(said: Complaint) -> Reject:
    """The error for the record's WriteResult."""
    field = _field(said)
    message = f"Salesforce: {said.message} ({said.code})"
    hint = _HINTS.get(said.code, "")
    match said.code:
        case "DUPLICATE_VALUE":
            return Duplicate(message, existing=_existing(said), field=field, hint="Another record holds this value.")
        case "DUPLICATES_DETECTED":
            return Duplicate(
                message, existing=_existing(said), field=field, hint="A duplicate rule of the org refuses a second one."
            )
        case "DUPLICATE_EXTERNAL_ID":
            return Duplicate(message, field=field, hint="Several records hold this external id; merge them first.")
        case "CANNOT_UPDATE_CONVERTED_LEAD":
            return Gone(message, hint="The lead was converted; its contact takes its place at the next read.")
        case code if code in _GONE and not said.fields:
            return Gone(message, hint="It was deleted or merged in Salesforce; the next read tells which.")
        case code if code.startswith("INSUFFICIENT_ACCESS") or code in ("ENTITY_IS_LOCKED", "STORAGE_LIMIT_EXCEEDED"):
            return Reject(message, field=field, hint=hint)
        case _:
            return Invalid(message, field=field, hint=hint)


def _existing(said: Complaint) -> str | None:
    if len(said.matches) == 1:
        return long_id(said.matches[0])
    named = _RECORD_ID.search(said.message)
    return long_id(named.group(1)) if named and not said.matches else None


def _field(said: Complaint) -> str | None:
    named = _DUPLICATE_FIELD.search(said.message) or _PICKLIST_FIELD.search(said.message)
    field = said.fields[0] if said.fields else named.group(1) if named else None
    return _OURS.get(field, field) if field else None
