"""The properties of one type of record: their definitions, and what values each of them takes.

Values are kept as the text that HubSpot returns: dates and times in ISO 8601 with milliseconds, numbers and booleans
as text, several choices joined by ";". "" clears.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from sandbox.hubspot.errors import Body, Refused, invalid, invalid_values, value_problem

TYPES = ("string", "number", "date", "datetime", "enumeration", "bool", "phone_number")
FIELD_TYPES = ("text", "textarea", "date", "file", "number", "select", "radio", "checkbox", "booleancheckbox",
               "calculation_equation", "phonenumber", "html")  # fmt: skip
MAX_TEXT = 65_536
MAX_UNIQUE = 10
EXTERNAL = ("hs_merged_object_ids", "hs_additional_emails", "hubspot_owner_id", "pipeline", "dealstage")
"""Choices whose options other endpoints tell: owners, pipelines."""
YES_NO = (("true", "True"), ("false", "False"))
_EMAIL = re.compile(r"[^@\s,;<>\"()\[\]\\]+@[^@\s.,;<>\"()\[\]\\]+(\.[^@\s.,;<>\"()\[\]\\]+)+")
_NAME = re.compile(r"[a-z][a-z0-9_]{0,99}")


def define(
    name: str,
    label: str,
    kind: str = "string",
    field_type: str = "text",
    *,
    options: Any = (),
    group: str = "contactinformation",
    unique: bool = False,
    built_in: bool = False,
    read_only: bool = False,
) -> Body:
    """A property as HubSpot answers it."""
    return {
        "name": name,
        "label": label,
        "type": kind,
        "fieldType": field_type,
        "description": "",
        "groupName": group,
        "options": [
            {"label": text, "value": value, "displayOrder": at, "hidden": False, "description": ""}
            for at, (value, text) in enumerate(options)
        ],
        "displayOrder": -1,
        "calculated": False,
        "externalOptions": name in EXTERNAL,
        "hasUniqueValue": unique,
        "hidden": False,
        "hubspotDefined": built_in,
        "modificationMetadata": {
            "archivable": not built_in,
            "readOnlyDefinition": built_in,
            "readOnlyOptions": built_in and name != "lifecyclestage",
            "readOnlyValue": read_only,
        },
        "formField": not read_only,
        "dataSensitivity": "non_sensitive",
        "archived": False,
    }


class Properties:
    """The schema of one type of record in one portal."""

    def __init__(self, standard: Mapping[str, Body], groups: Mapping[str, str], portal_id: int = 0) -> None:
        self.portal_id = portal_id
        self.all = dict(standard)
        self.groups: dict[str, Body] = {name: _group(name, label) for name, label in groups.items()}
        self._options: dict[str, frozenset[str]] = {}

    def create(self, wanted: Mapping[str, Any]) -> Body:
        """A custom property. Raises Refused: 409 where the name is taken, 400 for what HubSpot does not accept."""
        name, kind = str(wanted.get("name", "")).lower(), str(wanted.get("type", ""))
        for needed in ("name", "label", "type", "fieldType", "groupName"):
            if not wanted.get(needed):
                raise invalid(f"Invalid input JSON: some required fields were not set: [{needed}]")
        if name in self.all:
            raise Refused(409, "OBJECT_ALREADY_EXISTS", f"A property named '{name}' already exists.")
        if not _NAME.fullmatch(name):
            raise invalid(f"{name} is not a valid property name: lower-case letters, digits and underscores only.")
        if kind not in TYPES or wanted["fieldType"] not in FIELD_TYPES:
            raise invalid(f"Invalid property type or fieldType: {kind}, {wanted['fieldType']}")
        if wanted["groupName"] not in self.groups:
            raise invalid(f"Property group {wanted['groupName']} does not exist.")
        unique = bool(wanted.get("hasUniqueValue"))
        if unique and sum(p["hasUniqueValue"] for p in self.all.values()) >= MAX_UNIQUE:
            raise invalid(f"The limit of {MAX_UNIQUE} unique properties has been reached.")
        options = wanted.get("options") or (
            [{"value": value, "label": label} for value, label in YES_NO] if kind == "bool" else []
        )
        made = define(
            name,
            wanted["label"],
            kind,
            wanted["fieldType"],
            options=[(option["value"], option["label"]) for option in options],
            group=wanted["groupName"],
            unique=unique,
        )
        made |= {key: wanted[key] for key in ("description", "displayOrder", "hidden", "formField") if key in wanted}
        self.all[name] = made
        return made

    def update(self, name: str, changes: Mapping[str, Any]) -> Body:
        prop = self.get(name)
        kept = {key: value for key, value in changes.items() if key in prop and key not in ("name", "hasUniqueValue")}
        if "options" in kept:
            pairs = [(option["value"], option["label"]) for option in kept["options"]]
            kept["options"] = define(name, "", options=pairs)["options"]
            self._options.pop(name, None)
        prop.update(kept)
        return prop

    def get(self, name: str) -> Body:
        if name not in self.all:
            raise Refused(404, "OBJECT_NOT_FOUND", f"Property {name} does not exist")
        return self.all[name]

    def archive(self, name: str) -> None:
        prop = self.all.get(name)
        if prop is not None and prop["hubspotDefined"]:
            raise invalid(f"Property {name} is defined by HubSpot and cannot be archived.")
        self.all.pop(name, None)

    def create_group(self, wanted: Mapping[str, Any]) -> Body:
        name = str(wanted.get("name", ""))
        if name in self.groups:
            raise Refused(409, "OBJECT_ALREADY_EXISTS", f"The Group named {name} already exists")
        self.groups[name] = _group(name, wanted.get("label", name))
        return self.groups[name]

    def stages(self) -> list[str]:
        """The life-cycle stages in their order, custom ones included; none for records that have no such stage."""
        stage = self.all.get("lifecyclestage")
        return [option["value"] for option in stage["options"]] if stage else []

    def store(self, given: Mapping[str, Any], *, trusted: bool = False) -> dict[str, str]:
        """Values as they will be kept. Raises Refused with one entry per wrong value. `trusted` may set read-only
        ones: the portal's own pages, not the API."""
        stored: dict[str, str] = {}
        problems: list[Body] = []
        for name, value in given.items():
            prop = self.all.get(name)
            if prop is None:
                text = f'Property "{name}" does not exist'
                more = {"localizedErrorMessage": text, "portalId": self.portal_id}
                problems.append(value_problem(name, "PROPERTY_DOESNT_EXIST", text, **more))
                continue
            if value is None:
                raise invalid("Invalid input JSON: some fields must not be null", properties=[name])
            if prop["modificationMetadata"]["readOnlyValue"] and not trusted:
                text = f'"{name}" is a read only property; its value cannot be set.'
                problems.append(value_problem(name, "READ_ONLY_VALUE", text))
                continue
            text = value if isinstance(value, str) else _as_text(value)
            if text == "":
                stored[name] = ""
                continue
            try:
                stored[name] = self._checked(prop, text)
            except ValueError as error:
                code, message = error.args
                problems.append(value_problem(name, code, message))
        if problems:
            raise invalid_values(problems)
        return stored

    def _checked(self, prop: Body, text: str) -> str:
        name, kind = prop["name"], prop["type"]
        if name == "email":
            address = text.strip().lower()
            if not _EMAIL.fullmatch(address) or len(address) > 254:
                raise ValueError("INVALID_EMAIL", f"Email address {text} is invalid")
            return address
        if kind == "string" or kind == "phone_number":
            if len(text) > MAX_TEXT:
                raise ValueError("VALUE_TOO_LONG", f"{name} is longer than {MAX_TEXT} characters")
            return text
        if text != text.strip():  # https://developers.hubspot.com/changelog: enhanced validations, 7 April 2025
            raise ValueError("INVALID_VALUE", f"{text!r} has leading or trailing spaces")
        if kind == "number":
            return _number(text)
        if kind == "datetime":
            return _datetime(text)
        if kind == "date":
            return _date(text)
        if not prop["externalOptions"]:
            self._check_options(prop, text)
        return text

    def _check_options(self, prop: Body, text: str) -> None:
        name = prop["name"]
        if name not in self._options:
            self._options[name] = frozenset(option["value"] for option in prop["options"])
        chosen = [part for part in text.split(";") if part] if prop["fieldType"] == "checkbox" else [text]
        for value in chosen:
            if value not in self._options[name]:
                allowed = ", ".join(option["value"] for option in prop["options"])
                raise ValueError("INVALID_OPTION", f"{value} was not one of the allowed options: [{allowed}]")


