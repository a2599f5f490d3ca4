"""What is read as a record of each kind, and where it shows that one has changed.

Lead and deal are rows of the same table. A party's **newest opportunity that is not cancelled is its lead**, and its
others `became` it: a customer who comes back gets a second opportunity, and a party that replaces another (which is
Tryton's way of merging) takes over the other's. Every opportunity of a party is a **deal** of its own as long as it is
in one of the states of deals; in any other it is told as deleted. Parties in the category of organisations are
**companies**; one that is not in use any more is told as deleted, one that was replaced `became` the other.

A party whose data were erased is nobody's record: neither a lead's nor a company's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from connectors.base import Record
from connectors.tryton.api import ADDRESS, BY_ID, LEAD, MECHANISM, PARTY, RELATION, Rpc
from connectors.tryton.shape import CHANGED, DEAL_STATES, LEADER, Shape, changed_at, party_id
from connectors.tryton.values import moment

Row = Mapping[str, Any]
Sources = Mapping[str, str]

RELATED: Sources = {"relation": RELATION}
OF_LEADS: Sources = {"lead": LEAD, "party": PARTY, "mechanism": MECHANISM, "address": ADDRESS}
OF_DEALS: Sources = {"lead": LEAD, "party": PARTY}
OF_COMPANIES: Sources = {"party": PARTY, "mechanism": MECHANISM, "address": ADDRESS}
"""What can change about a record, and where. Inactive rows count: that is how Tryton's people remove an e-mail."""

PARTY_OF: Mapping[str, Sequence[str]] = {"party": ("replaced_by", "id"), "relation": ("from_",)}
"""Where a row of a source names its party, if not in `party`."""

NOT_ERASED = ["OR", ["party", "=", None], ["party.name", "!=", None], ["party.active", "=", True]]
"""Opportunities that an erased party has left behind, since other documents hang on them, are no leads any more."""


class Subject(Protocol):
    """One kind, as `Reading` reads it."""

    model: str
    domain: list[Any]
    """Which rows a scan reads."""

    def paths(self, fields: Sequence[str]) -> list[str]: ...

    async def scanned(self, fields: Sequence[str], rows: list[dict[str, Any]]) -> list[Record]:
        """The records of a page of a scan."""
        ...

    async def named(
        self, fields: Sequence[str], when: Mapping[int, datetime], alone: Sequence[int]
    ) -> tuple[list[Record], dict[int, datetime]]:
        """The records of these parties, which changed then, and of these opportunities without a party; and for the
        parties that were read, as of which change."""
        ...


class Leads:
    model = LEAD
    domain: list[Any] = NOT_ERASED

    def __init__(self, rpc: Rpc, shape: Shape) -> None:
        self._rpc = rpc
        self._shape = shape

    def paths(self, fields: Sequence[str]) -> list[str]:
        return self._shape.paths([*fields, "state"])

    async def scanned(self, fields: Sequence[str], rows: list[dict[str, Any]]) -> list[Record]:
        return records_of(self._shape, fields, rows, await leaders_among(self._rpc, rows))

    async def named(
        self, fields: Sequence[str], when: Mapping[int, datetime], alone: Sequence[int]
    ) -> tuple[list[Record], dict[int, datetime]]:
        domain = [NOT_ERASED, ["OR", ["party", "in", list(when)], ["id", "in", list(alone)]]]
        found = await self._rpc.search_read(LEAD, domain, self.paths(fields), BY_ID)
        return records_of(self._shape, fields, found, leaders(found), when), given(found)


class Deals:
    model = LEAD

    def __init__(self, rpc: Rpc, shape: Shape) -> None:
        self._rpc = rpc
        self._shape = shape
        self.domain: list[Any] = ["state", "in", list(DEAL_STATES)]

    def paths(self, fields: Sequence[str]) -> list[str]:
        return [*self._shape.paths([*fields, "state"]), "party.name", "party.active"]

    async def scanned(self, fields: Sequence[str], rows: list[dict[str, Any]]) -> list[Record]:
        return self._records(fields, rows, await leaders_among(self._rpc, rows))

    async def named(
        self, fields: Sequence[str], when: Mapping[int, datetime], alone: Sequence[int]
    ) -> tuple[list[Record], dict[int, datetime]]:
        domain = ["OR", ["party", "in", list(when)], ["id", "in", list(alone)]]
        found = await self._rpc.search_read(LEAD, domain, self.paths(fields), BY_ID)
        return self._records(fields, found, leaders(found), when), given(found)

    def _records(
        self,
        fields: Sequence[str],
        rows: Iterable[Row],
        leading: Mapping[int, int],
        when: Mapping[int, datetime] | None = None,
    ) -> list[Record]:
        records = []
        for row in rows:
            changed = last_changed(row, when)
            if row["state"] not in DEAL_STATES:
                records.append(Record(str(row["id"]), {}, changed, deleted=True))
                continue
            party = party_id(row)
            leader = None if is_erased(row["party."]) else str(leading.get(party or 0, row["id"]))
            records.append(Record(str(row["id"]), self._shape.flat({**row, LEADER: leader}, fields), changed))
        return records


