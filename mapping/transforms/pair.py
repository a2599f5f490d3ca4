"""What every transform is made of: a pair of functions, and the guards that no value passes unseen.

Not here: any single type. Invariant: whatever JSON a vendor sends, a transform answers a hub value or ValueError with
a sentence for a person; no other exception leaves it, and the sentence never repeats the value.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from mapping.fields import Value

Decode = Callable[[Any], Value]
Encode = Callable[[Value], Any]

LONGEST = 131_072
"""Characters. The longest text that any of the systems holds: a Salesforce long text area.
https://help.salesforce.com/s/articleView?id=platform.custom_field_types.htm"""

Placeholders = frozenset[str]
"""Case-folded texts that mean "nobody knows"."""

PLACEHOLDERS = (
    "[not provided]", "not provided", "[[unknown]]", "unknown", "[unknown]", "n/a", "n.a.", "none", "null", "undefined",
    "-", "--", "tbd", "none@none.com", "noemail@noemail.com", "noreply@example.com", "test@test.com",
)  # fmt: skip


class Pair(NamedTuple):
    """`decode`: remote to hub, blanks and placeholders to None. `encode`: hub (never None) to remote."""

    decode: Decode
    encode: Encode


def folded(placeholders: Iterable[str]) -> Placeholders:
    return frozenset(p.strip().casefold() for p in placeholders)


def reader(placeholders: Placeholders) -> Callable[[Any], str | None]:
    """Text as it is meant: trimmed, composed (NFC), None for blanks and placeholders. Numbers become their digits."""
    longest = max(map(len, placeholders), default=0)

    def read(value: Any) -> str | None:
        if type(value) is not str:
            if value is None:
                return None
            value = as_text(value)
        text: str = value.strip()
        if not text:
            return None
        if not text.isascii() or "\0" in text or len(text) > LONGEST:
            text = checked(text)
            if not text:
                return None
        if len(text) <= longest and text.casefold() in placeholders:
            return None
        return text

    return read


def remembered(decode: Decode, most: int = 4096) -> Decode:
    """The same, quicker for texts that come again and again: names, countries, yes and no. Failures are not kept."""
    known: dict[str, Value] = {}

    def quick(value: Any) -> Value:
        if type(value) is not str:
            return decode(value)
        if value in known:
            return known[value]
        found = decode(value)
        if len(known) < most and len(value) <= 100:
            known[value] = found
        return found

    return quick


def as_text(value: object) -> str:
    """Raises ValueError for what is no text."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if value.bit_length() > 400:
            raise ValueError("a number of more than 120 digits is no text")
        return str(value)
    if isinstance(value, float):
        return repr(int(value) if value.is_integer() and abs(value) < 2**53 else value)
    raise wrong_type("text", value)


def checked(text: str) -> str:
    """The text, composed and trimmed. Raises ValueError for what no database or vendor can hold."""
    if len(text) > LONGEST:
        raise ValueError(f"the text has {len(text):,} characters; at most {LONGEST:,} can be synced")
    if "\0" in text:
        raise ValueError("the text has a NUL character in it")
    if any("\ud800" <= char <= "\udfff" for char in text):
        raise ValueError("the text has half a character in it (a lone surrogate)")
    return unicodedata.normalize("NFC", text).strip()


def wrong_type(expected: str, value: object) -> ValueError:
    return ValueError(f"expected {expected}, found {KINDS.get(type(value), type(value).__name__)}")


KINDS: dict[type, str] = {
    dict: "a group of values",
    list: "a list",
    bool: "yes or no",
    int: "a number",
    float: "a number",
    str: "text",
}