def _group(name: str, label: str) -> Body:
    return {"name": name, "label": label, "displayOrder": -1, "archived": False}


def _as_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    raise invalid("Invalid input JSON: property values must be strings, numbers or booleans")


def _number(text: str) -> str:
    try:
        if not math.isfinite(float(text)) or "_" in text:
            raise ValueError
    except ValueError:
        raise ValueError("INVALID_INTEGER", f"{text} was not a valid number.") from None
    return text


def _datetime(text: str) -> str:
    """From milliseconds since 1970 or ISO 8601."""
    try:
        if re.fullmatch(r"-?\d+", text):
            return iso(int(text))
        moment = datetime.fromisoformat(text)
        return iso(int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000))
    except (ValueError, OverflowError, OSError):
        raise ValueError("INVALID_LONG", f"{text} was not a valid long.") from None


def _date(text: str) -> str:
    """From YYYY-MM-DD, or from the milliseconds of a midnight in UTC."""
    try:
        if re.fullmatch(r"-?\d+", text):
            if int(text) % 86_400_000:
                raise ValueError("INVALID_DATE", f"{text} is at a time of day, not midnight!")
            return datetime.fromtimestamp(int(text) / 1000, UTC).date().isoformat()
        return date.fromisoformat(text).isoformat()
    except (ValueError, OverflowError, OSError) as error:
        if len(error.args) == 2 and error.args[0] == "INVALID_DATE":
            raise
        raise ValueError("INVALID_DATE", f"{text} was not a valid date.") from None


def iso(milliseconds: int) -> str:
    """2026-11-22T10:00:00.000Z."""
    seconds, rest = divmod(milliseconds, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"