class Companies:
    model = PARTY

    def __init__(self, rpc: Rpc, shape: Shape) -> None:
        self._rpc = rpc
        self._shape = shape
        self.domain = shape.organisations.domain

    def paths(self, fields: Sequence[str]) -> list[str]:
        about = ["name", "active", "replaced_by", "categories.id"]
        return list(dict.fromkeys([*paths_of_party(self._shape, fields), *about]))

    async def scanned(self, fields: Sequence[str], rows: list[dict[str, Any]]) -> list[Record]:
        return [self._record(fields, row, {}) for row in rows]

    async def named(
        self, fields: Sequence[str], when: Mapping[int, datetime], alone: Sequence[int]
    ) -> tuple[list[Record], dict[int, datetime]]:
        domain = [["id", "in", list(when)], self.domain]
        found = await self._rpc.search_read(PARTY, domain, self.paths(fields), BY_ID, active_test=False)
        records = [self._record(fields, row, when) for row in found if not is_erased(row)]
        return records, {row["id"]: moment(row[CHANGED]) for row in found}

    def _record(self, fields: Sequence[str], row: Row, when: Mapping[int, datetime]) -> Record:
        changed = moment(row[CHANGED])
        changed = max(changed, when.get(row["id"], changed))
        became = str(row["replaced_by"]) if row["replaced_by"] else None
        if not row["active"] or became:
            return Record(str(row["id"]), {}, changed, deleted=became is None, became=became)
        return Record(str(row["id"]), self._shape.flat(as_party(row), fields), changed)


def paths_of_party(shape: Shape, fields: Iterable[str]) -> list[str]:
    """What to ask `read` of the party itself for."""
    return [path.removeprefix("party.") for path in shape.paths(fields) if path.startswith("party.")]


def as_party(row: Row) -> dict[str, Any]:
    """A party's row where one of an opportunity is wanted."""
    return {CHANGED: row[CHANGED], "party.": row}


def is_erased(party: Row | None) -> bool:
    """Tryton's wizard leaves a party without a name, not in use."""
    return party is not None and not party["active"] and party["name"] is None


def parties_of(source: str, row: Row) -> list[int]:
    return [row[field] for field in PARTY_OF.get(source, ("party",)) if row[field] is not None]


def given(rows: Iterable[Row]) -> dict[int, datetime]:
    return {party: changed_at(row) for row in rows if (party := party_id(row)) is not None}


def leaders(rows: Iterable[Row]) -> dict[int, int]:
    """For each party the opportunity that is its lead: the newest that is not cancelled, else the newest. A duplicate
    that sales cancels (which is how Tryton has one removed) must not pass for a lead that was lost."""
    best: dict[int, tuple[bool, int]] = {}
    for row in rows:
        if (party := party_id(row)) is not None:
            best[party] = max(best.get(party, (False, 0)), (row["state"] != "cancelled", row["id"]))
    return {party: id_ for party, (_, id_) in best.items()}


async def leaders_among(rpc: Rpc, rows: Iterable[Row]) -> dict[int, int]:
    """For the parties of these opportunities, the one that is their lead; it need not be among them."""
    return await leaders_of(rpc, {party for row in rows if (party := party_id(row)) is not None})


async def leaders_of(rpc: Rpc, parties: Iterable[int]) -> dict[int, int]:
    wanted = sorted(set(parties))
    if not wanted:
        return {}
    return leaders(await rpc.search_read(LEAD, [["party", "in", wanted]], ["party.id", "state"], BY_ID))


def last_changed(row: Row, when: Mapping[int, datetime] | None) -> datetime:
    """`when`: a party's change that shows neither in its opportunity nor in itself."""
    changed, party = changed_at(row), party_id(row)
    return max(changed, (when or {}).get(party, changed)) if party is not None else changed


def records_of(
    shape: Shape,
    fields: Sequence[str],
    rows: Iterable[Row],
    leading: Mapping[int, int],
    when: Mapping[int, datetime] | None = None,
) -> list[Record]:
    """Leads."""
    records = []
    for row in rows:
        leader = leading.get(party_id(row) or 0, row["id"])
        became = str(leader) if leader != row["id"] else None
        records.append(Record(str(row["id"]), shape.flat(row, fields), last_changed(row, when), became=became))
    return records
