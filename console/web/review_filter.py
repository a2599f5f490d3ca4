"""Which part of the queue somebody is looking at, as it stands in an address. Pure.

Invariant: whatever an address says becomes a filter; what it says wrongly says nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from console.answering import KINDS
from mapping.fields import KINDS as RECORD_KINDS
from state.queue import Wanted

AGES = (1, 7, 30)
"""Days for which a question may have been waiting."""


@dataclass(frozen=True)
class Filter:
    """`of`: the kind of record; `age`: asked at least so many days ago, 0 for all."""

    kind: str = ""
    system: str = ""
    of: str = ""
    field: str = ""
    age: int = 0

    @staticmethod
    def read(said: Mapping[str, str], systems: Collection[str]) -> Filter:
        def one(name: str, known: Collection[str]) -> str:
            return said[name] if said.get(name) in known else ""

        age = one("age", [str(days) for days in AGES])
        field = said.get("field", "")[:63]
        return Filter(
            one("kind", KINDS), one("system", systems), one("of", RECORD_KINDS), field if field.isidentifier() else "",
            int(age or 0),
        )  # fmt: skip

    @staticmethod
    def parse(query: str, systems: Collection[str]) -> Filter:
        """As it stands behind the question mark."""
        return Filter.read(dict(parse_qsl(query[:500])), systems)

    def wanted(self, now: datetime) -> Wanted:
        before = now - timedelta(days=self.age) if self.age else None
        return Wanted(self.kind, self.system, self.of, self.field, before)

    def values(self) -> dict[str, str]:
        named = {"kind": self.kind, "system": self.system, "of": self.of, "field": self.field}
        return {name: value for name, value in {**named, "age": str(self.age or "")}.items() if value}

    @property
    def narrow(self) -> bool:
        """Whether it leaves out anything but kinds of questions."""
        return bool(self.system or self.of or self.field or self.age)

    def query(self, **more: Any) -> str:
        """Behind the question mark; a name with an empty value is left out."""
        said = {**self.values(), **{name: str(value) for name, value in more.items()}}
        return urlencode({name: value for name, value in said.items() if value})

    def url(self, path: str = "/reviews", **more: Any) -> str:
        query = self.query(**more)
        return f"{path}?{query}" if query else path
