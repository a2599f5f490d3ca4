"""Writing a batch: sObject Collections of 200, Bulk API 2.0 for large ones, one result per write, in order.

A 200 may hold failures, record by record. A refusal of the whole request wrote nothing: the request is halved until
the record at fault stands alone. A request whose answer got lost may have been carried out: its records are `unknown`,
and nothing here tries them again.

A Contact's Company cannot be written. Its result tells the name that its Account goes on having, so that the caller
knows what the record shows and does not take it for somebody's edit at the next read. So does that of a Lead which was
to belong to an Account. The people of an Opportunity are written after it: see `members`.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

from connectors.base import Key, Write, WriteResult
from connectors.errors import ConnectorError, Duplicate, Gone, Invalid, Reject, Retry, Unavailable
from connectors.salesforce.batch import Item, for_bulk, item, requests, without_unknown
from connectors.salesforce.bulk import Bulk, Sleep
from connectors.salesforce.find import find
from connectors.salesforce.kinds import LEAD, Shape, entity_of
from connectors.salesforce.members import write_members
from connectors.salesforce.objects import ACCOUNT_NAME, custom
from connectors.salesforce.org import FieldMissing, Org, path_of
from connectors.salesforce.rejects import Complaint, complaint, reject
from connectors.salesforce.settings import COLLECTION

log = logging.getLogger(__name__)

# A locked row is free again within seconds: records go again in ever smaller company, after a pause (in seconds).
_LOCK_ROUNDS = ((50, 0.5), (10, 2.0), (10, 5.0))
# Requests in a row that may stay without an answer before the rest of the batch is left alone.
_PATIENCE = 2


class Writer:
    """One batch."""

    def __init__(self, org: Org, bulk: Bulk, shape: Shape, *, bulk_above: int, sleep: Sleep) -> None:
        self.org = org
        self.shape = shape
        self.bulk = bulk
        self.bulk_above = bulk_above
        self._sleep = sleep
        self._results: dict[int, WriteResult] = {}
        self._locked: list[Item] = []
        self._sent = False
        self._lost = 0

    async def write(self, batch: Sequence[Write]) -> list[WriteResult]:
        """See `Connector.write`. Raises Retry and Stop only while nothing was sent."""
        items = await self._items(batch)
        try:
            await self._send_all(items)
        except ConnectorError as error:
            if not self._sent:
                raise
            log.warning("The rest of a batch was not sent to Salesforce; the next run goes on: %s", error)
        await self._tell_companies(items)
        await self._write_members(items)
        await self._tell_existing(items)
        return [self._results.get(index, WriteResult("unknown", write.id)) for index, write in enumerate(batch)]

    async def _items(self, batch: Sequence[Write]) -> list[Item]:
        """What can be sent. Results of the others are known already."""
        if self.shape is LEAD:
            contacts = [write for write in batch if write.id and entity_of(write.id) == "Contact"]
            if any(custom(write.fields) for write in contacts):
                await self.org.describe("Contact")
        items: list[Item] = []
        for index, write in enumerate(batch):
            made = item(index, write, self.org.known, self.shape)
            if isinstance(made, Reject):
                self._results[index] = WriteResult("rejected", write.id, error=made)
            elif made.way.operation == "update" and not made.body:
                self._results[index] = WriteResult("done", write.id)
                items.append(made)
            else:
                items.append(made)
        return items

    async def _send_all(self, items: Sequence[Item]) -> None:
        groups, rest = for_bulk([one for one in items if one.index not in self._results], self.bulk_above)
        for group in groups:
            await self._ingest(group)
        for request in requests(rest, COLLECTION):
            await self._send(request)
        for most, pause in _LOCK_ROUNDS:
            again, self._locked = self._locked, []
            if not again:
                return
            log.info("Salesforce: %d records were locked; they go again in %.1f s.", len(again), pause)
            await self._sleep(pause)
            for request in requests(again, most):
                await self._send(request)
        # Nothing is wrong with a record that somebody else holds: the next run looks at it again.

    async def _send(self, items: list[Item]) -> None:
        if self._lost >= _PATIENCE:
            raise Unavailable("Salesforce does not answer.", sent=False)
        method, path = _endpoint(items[0])
        body = {"allOrNone": False, "records": [one.record() for one in items]}
        try:
            answer = await self.org.call(method, path, json=body, expect=list, idempotent=False, rejects=True)
        except FieldMissing:
            await self._send_known(items)
            return
        except Reject as refused:
            await self._halve(items, refused)
            return
        except Unavailable as error:
            if not error.sent:
                raise
            log.warning("Salesforce may or may not have written %d records: %s", len(items), error)
            self._sent = True
            self._lost += 1
            return
        self._sent, self._lost = True, 0
        if len(answer.json) != len(items):
            log.error("Salesforce gave %d results for %d records.", len(answer.json), len(items))
            return
        for one, result in zip(items, answer.json, strict=True):
            if not isinstance(result, dict) or (result.get("success") and not result.get("id")):
                log.error("Salesforce gave a result that we cannot read; recovery will look what became of it.")
            elif result.get("success"):
                self._done(one, result["id"])
            else:
                self._refused(one, complaint(result.get("errors") or ()))

    async def _send_known(self, items: list[Item]) -> None:
        """A field of the request does not exist on its object: what does goes again. Raises Misconfigured where a
        field is on no object of the kind."""
        columns = {entity: await self.org.describe(entity, fresh=True) for entity in self.shape.entities}
        missing = {name for one in items for name in one.body if name not in columns[one.entity]}
        known_somewhere = {name for names in columns.values() for name in names} | self.shape.optional
        nowhere = sorted(missing - known_somewhere)
        if nowhere or not missing:
            raise FieldMissing(
                f"Salesforce has no field {', '.join(nowhere) or 'that a write names'} on {self.shape.said}.",
                hint="Run `smarketing provision`, correct the mapping, or check the field-level security.",
            )
        known = without_unknown(items, self.org.known)
        for one in known:
            if not one.body:
                self._done(one, one.write.id)
        for request in requests([one for one in known if one.body], COLLECTION):
            await self._send(request)

    async def _halve(self, items: list[Item], refused: Reject) -> None:
        """The whole request was refused for one record's sake, and nothing was written."""
        if len(items) == 1:
            self._reject(items[0], Invalid(refused.message, hint=refused.hint))
            return
        middle = len(items) // 2
        await self._send(items[:middle])
        await self._send(items[middle:])

    async def _ingest(self, items: list[Item]) -> None:
        way, entity = items[0].way, items[0].entity
        operation: Literal["update", "upsert"] = "upsert" if way.operation == "upsert" else "update"
        ingested = await self.bulk.ingest(entity, operation, way.key or "Id", [one.row() for one in items])
        self._sent = True
        for one in items:
            if one.name in ingested.done:
                self._done(one, ingested.done[one.name])
            elif one.name in ingested.failed:
                self._refused(one, ingested.failed[one.name])

    def _done(self, one: Item, id_: str | None) -> None:
        self._results[one.index] = WriteResult("done", id_)

    def _refused(self, one: Item, said: Complaint) -> None:
        if said.transient:
            self._locked.append(one)
        else:
            self._reject(one, reject(said))

    def _reject(self, one: Item, error: Reject) -> None:
        self._results[one.index] = WriteResult("rejected", one.write.id, error=error)

    async def _write_members(self, items: Sequence[Item]) -> None:
        """Who joins and who leaves, for the records that are there."""
        able = [one for one in items if one.roles is not None and self._outcome(one) == "done"]
        if able:
            ids = {one.index: self._results[one.index].id or "" for one in able}
            alone = frozenset(one.index for one in able if not one.body)
            changes = [(one.index, ids[one.index], one.roles) for one in able if one.roles is not None]
            for index, result in (await write_members(self.org, changes, alone)).items():
                self._results[index] = result

    async def _tell_companies(self, items: Sequence[Item]) -> None:
        """What the Company of a Contact is, where it was to be another; and that a Lead belongs to no Account."""
        for one in items:
            if one.account_left_out and self._outcome(one) == "done":
                self._results[one.index] = replace(self._results[one.index], fields={"AccountId": None})
        kept = [one for one in items if one.company_kept and self._outcome(one) == "done"]
        if not kept:
            return
        ids = list(dict.fromkeys(one.write.id or "" for one in kept))
        try:
            rows = await self.org.rows_with("Contact", ["Id", ACCOUNT_NAME], "Id", ids)
        except ConnectorError as error:
            log.warning("The companies of %d contacts could not be read after a write: %s", len(ids), error)
            return
        names = {row["Id"]: (row.get("Account") or {}).get("Name") for row in rows}
        for one in kept:
            if one.write.id in names:
                self._results[one.index] = replace(self._results[one.index], fields={"Company": names[one.write.id]})

    async def _tell_existing(self, items: Sequence[Item]) -> None:
        """Which record stands in the way of a create, where Salesforce does not say: found by its external id (of a
        Lead that was converted since) or its e-mail."""
        keys: dict[int, Key] = {}
        for one in items:
            error = self._results[one.index].error if one.index in self._results else None
            if one.write.operation != "create" or (not isinstance(error, Gone) and not _nameless(error)):
                continue
            natural = self.shape.natural
            value = one.write.fields.get(natural) if natural else None
            key = one.write.key if one.way.key else Key(natural or "", value) if isinstance(value, str) else None
            if key is not None:
                keys[one.index] = key
        if not keys:
            return
        try:
            found = await find(self.org, self.shape, list(keys.values()), ["Id"])
        except (Retry, FieldMissing) as error:
            log.warning("The records that %d creates ran into could not be looked up: %s", len(keys), error)
            return
        for (index, key), records in zip(keys.items(), found, strict=True):
            said = self._results[index].error
            if len(records) == 1 and said is not None:
                duplicate = Duplicate(said.message, existing=records[0].id, field=key.field, hint=said.hint)
                self._results[index] = replace(self._results[index], error=duplicate)

    def _outcome(self, one: Item) -> str | None:
        result = self._results.get(one.index)
        return result.outcome if result else None


def _endpoint(one: Item) -> tuple[str, str]:
    """https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections.html"""
    match one.way.operation:
        case "upsert":
            return "PATCH", path_of("composite", "sobjects", one.entity, one.way.key)
        case "update":
            return "PATCH", "/composite/sobjects"
        case _:
            return "POST", "/composite/sobjects"


def _nameless(error: Reject | None) -> bool:
    return isinstance(error, Duplicate) and error.existing is None
