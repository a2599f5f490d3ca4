"""The rows of one object and the ways to find them quickly. Knows no rules: `org` decides what may be written.

A row is never changed in place: every write puts a new one, so a row that somebody holds (a query cursor, a rollback,
a veil) stays what it was. Only fields that are set are in a row.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from typing import Any

from sandbox.salesforce import ids
from sandbox.salesforce.schema import Field, SObject

Row = dict[str, Any]


class Table:
    def __init__(self, sobject: SObject) -> None:
        self.sobject = sobject
        self.name = sobject.name
        self.rows: dict[str, Row] = {}
        self.fields: dict[str, Field] = {}
        self.veils: dict[str, tuple[float, Row | None]] = {}
        """Id -> until when (seconds of the clock) queries go on showing what was there before, and what that was."""
        self.bin: dict[str, str] = {}
        """The delete log: id -> when, oldest first. The rows are there too, unless they vanished."""
        self._lookups: dict[str, dict[str, set[str]]] = {}
        self._stamps: list[tuple[str, str]] = []
        self._in_order = True
        for field in sobject.fields:
            self.set_field(field)

    def set_field(self, field: Field) -> None:
        """Add a field, or put a new definition in its place."""
        self.fields[field.name] = field
        if field.indexed and field.name != "Id" and field.name not in self._lookups:
            lookup = self._lookups[field.name] = {}
            for row in self.rows.values():
                if (value := row.get(field.name)) is not None:
                    lookup.setdefault(str(value).lower(), set()).add(row["Id"])
        self._describe_fields()

    def drop_field(self, name: str) -> None:
        del self.fields[name]
        self._lookups.pop(name, None)
        for row_id, row in self.rows.items():
            if name in row:
                self.rows[row_id] = {f: v for f, v in row.items() if f != name}
        self._describe_fields()

    def _describe_fields(self) -> None:
        shown = [f for f in self.fields.values() if not f.hidden]
        self.visible = {f.name.lower(): f for f in shown}
        """By lower-case name: the API does not mind case."""
        self.parents = {f.relationship.lower(): f for f in shown if f.refers_to}
        self.locked_on_create = frozenset(f.name for f in shown if not f.createable)
        self.locked_on_update = frozenset(f.name for f in shown if not f.updateable)
        self.required = tuple(f.name for f in shown if f.required)
        self.defaults = {f.name: f.default for f in shown if f.default is not None}
        self.references = tuple(f for f in shown if f.refers_to and f.createable)
        self.unique = tuple(f for f in self.fields.values() if f.unique)

    def put(self, row: Row) -> None:
        row_id, stamp = row["Id"], row["SystemModstamp"]
        old = self.rows.get(row_id)
        self.rows[row_id] = row
        self._index(row_id, old or {}, row)
        self.bin.pop(row_id, None)
        if row["IsDeleted"]:
            self.bin[row_id] = stamp
        if self._stamps and self._stamps[-1] > (stamp, row_id):
            self._in_order = False
        self._stamps.append((stamp, row_id))
        if len(self._stamps) > 2 * len(self.rows) + 1000:
            self._stamps = [(r["SystemModstamp"], i) for i, r in self.rows.items()]
            self._in_order = False

    def remove(self, row_id: str) -> None:
        """As if it had never been."""
        self._index(row_id, self.rows.pop(row_id, {}), {})
        self.veils.pop(row_id, None)
        self.bin.pop(row_id, None)

    def vanish(self, row_id: str, when: str) -> None:
        """Gone for good, and in no recycle bin: only the delete log tells that it was there."""
        self.remove(row_id)
        self.bin[row_id] = when

    @property
    def vanished(self) -> dict[str, str]:
        """What left no row behind: id -> when."""
        return {row_id: when for row_id, when in self.bin.items() if row_id not in self.rows}

    def empty_bin(self, before: str) -> None:
        """Rows deleted before this time are gone for good."""
        for row_id in [i for i, when in self.bin.items() if when < before]:
            self.remove(row_id)

    def _index(self, row_id: str, old: Row, new: Row) -> None:
        for name, lookup in self._lookups.items():
            before, after = old.get(name), new.get(name)
            if before == after:
                continue
            if before is not None:
                holders = lookup[str(before).lower()]
                holders.discard(row_id)
                if not holders:
                    del lookup[str(before).lower()]
            if after is not None:
                lookup.setdefault(str(after).lower(), set()).add(row_id)

    def get(self, row_id: object) -> Row | None:
        """By an id of 15 or 18 characters; deleted rows too."""
        row = self.rows.get(row_id) if isinstance(row_id, str) else None
        if row is None:
            found = ids.canonical(row_id)
            row = self.rows.get(found) if found else None
        return row

    def indexed(self, name: str) -> bool:
        return name == "Id" or name in self._lookups

    def find(self, name: str, value: object) -> list[Row]:
        """Every row, deleted ones too, with this value (case apart) in an indexed field."""
        if name == "Id":
            row = self.get(value)
            return [row] if row else []
        if self.fields[name].refers_to:
            value = ids.canonical(value) or value
        return [self.rows[i] for i in sorted(self._lookups[name].get(str(value).lower(), ()))]

    def live(self) -> Iterator[Row]:
        return (row for row in self.rows.values() if not row["IsDeleted"])

    def by_stamp(self, since: str = "", until: str = "~") -> Iterator[Row]:
        """Rows, deleted ones too, with since <= SystemModstamp <= until, in the order of (SystemModstamp, Id)."""
        if not self._in_order:
            self._stamps.sort()
            self._in_order = True
        stamps, rows = self._stamps, self.rows
        last = None
        for at in range(bisect_left(stamps, (since, "")), len(stamps)):
            entry = stamps[at]
            if entry[0] > until:
                return
            # An entry outlives its row's next write: it counts only while the row still has that stamp.
            row = rows.get(entry[1])
            if row is not None and row["SystemModstamp"] == entry[0] and entry != last:
                last = entry
                yield row

    def veil(self, row_id: str, before: Row | None, until: float) -> None:
        shown = self.veils[row_id][1] if row_id in self.veils else before
        self.veils[row_id] = (until, shown)

    def lift_veils(self, now: float) -> None:
        if self.veils:
            self.veils = {i: veil for i, veil in self.veils.items() if veil[0] > now}

    def shown(self) -> Iterator[Row]:
        """Every row as queries may see it now: behind a veil, what was there before."""
        for row_id, row in self.rows.items():
            seen: Row | None = self.veils[row_id][1] if row_id in self.veils else row
            if seen is not None:
                yield seen
