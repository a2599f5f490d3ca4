"""Numbers and times as people write them. Invariant: what can be read in two ways is not read at all."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

import orjson

SPACES = "[ \u00a0\u2009\u202f'\u2019]"
_NUMBERS = {
    point: re.compile(rf"[-+]?(?:\d+|\d{{1,3}}(?:{group}\d{{3}})+)(?:{re.escape(point)}\d+)?", re.ASCII)
    for point, group in ((".", f"(?:,|{SPACES})"), (",", rf"(?:\.|{SPACES})"))
}
_PLAIN = {point: re.compile(rf"[-+]?\d+(?:{re.escape(point)}\d+)?", re.ASCII).fullmatch for point in ".,"}
_OF_DAY = re.compile(r"%-?[HIMSfpcXTRs]")
KEPT = 4096
"""Times read lately, by their text: a day's sales share their date."""


class Unreadable(Exception):
    """One line's fault, in words for a person."""


class Times:
    """Reads a file's times. `formats` as in strptime go before ISO 8601; a time without a zone is of `zone`."""

    def __init__(self, formats: tuple[str, ...], zone: str) -> None:
        self._formats = formats
        self._zone = ZoneInfo(zone)
        self.read = lru_cache(KEPT)(self._read) if formats else self._read
        """A text -> the time in UTC. Raises Unreadable. What strptime reads is kept for a while: it is slow."""
        self.iso = lru_cache(KEPT)(self._iso)
        """A text -> ISO 8601: a time in UTC, a day without a time as it is. Raises Unreadable."""

    def _read(self, text: str) -> datetime:
        try:
            told = self._moment(text.strip())
            if told.tzinfo is UTC:
                return told
            if told.tzinfo is None:
                told = told.replace(tzinfo=self._zone)
            return told.astimezone(UTC)
        except OverflowError:
            raise Unreadable(f"{shown(text)} is no time that a calendar has") from None

    def _iso(self, text: str) -> str:
        told = self._told(text.strip())
        return self._read(text).isoformat() if isinstance(told, datetime) else told.isoformat()

    def _moment(self, text: str) -> datetime:
        """A day begins at midnight."""
        if not self._formats:
            try:
                return datetime.fromisoformat(text)
            except ValueError:
                pass  # said by _told
        told = self._told(text)
        return told if isinstance(told, datetime) else datetime(told.year, told.month, told.day)  # noqa: DTZ001  (as above)

    def _told(self, text: str) -> date:
        for form in self._formats:
            try:
                told = datetime.strptime(text, form)  # noqa: DTZ007  (the zone comes from the settings)
            except ValueError:
                continue
            return told if _OF_DAY.search(form) else told.date()
        for parse in (date.fromisoformat, datetime.fromisoformat):
            try:
                return parse(text)
            except ValueError:
                continue
        raise Unreadable(f"{shown(text)} is neither ISO 8601 nor in one of the date_formats")


def number(value: Any, decimal: str) -> int | float:
    """A number of JSON as it is; a text with this decimal mark, and thousands in groups of three. Raises Unreadable."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    text = value.strip() if isinstance(value, str) else ""
    if _PLAIN[decimal](text):
        return int(text) if text.isdigit() else float(text.replace(",", "."))
    if not _NUMBERS[decimal].fullmatch(text):
        raise Unreadable(f"{shown(value)} is no number with {decimal!r} before the decimals")
    plain = re.sub(r"[^-+\d" + re.escape(decimal) + "]", "", text).replace(",", ".")
    return float(plain) if "." in plain else int(plain)


def text_of(value: Any) -> Any:
    """A cell as it is; what JSON nests, as JSON."""
    return orjson.dumps(value).decode() if isinstance(value, list | dict) else value


def word(value: Any) -> str:
    """A text or a number of JSON as a word, such as an id; "" for a blank. Raises Unreadable."""
    if isinstance(value, str):
        return value.strip()
    if value is None:
        return ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    raise Unreadable(f"{shown(value)} is no text")


def shown(value: Any) -> str:
    text = value if isinstance(value, str) else repr(value)
    return repr(text if len(text) <= 60 else f"{text[:59]}…")
