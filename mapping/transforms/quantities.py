"""Yes or no, numbers, bands of numbers, dates and times.

A date is a day on a calendar: it is never moved between time zones. A time is UTC in the hub, written with Z; a time
that comes without a zone is taken as UTC, which is what the vendors' APIs mean by it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal

from mapping.fields import Value
from mapping.transforms.pair import Pair, Placeholders, as_text, reader, remembered, wrong_type
from mapping.transforms.text import plain

LARGEST = 2**53
"""Beyond it a number does not survive JSON."""

_TRUE = frozenset({"true", "yes", "y", "1", "1.0", "on", "t", "x"})
_FALSE = frozenset({"false", "no", "n", "0", "0.0", "off", "f"})


def boolean(
    placeholders: Placeholders, yes: bool | int | str = True, no: bool | int | str = False, blank: bool | None = None
) -> Pair:
    """`yes` and `no`: what this system writes for them; both are read, beside the usual spellings. `blank`: what a
    blank means here, where it means anything."""
    table: dict[str, bool] = {**dict.fromkeys(_TRUE, True), **dict.fromkeys(_FALSE, False)}
    table |= {as_text(yes).casefold(): True, as_text(no).casefold(): False}
    read = reader(placeholders)

    def decode(value: Any) -> Value:
        if value is True or value is False:
            return bool(value)
        found = read(value)
        if found is None:
            return blank
        known = table.get(found.casefold())
        if known is None:
            raise ValueError("expected yes or no")
        return known

    def encode(value: Value) -> Any:
        if value is True or value is False:
            return yes if value else no
        raise wrong_type("yes or no", value)

    return Pair(remembered(decode), encode)


# -- numbers ----------------------------------------------------------------------------------------------------------

_NUMBER = re.compile(r"[+-]?(\d+|\d{1,3}(,\d{3})+)(\.\d*)?([eE][+-]?\d{1,3})?|[+-]?\.\d+")
_INTEGER = re.compile(r"-?(0|[1-9]\d{0,14})")


def number(placeholders: Placeholders, as_text: bool = False) -> Pair:
    """`as_text`: this system wants its numbers as text. Thousands may be parted by commas, decimals by a point."""
    read = reader(placeholders)

    def decode(value: Any) -> Value:
        if type(value) is int or type(value) is float:
            return _plain_number(value)
        if value is True or value is False:
            raise wrong_type("a number", value)
        found = read(value)
        return None if found is None else _plain_number(_parsed(found))

    return Pair(decode, _number_writer(as_text, lambda value: _plain_number(value)))


def integer(placeholders: Placeholders, as_text: bool = False) -> Pair:
    """As `number`; a number with decimals other than zero is refused, not rounded."""
    read = reader(placeholders)

    def decode(value: Any) -> Value:
        if type(value) is str and _INTEGER.fullmatch(value):
            return int(value)
        if type(value) is int or type(value) is float:
            return _whole(value)
        if value is True or value is False:
            raise wrong_type("a whole number", value)
        found = read(value)
        return None if found is None else _whole(_parsed(found))

    return Pair(decode, _number_writer(as_text, _whole))


def band(placeholders: Placeholders, bands: Sequence[str]) -> Pair:
    """A whole number shown as one of several bands ("25-50", "1000+"), lowest first. A number on the border of two
    belongs to the lower. A band is read as the smallest number that is written as this band."""
    edges = [(word, *band_edges(word)) for word in bands]
    read = reader(placeholders)
    lows: dict[str, int] = {}
    for index, (word, low, _) in enumerate(edges):
        lows[word] = max(low, int(edges[index - 1][2]) + 1) if index else low

    def decode(value: Any) -> Value:
        found = read(value)
        if found is None:
            return None
        if found not in lows:
            raise ValueError("the value is none of this system's bands")
        return lows[found]

    def encode(value: Value) -> Any:
        count = _whole(value)
        for word, low, high in edges:
            if low <= count <= high:
                return word
        raise ValueError("the number fits none of this system's bands")

    return Pair(decode, encode)


def percent(placeholders: Placeholders) -> Pair:
    """A whole number of hundredths (a score), where this system keeps a share from 0 to 1."""
    share = number(placeholders)

    def decode(value: Any) -> Value:
        found = share.decode(value)
        return None if found is None else _whole(float(round(_plain_number(found) * 100)))

    def encode(value: Value) -> Any:
        return _plain_number(_whole(value) / 100)

    return Pair(decode, encode)


def band_edges(word: str) -> tuple[int, float]:
    """Raises ValueError for what is neither "25-50" nor "1000+"."""
    match = re.fullmatch(r"(\d{1,15})(?:-(\d{1,15})|\+)", word)
    if not match:
        raise ValueError('expected a band such as "25-50" or "1000+"')
    return int(match[1]), int(match[2]) if match[2] else math.inf


def _number_writer(as_text: bool, check: Callable[[object], int | float]) -> Callable[[Value], Any]:
    def encode(value: Value) -> Any:
        checked = check(value)
        return str(checked) if as_text else checked

    return encode


def _parsed(found: str) -> float | int:
    if len(found) > 40 or not found.isascii() or not _NUMBER.fullmatch(found):
        raise ValueError("expected a number")
    digits = found.replace(",", "")
    return int(digits) if digits.lstrip("+-").isdigit() else float(digits)


def _plain_number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type("a number", value)
    if not abs(value) <= LARGEST:  # NaN is not, either
        raise ValueError("the number is too large, or no number at all")
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _whole(value: object) -> int:
    plain_number = _plain_number(value)
    if isinstance(plain_number, float):
        raise ValueError("expected a whole number, found one with decimals")
    return plain_number


# -- days and times ---------------------------------------------------------------------------------------------------

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS = re.compile(r"-?[0-9]{1,15}")
_SHORTEST = 9
"""Digits from which on a text is taken for milliseconds where the system is not known to write them."""
_DAY = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ][0-9]{2}:[0-9]{2}.*)?", re.DOTALL)
_OFFSET = re.compile(r"([+-]\d\d)(\d\d)$")

TimeStyle = Literal["iso", "offset", "milliseconds"]


def day(placeholders: Placeholders, style: Literal["iso", "milliseconds"] = "iso") -> Pair:
    """A date. Of a time only its day is read, as it is written; milliseconds mean midnight UTC, as in HubSpot.
    https://developers.hubspot.com/docs/api-reference/crm-properties-v3/guide"""
    read = reader(placeholders)

    def decode(value: Any) -> Value:
        moment = _milliseconds(value, style == "milliseconds")
        if moment is not None:
            return moment.date().isoformat()
        found = read(_no_number(value, "a date"))
        if found is None:
            return None
        match = _DAY.fullmatch(found)
        if not match:
            raise ValueError("expected a date such as 2026-01-31")
        return _calendar(match[1])

    def encode(value: Value) -> Any:
        found = _calendar(plain(value))
        if style == "iso":
            return found
        return str((date.fromisoformat(found) - _EPOCH.date()).days * 86_400_000)

    return Pair(decode, encode)


