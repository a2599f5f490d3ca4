"""One value on its way in: what Salesforce makes of it, and what it refuses, per field type.

Stored as JSON that needs no conversion on the way out: times as `2026-01-31T08:00:00.000+0000`, always UTC, so that
they compare as text; an empty string is null; text is trimmed; an e-mail address is lower-cased.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from typing import Any

from sandbox.salesforce import ids
from sandbox.salesforce.errors import Problem, unreadable
from sandbox.salesforce.schema import Field

Value = str | float | int | bool | None

_EMAIL = re.compile(
    r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([A-Za-z0-9-]+\.)+[A-Za-z0-9-]{2,}"
)
_TRUE, _FALSE = ("true", "1"), ("false", "0")


class BadValue(ValueError):
    """The value can be read, but its field refuses it: one record fails, the others go on."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem.message)
        self.problem = problem


def stamp(moment: datetime) -> str:
    """The REST API's text for a time, to the second: Salesforce keeps no fractions."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def instant(text: str) -> str:
    """A time that a client compares with, to the millisecond. Raises ValueError."""
    return moment(text).isoformat(timespec="milliseconds").replace("+00:00", "+0000")


def moment(text: str) -> datetime:
    """Reads any ISO 8601 time with an offset. Raises ValueError."""
    found = datetime.fromisoformat(text)
    if found.tzinfo is None:
        raise ValueError(f"{text} has no time zone")
    return found.astimezone(UTC)


def from_json(field: Field, value: Any) -> Value:
    """What the field will hold. Raises `BadValue` for this record, `Refused` for the request it came in."""
    return _READERS[field.type](field, value)


def from_csv(field: Field, cell: str) -> Value:
    """The same for a cell of a Bulk API file, where a wrong type costs its own row only. Raises `BadValue`."""
    text = cell.strip()
    try:
        match field.type:
            case "boolean":
                return _csv_flag(text)
            case "double" | "currency" | "percent" | "int":
                return _number(field, float(text))
            case "date":
                return _day(text)
            case "datetime":
                return stamp(moment(text))
            case _:
                return _READERS[field.type](field, text)
    except BadValue:
        raise
    except ValueError:
        raise bad(field, "INVALID_TYPE_ON_FIELD_IN_RECORD", f"value not of required type: {text}") from None


def bad(field: Field, code: str, message: str) -> BadValue:
    return BadValue(Problem(code, f"{field.label}: {message}", (field.name,)))


def _text(field: Field, value: Any) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise unreadable("string", value)
    value = value.strip()
    if len(value) > field.length:
        raise bad(field, "STRING_TOO_LONG", f"data value too large: {value} (max length={field.length})")
    return value or None


def _email(field: Field, value: Any) -> str | None:
    text = _text(field, value)
    if text is not None and not _EMAIL.fullmatch(text):
        raise bad(field, "INVALID_EMAIL_ADDRESS", f"invalid email address: {text}")
    return text.lower() if text else None


def _choice(field: Field, value: Any) -> str | None:
    text = _text(field, value)
    if text is None or not field.restricted:
        return text
    return _allowed(field, text)


def _choices(field: Field, value: Any) -> str | None:
    text = _text(field, value)
    if text is None:
        return None
    chosen = [part.strip() for part in text.split(";") if part.strip()]
    return ";".join(_allowed(field, part) if field.restricted else part for part in chosen) or None


def _allowed(field: Field, text: str) -> str:
    for known in field.values:
        if known.casefold() == text.casefold():
            return known
    raise bad(field, "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", f"bad value for restricted picklist field: {text}")


def _reference(field: Field, value: Any) -> str | None:
    text = _text(field, value)
    if text is None:
        return None
    found = ids.canonical(text)
    if found is None:
        raise bad(field, "MALFORMED_ID", f"id value of incorrect type: {text}")
    return found


def _flag(field: Field, value: Any) -> bool:
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in (*_TRUE[:1], *_FALSE[:1]):
        return value.lower() in _TRUE
    raise unreadable("boolean", value)


def _csv_flag(text: str) -> bool:
    if text.lower() in (*_TRUE, *_FALSE):
        return text.lower() in _TRUE
    raise ValueError(text)


def _amount(field: Field, value: Any) -> float | int | None:
    if value is None or value == "":
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise unreadable(field.type, value)
    try:
        number = float(value)
    except (ValueError, OverflowError):
        raise unreadable(field.type, value) from None
    return _number(field, number)


def _number(field: Field, value: float) -> float | int:
    if value != value or abs(value) >= 10.0 ** (field.precision - field.scale):
        raise bad(field, "NUMBER_OUTSIDE_VALID_RANGE", f"value outside of valid range on numeric field: {value}")
    return int(value) if field.type == "int" else round(value, field.scale)


def _date(field: Field, value: Any) -> str | None:
    if value is None or value == "":
        return None
    try:
        return _day(value)
    except (TypeError, ValueError):
        raise unreadable("date", value) from None


def _day(text: str) -> str:
    return (date.fromisoformat(text) if len(text) == 10 else moment(text).date()).isoformat()


def _datetime(field: Field, value: Any) -> str | None:
    if value is None or value == "":
        return None
    try:
        return stamp(moment(value))
    except (TypeError, ValueError, OverflowError):
        raise unreadable("datetime", value) from None


_READERS: dict[str, Callable[[Field, Any], Value]] = {
    "string": _text,
    "combobox": _text,
    "textarea": _text,
    "phone": _text,
    "url": _text,
    "email": _email,
    "picklist": _choice,
    "multipicklist": _choices,
    "reference": _reference,
    "id": _reference,
    "boolean": _flag,
    "double": _amount,
    "currency": _amount,
    "percent": _amount,
    "int": _amount,
    "date": _date,
    "datetime": _datetime,
}
