"""What companies are known by, and references between records. Pure.

Invariant: two spellings of one company's number come to the same text.
"""

from __future__ import annotations

import re
from typing import Any

from mapping.fields import Value
from mapping.transforms.pair import Pair, Placeholders, reader, wrong_type
from mapping.transforms.text import plain

_PUNCTUATION = re.compile(r"[\s./\-_]+")
_TAX_ID = re.compile(r"[A-Z0-9]{4,20}")


def tax_id(placeholders: Placeholders) -> Pair:
    """A VAT or tax number without what people put between its parts: `ES B-12.345.678` is `ESB12345678`. Greece's VAT
    prefix is EL, whatever its country code says
    (https://ec.europa.eu/taxation_customs/vies/#/faq). Check digits are not looked at: each country has its own."""
    read = reader(placeholders)

    def decode(value: Any) -> Value:
        found = read(value)
        if found is None:
            return None
        number = _PUNCTUATION.sub("", found).upper()
        number = f"EL{number[2:]}" if re.fullmatch(r"GR[0-9]{9}", number) else number
        if not _TAX_ID.fullmatch(number) or not any(char.isdigit() for char in number):
            raise ValueError("this is no tax number: it has 4 to 20 letters and digits")
        return None if number.casefold() in placeholders or not number.strip("0") else number

    return Pair(decode, plain)


def reference(placeholders: Placeholders, many: bool = False) -> Pair:
    """Ids of other records, as they are; where it is to many, sorted and without repeats."""
    one = reader(placeholders)

    def several(value: Any) -> Value:
        items = value if isinstance(value, list | tuple) else [value]
        return sorted({found for item in items if (found := one(item))}) or None

    def written(value: Value) -> Any:
        if not isinstance(value, list):
            raise wrong_type("a list of ids", value)
        return value

    return Pair(several, written) if many else Pair(one, plain)
