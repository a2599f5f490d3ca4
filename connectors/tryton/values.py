"""Tryton's values as JSON: dates, times and decimals are objects with a `__class__`.

Outside they are plain: dates and times as ISO 8601 text (Tryton's times are UTC, to the microsecond), decimals as
text so that nothing is rounded, references as the id's text. Blank is None.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.base import FieldType
from connectors.errors import Invalid, ProtocolChanged

TYPES: Mapping[str, FieldType] = {
    "char": "string",
    "text": "text",
    "integer": "number",
    "float": "number",
    "numeric": "number",
    "boolean": "boolean",
    "date": "date",
    "datetime": "datetime",
    "timestamp": "datetime",
    "selection": "picklist",
    "many2one": "reference",
}
"""The field types that a flat record can hold."""

UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""NUL (PostgreSQL refuses it) and halves of surrogate pairs (no encoding for them)."""


def out(kind: str, value: Any) -> Any:
    """A value as Tryton sent it, in plain form."""
    if value is None or value == "":
        return None
    match kind:
        case "boolean":
            return bool(value)
        case "date":
            return date(value["year"], value["month"], value["day"]).isoformat()
        case "datetime" | "timestamp":
            return moment(value).isoformat()
        case "numeric":
            return value["decimal"] if isinstance(value, dict) else value
        case "many2one":
            return str(value)
    return value


def into(name: str, kind: str, value: Any) -> Any:
    """A plain value as Tryton takes it. Raises Invalid, naming the field, where it cannot be one."""
    if value is None or value == "":
        return None
    try:
        return _into(kind, value)
    except (ValueError, TypeError, InvalidOperation, OverflowError):
        raise Invalid(f"{name} takes {WANTED.get(kind, kind)}, not {value!r:.80}.", field=name) from None


WANTED: Mapping[str, str] = {
    "char": "text without control characters",
    "text": "text without control characters",
    "integer": "a whole number",
    "float": "a number",
    "numeric": "a number",
    "boolean": "true or false",
    "date": "a date (2026-11-22)",
    "datetime": "a time (2026-11-22T09:30:00Z)",
    "timestamp": "a time (2026-11-22T09:30:00Z)",
    "many2one": "the id of a record",
}


def _into(kind: str, value: Any) -> Any:
    match kind:
        case "char" | "text" | "selection":
            if isinstance(value, bool | list | dict) or UNSTORABLE.search(text := str(value)):
                raise ValueError
            return text
        case "integer" | "many2one":
            return int(value)
        case "float":
            if not math.isfinite(number := float(value)):
                raise ValueError
            return number
        case "numeric":
            if not (decimal := Decimal(str(value))).is_finite():
                raise ValueError
            return {"__class__": "Decimal", "decimal": str(decimal)}
        case "boolean":
            return _truth(value)
        case "date":
            day = date.fromisoformat(str(value))
            return {"__class__": "date", "year": day.year, "month": day.month, "day": day.day}
        case "datetime" | "timestamp":
            return timed(datetime.fromisoformat(str(value)))
    raise ValueError


def _truth(value: Any) -> bool:
    try:
        return {"true": True, "false": False, "1": True, "0": False}[str(value).lower()]
    except KeyError:
        raise ValueError from None


def moment(value: Any) -> datetime:
    """A time as Tryton sends it. Raises ProtocolChanged for anything else."""
    try:
        year, month, day, *clock = (int(value[name]) for name in PARTS)
        hour, minute, second, microsecond = clock
        return datetime(year, month, day, hour, minute, second, microsecond, UTC)
    except (KeyError, TypeError, ValueError):
        raise ProtocolChanged("Tryton sent a time that is none.") from None


PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")


def timed(at: datetime) -> dict[str, Any]:
    """A time for Tryton; one without a zone is taken as UTC."""
    utc = at.astimezone(UTC) if at.tzinfo else at
    return {"__class__": "datetime", **{name: getattr(utc, name) for name in PARTS}}
