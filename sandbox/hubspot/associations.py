"""Which records belong together, and by which labels: the associations API, version 4.

An association is kept in both directions, each with type ids of its own. A record has one primary company: naming
another takes the label from the one before, which stays associated; the first company becomes the primary one by
itself. Whoever is labelled primary is associated without a label, too.

https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide; at most 1,000 inputs of a read
(https://developers.hubspot.com/changelog/bug-fix-batch-read-limit-for-hubspot-associations-api) and 2,000 of a write.
What becomes of the label when the primary company goes is not documented: nobody gets it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

READS, WRITES, TO_PAGE = 1000, 2000, 500


class Kind(NamedTuple):
    """Type ids from one type of record to another; `primary` where one of them may be."""

    plain: int
    primary: int | None = None


KINDS: Mapping[tuple[str, str], Kind] = {
    ("contacts", "companies"): Kind(279, 1),
    ("companies", "contacts"): Kind(280, 2),
    ("deals", "companies"): Kind(341, 5),
    ("companies", "deals"): Kind(342, 6),
    ("deals", "contacts"): Kind(3),
    ("contacts", "deals"): Kind(4),
    **{
        pair: Kind(id_)
        for name, base in (("calls", 193), ("emails", 197), ("meetings", 199), ("notes", 201), ("tasks", 203))
        for pair, id_ in ((("contacts", name), base), ((name, "contacts"), base + 1))
    },
    **{
        pair: Kind(id_)
        for name, base in (("calls", 181), ("emails", 185), ("meetings", 187), ("notes", 189), ("tasks", 191))
        for pair, id_ in ((("companies", name), base), ((name, "companies"), base + 1))
    },
    **{
        pair: Kind(id_)
        for name, base in (("calls", 205), ("emails", 209), ("meetings", 211), ("notes", 213), ("tasks", 215))
        for pair, id_ in ((("deals", name), base), ((name, "deals"), base + 1))
    },
}
"""https://developers.hubspot.com/docs/api-reference/crm-associations-v4/guide#association-type-id-values"""

ONE_PRIMARY = frozenset({("contacts", "companies"), ("deals", "companies")})
"""Where a record has one primary at most; seen from the company, many may be."""

Links = dict[int, set[int]]


class Associations:
    """`on_change(type, id)` is told of every record that has gained or lost one."""

    def __init__(self) -> None:
        self.links: dict[tuple[str, str], dict[int, Links]] = {pair: {} for pair in KINDS}
        self.on_change: Callable[[str, int], None] = lambda name, id_: None

    def of(self, start: str, end: str, id_: int) -> Links:
        """Type ids by the id of the record at the other end."""
        return self.links[start, end].get(id_, {})

    def primary(self, start: str, end: str, id_: int) -> int | None:
        label = KINDS[start, end].primary
        return next((other for other, types in self.of(start, end, id_).items() if label in types), None)

    def put(self, start: str, end: str, id_: int, other: int, *, primary: bool | None = None) -> None:
        """`primary`: None for as it comes: the first one is."""
        kind = KINDS[start, end]
        side = (start, end) if (start, end) in ONE_PRIMARY else (end, start) if (end, start) in ONE_PRIMARY else None
        self._add(start, end, id_, other, kind.plain)
        self._add(end, start, other, id_, KINDS[end, start].plain)
        if side is not None and kind.primary is not None:
            from_, to = (id_, other) if side == (start, end) else (other, id_)
            first = len(self.of(*side, from_)) == 1
            if primary or (primary is None and first):
                self._make_primary(*side, from_, to)
        self.on_change(start, id_)
        self.on_change(end, other)

    def cut(self, start: str, end: str, id_: int, other: int) -> None:
        """Every label between the two; none there is no error."""
        if other in self.of(start, end, id_):
            for pair, one, two in (((start, end), id_, other), ((end, start), other, id_)):
                links = self.links[pair][one]
                del links[two]
                if not links:
                    del self.links[pair][one]
            self.on_change(start, id_)
            self.on_change(end, other)

    def forget(self, name: str, id_: int) -> None:
        """A record that is no more."""
        for start, end in KINDS:
            if start == name:
                for other in list(self.of(start, end, id_)):
                    self.cut(start, end, id_, other)

    def move(self, name: str, old: int, new: int) -> None:
        """What a record had is another's now: they were merged. Who has a primary already keeps it."""
        for start, end in KINDS:
            if start == name:
                label = KINDS[start, end].primary
                for other, types in list(self.of(start, end, old).items()):
                    self.cut(start, end, old, other)
                    taken = (start, end) in ONE_PRIMARY and self.primary(start, end, new) is not None
                    self.put(start, end, new, other, primary=(label in types and not taken) or None)

    def _add(self, start: str, end: str, id_: int, other: int, type_id: int) -> None:
        self.links[start, end].setdefault(id_, {}).setdefault(other, set()).add(type_id)

    def _make_primary(self, start: str, end: str, id_: int, other: int) -> None:
        here, there = KINDS[start, end].primary, KINDS[end, start].primary
        assert here is not None
        assert there is not None
        before = self.primary(start, end, id_)
        if before is not None and before != other:
            self.links[start, end][id_][before].discard(here)
            self.links[end, start][before][id_].discard(there)
            self.on_change(end, before)
        self._add(start, end, id_, other, here)
        self._add(end, start, other, id_, there)
