"""Looking records up, in all objects of their kind at once, as they are now (a query, not the search index that lags).

An id is followed to whatever took its record's place; a converted Lead gives its Contact. The answer to a key is every
live record that has the value, so that two of them are seen to be two.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from connectors.base import Key, Record
from connectors.salesforce.kinds import ROLES, Entity, Shape, entity_of
from connectors.salesforce.objects import Columns, long_id, their_name, whole
from connectors.salesforce.org import FieldMissing, Org, Row
from connectors.salesforce.roles import with_roles
from connectors.salesforce.soql import askable, chunks_of_fields

# Mergers of mergers: people rarely chain more than two.
_FOLLOWED = 5


async def find(org: Org, shape: Shape, keys: Sequence[Key], fields: Sequence[str]) -> list[list[Record]]:
    """See `Connector.find`. Raises Misconfigured for a key that is no field of the kind."""
    finder = _Finder(org, shape, fields)
    wanted: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        if askable(key.value):
            wanted["Id" if key.field.lower() == "id" else key.field].append(key.value)
    hits = {field: await finder.hits(field, values) for field, values in wanted.items()}
    found = [await _answer(finder, hits, key) for key in keys]
    return await with_roles(org, found) if shape.roles and ROLES in fields else found


async def _answer(finder: _Finder, hits: Mapping[str, Mapping[str, list[str]]], key: Key) -> list[Record]:
    field = "Id" if key.field.lower() == "id" else key.field
    ids = hits.get(field, {}).get(long_id(key.value) if field == "Id" else key.value.casefold(), [])
    live = [finder.follow(id_) for id_ in ids]
    return list({record.id: record for record in live if record is not None}.values())


class _Finder:
    """The rows met so far, by id."""

    def __init__(self, org: Org, shape: Shape, fields: Sequence[str]) -> None:
        self.org = org
        self.shape = shape
        self.columns = {entity: Columns(entity, fields, org.known(entity)) for entity in shape.entities}
        self.fields = fields
        self.records: dict[str, Record] = {}

    def follow(self, id_: str) -> Record | None:
        """The live record that this one is, or became."""
        for _ in range(_FOLLOWED):
            record = self.records.get(id_)
            if record is None or record.became is None:
                return record if record is not None and not record.deleted else None
            id_ = record.became
        return None

    async def hits(self, field: str, values: Iterable[str]) -> dict[str, list[str]]:
        """Ids of the records that have each value of a field, by the value as `_answer` looks it up."""
        if field == "Id":
            ids = [long_id(value) for value in dict.fromkeys(values)]
            await self._fetch(ids)
            return {id_: [id_] for id_ in ids}
        distinct = list({value.casefold(): value for value in values}.values())
        found = await asyncio.gather(*(self._matching(entity, field, distinct) for entity in self.shape.entities))
        if all(rows is None for rows in found):
            raise FieldMissing(f"No {self.shape.said} can be looked up by {field}.", hint="Correct the match keys.")
        hits: dict[str, list[str]] = defaultdict(list)
        for value, id_ in (hit for rows in found for hit in rows or ()):
            hits[value].append(id_)
        await self._fetch([r.became for r in self.records.values() if r.became and r.became not in self.records])
        return hits

    async def _matching(self, entity: Entity, field: str, values: Sequence[str]) -> list[tuple[str, str]] | None:
        """(value, id) of the object's rows; None where it has no such field."""
        theirs = their_name(entity, field)
        if theirs is None:
            return None
        try:
            rows = await self._rows(entity, theirs, values, deleted=False)
        except FieldMissing:
            known = await self.org.describe(entity, fresh=True)
            self.columns[entity] = Columns(entity, self.fields, known)
            if "." not in theirs and theirs not in known:
                return None
            rows = await self._rows(entity, theirs, values, deleted=False)
        return [(_text(row, theirs).casefold(), row["Id"]) for row in rows]

    async def _fetch(self, ids: Sequence[str]) -> None:
        """Read records by id, and those that took their place."""
        for _ in range(_FOLLOWED):
            missing = [id_ for id_ in dict.fromkeys(ids) if id_ not in self.records and whole(id_)]
            by_entity = {
                entity: [id_ for id_ in missing if entity_of(id_, self.shape.entities) == entity]
                for entity in self.shape.entities
            }
            if not any(by_entity.values()):
                return
            await asyncio.gather(*(self._by_id(entity, ids_) for entity, ids_ in by_entity.items() if ids_))
            ids = [record.became for id_ in missing if (record := self.records.get(id_)) and record.became]

    async def _by_id(self, entity: Entity, ids: Sequence[str]) -> None:
        try:
            await self._rows(entity, "Id", ids, deleted=True)
        except FieldMissing:
            self.columns[entity] = Columns(entity, self.fields, await self.org.describe(entity, fresh=True))
            await self._rows(entity, "Id", ids, deleted=True)

    async def _rows(self, entity: Entity, field: str, values: Sequence[str], *, deleted: bool) -> list[Row]:
        columns = self.columns[entity]
        first, *others = chunks_of_fields(tuple(dict.fromkeys([*columns.selected, field])))
        if field not in first:
            first = [*first, field]
        rows = await self.org.rows_with(entity, first, field, values, deleted=deleted, only=self.shape.only)
        await self.org.widen(entity, rows, others, deleted=deleted)
        for row in rows:
            record = columns.record(row)
            self.records[record.id] = record
        return rows


def _text(row: Row, field: str) -> str:
    """The value of a field, or of a field of its parent, as text."""
    name, _, of_parent = field.partition(".")
    value = row.get(name)
    if of_parent:
        value = value.get(of_parent) if isinstance(value, dict) else None
    return "" if value is None else str(value)
