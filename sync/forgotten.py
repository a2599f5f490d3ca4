"""Who asked to be forgotten, as far as we may still know it: keyed hashes, and whether an arriving record matches one.

Pure. What is hashed: e-mail addresses, phone numbers, and the ids of records. Without the key, which is not in the
database, nobody can try out whether an address is among them.
"""

from __future__ import annotations

import hmac
from collections.abc import Collection
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from connectors.errors import Misconfigured
from mapping.fields import Fields, Value
from sync.match import folded

KEY = "SMARKETING_FORGET_KEY"
"""The variable that holds the key."""

EMAIL, PHONE = "email", "phone"


@dataclass(frozen=True)
class Forgotten:
    """`hashes`: of whoever may not come back; none of them, where nobody is."""

    key: str = field(repr=False)
    hashes: Collection[str] = frozenset()

    def checked(self) -> Forgotten:
        """Raises Misconfigured where the key is not the one that the hashes were made with."""
        if self.hashes and (not self.key or self.sign("key", "") not in self.hashes):
            what = "is not set" if not self.key else "is not the one that they were noted with"
            raise Misconfigured(
                f"There are people who asked to be forgotten, and {KEY} {what}: they would come back.",
                hint=f"Put {KEY} back into .env, or into the environment, as it was.",
            )
        return self

    def sign(self, what: str, value: str) -> str:
        return hmac.new(self.key.encode(), f"{what}\0{value}".encode(), sha256).hexdigest()

    def of_value(self, what: str, value: Value) -> str | None:
        """The hash of an address or a number, whatever its case."""
        plain = folded(value)
        return self.sign(what, str(plain)) if plain else None

    def of_record(self, place: str, remote_id: str) -> str:
        return self.sign("record", f"{place}\0{remote_id}")

    def is_one(self, place: str, remote_id: str, values: Fields, *, linked: bool) -> bool:
        """Whether a record may not be taken in. A phone number counts only where there is no address: people share
        numbers. Of a record that is known as somebody else's, only the address counts."""
        if not linked and self.of_record(place, remote_id) in self.hashes:
            return True
        email = self.of_value(EMAIL, values.get(EMAIL))
        if email or linked:
            return email in self.hashes
        return self.of_value(PHONE, values.get(PHONE)) in self.hashes


def values_of(parts: Collection[Any], what: str) -> set[str]:
    """Every text that these fields, bases or entries of the history hold as the address or number of a person."""
    found: set[str] = set()
    for part in parts:
        value = part.get(what)
        if isinstance(value, dict):  # an entry of the history
            told = [value.get(name) for name in ("old", "new", "was", "now")] + [*value.get("claims", {}).values()]
        else:
            told = [value]
        found |= {one for one in told if isinstance(one, str) and one}
    return found