def moment(placeholders: Placeholders, style: TimeStyle = "iso") -> Pair:
    """A time. `style` is what this system writes: iso 2026-01-31T09:30:00Z, offset 2026-01-31T09:30:00.000+0000
    (Salesforce), milliseconds since 1970 (HubSpot)."""
    read = reader(placeholders)

    def decode(value: Any) -> Value:
        found_moment = _milliseconds(value, style == "milliseconds")
        if found_moment is not None:
            return _zulu(found_moment)
        found = read(_no_number(value, "a time"))
        return None if found is None else _zulu(_instant(found))

    def encode(value: Value) -> Any:
        found = _instant(plain(value))
        if style == "milliseconds":
            return str((found - _EPOCH) // timedelta(milliseconds=1))
        if style == "offset":
            return f"{found:%Y-%m-%dT%H:%M:%S}.{found.microsecond // 1000:03d}+0000".rjust(28, "0")
        return _zulu(found)

    return Pair(decode, encode)


def _milliseconds(value: object, expected: bool) -> datetime | None:
    if type(value) is str and (expected or len(value) >= _SHORTEST) and _MILLISECONDS.fullmatch(value):
        value = int(value)
    if type(value) is not int:
        return None
    try:
        return _EPOCH + timedelta(milliseconds=value)
    except OverflowError:
        raise ValueError("the time lies outside the years 1 to 9999") from None


def _no_number(value: object, expected: str) -> object:
    if isinstance(value, bool | float):
        raise wrong_type(expected, value)
    return value


def _calendar(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        raise ValueError("there is no such date; expected one such as 2026-01-31") from None


def _instant(text: str) -> datetime:
    try:
        found = datetime.fromisoformat(_OFFSET.sub(r"\1:\2", text))
        return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("there is no such time; expected one such as 2026-01-31T09:30:00Z") from None


def _zulu(found: datetime) -> str:
    return found.isoformat().replace("+00:00", "Z")
