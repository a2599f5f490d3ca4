"""Record ids: 15 characters in which case counts, and the 18-character form that survives tools which fold case.

The three characters at the end say which of the fifteen are capitals. Ids made later sort after ids made earlier.
https://developer.salesforce.com/docs/atlas.en-us.object_reference.meta/object_reference/field_types.htm
"""

from __future__ import annotations

import string

ALPHABET = string.digits + string.ascii_uppercase + string.ascii_lowercase
CHECKS = string.ascii_uppercase + "012345"
POD = "5g0"
"""Which server made the id; the same for a whole org, as far as this sandbox goes."""


def make_id(prefix: str, number: int) -> str:
    """The 18-character id of the `number`th record made; `prefix` is the object's three characters."""
    digits: list[str] = []
    for _ in range(9):
        number, digit = divmod(number, 62)
        digits.append(ALPHABET[digit])
    return case_safe(prefix + POD + "".join(reversed(digits)))


def case_safe(id15: str) -> str:
    checks = ""
    for start in (0, 5, 10):
        capitals = sum(1 << i for i, c in enumerate(id15[start : start + 5]) if "A" <= c <= "Z")
        checks += CHECKS[capitals]
    return id15 + checks


def canonical(value: object) -> str | None:
    """The 18-character form of an id of either length; None for what is no id at all."""
    if not isinstance(value, str) or not value.isascii() or not value.isalnum():
        return None
    if len(value) == 15:
        return case_safe(value)
    if len(value) == 18:
        restored = _restore(value)
        return restored if restored[15:] == value[15:].upper() else None
    return None


def _restore(id18: str) -> str:
    """An id whose case was lost gets it back from its last three characters."""
    letters: list[str] = []
    for group in range(3):
        bits = CHECKS.find(id18[15 + group].upper())
        for i, c in enumerate(id18[group * 5 : group * 5 + 5]):
            letters.append(c.upper() if bits >> i & 1 else c.lower())
    return case_safe("".join(letters))
