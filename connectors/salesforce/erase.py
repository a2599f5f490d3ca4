"""Taking records out of use, and erasing them for good, with whatever they were before.

To archive is to delete: for fifteen days the recycle bin has them. To erase takes the operation hardDelete of Bulk API
2.0, from the bin too; its permission ("Bulk API Hard Delete") nobody has until an administrator grants it. REST has no
other way past the bin: emptyRecycleBin is a call of SOAP and Apex alone. Without the permission the record's text is
overwritten, the record deleted, and the result says that it was not erased.

A person's past goes with the person: the records that were merged into it, and the Lead that it was before its
conversion, would tell as much.
https://help.salesforce.com/s/articleView?id=000382207
https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections-delete.html
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence

from connectors.base import WriteResult
from connectors.errors import ConnectorError, Invalid, Misconfigured, Reject, Unavailable
from connectors.salesforce.bulk import Bulk
from connectors.salesforce.kinds import Entity, Shape, entity_of
from connectors.salesforce.objects import Columns, long_id, whole
from connectors.salesforce.org import HardDeleteForbidden, Org, Row
from connectors.salesforce.rejects import Complaint, complaint, reject
from connectors.salesforce.settings import COLLECTION

log = logging.getLogger(__name__)

ERASED = "[erased]"
_GONE = frozenset({"ENTITY_IS_DELETED", "NOT_FOUND", "INVALID_CROSS_REFERENCE_KEY"})
_ROUNDS = 5
_BLANKED = frozenset(
    {"string", "combobox", "textarea", "email", "phone", "url", "picklist", "multipicklist", "date", "datetime", "int"}
)
_HINT = (
    "Give the integration user the permission Bulk API Hard Delete (in a permission set) and erase again; or empty the "
    "recycle bin by hand."
)


async def archive(org: Org, shape: Shape, ids: Sequence[str]) -> list[WriteResult]:
    """See `Connector.archive`."""
    deleted = await _delete(org, [long_id(id_) for id_ in ids if entity_of(id_, shape.entities)])
    return [_told(id_, deleted.get(long_id(id_)), shape) for id_ in ids]


def _told(id_: str, result: WriteResult | None, shape: Shape) -> WriteResult:
    if result is None:
        return WriteResult("rejected", id_, error=Invalid(f"{id_!r} is not the id of a Salesforce {shape.said}."))
    return WriteResult(result.outcome, id_, error=result.error)


async def _delete(org: Org, ids: Iterable[str]) -> dict[str, WriteResult]:
    """Into the recycle bin. Raises Retry and Stop only while nothing was sent."""
    results: dict[str, WriteResult] = {}
    distinct = list(dict.fromkeys(ids))
    for start in range(0, len(distinct), COLLECTION):
        some = distinct[start : start + COLLECTION]
        try:
            # A second try meets what the first has deleted, which is no failure.
            answer = await org.call(
                "DELETE", "/composite/sobjects", params={"ids": ",".join(some)}, expect=list, idempotent=True
            )
        except Unavailable as error:
            if not error.sent and not results:
                raise
            results |= {id_: WriteResult("unknown", id_) for id_ in some}
            continue
        if len(answer.json) != len(some):
            results |= {id_: WriteResult("unknown", id_) for id_ in some}
            continue
        for id_, result in zip(some, answer.json, strict=True):
            said = None if result.get("success") else complaint(result.get("errors") or ())
            results[id_] = _outcome(id_, said)
    return results


def _outcome(id_: str, said: Complaint | None) -> WriteResult:
    if said is None or said.code in _GONE:
        return WriteResult("done", id_)
    return WriteResult("unknown", id_) if said.transient else WriteResult("rejected", id_, error=reject(said))


async def erase(org: Org, bulk: Bulk, shape: Shape, ids: Sequence[str]) -> list[WriteResult]:
    """See `Connector.erase`."""
    ours = [long_id(id_) for id_ in ids if entity_of(id_, shape.entities) and whole(id_)]
    past = _Past(org, shape)
    families = await past.families(ours)
    known = list(past.rows)
    try:
        results = await _hard_delete(org, bulk, shape, known)
    except HardDeleteForbidden as error:
        log.warning("Nobody is erased in Salesforce, only overwritten and deleted: %s", error)
        results = await _overwrite_and_delete(org, shape, past.rows)
    return [_of_family(id_, families.get(long_id(id_)), results, shape) for id_ in ids]


def _of_family(id_: str, family: Iterable[str] | None, results: Mapping[str, WriteResult], shape: Shape) -> WriteResult:
    """The worst of what became of a record and its past; `done` where there is nothing of it any more."""
    if family is None:
        return _told(id_, None, shape)
    theirs = [results[one] for one in family if one in results]
    for outcome in ("rejected", "unknown"):
        worst = next((result for result in theirs if result.outcome == outcome), None)
        if worst is not None:
            return WriteResult(worst.outcome, id_, error=worst.error)
    return WriteResult("done", id_)


class _Past:
    """Records, and those that they were before or became: `rows` by id, deleted ones too."""

    def __init__(self, org: Org, shape: Shape) -> None:
        self.org = org
        self.shape = shape
        self.rows: dict[str, Row] = {}

    async def families(self, ids: Sequence[str]) -> dict[str, set[str]]:
        """For each id all the ids of the same record, itself among them."""
        family = {id_: {id_} for id_ in ids}
        frontier = list(family)
        for _ in range(_ROUNDS):
            if not frontier:
                break
            before = set(family)
            for row in await self._related(frontier):
                self.rows[row["Id"]] = row
                for other in (row.get("MasterRecordId"), row.get("ConvertedContactId")):
                    if other and (other in family or row["Id"] in family):
                        _join(family, row["Id"], other)
            frontier = [id_ for id_ in family if id_ not in before]
        return family

    async def _related(self, ids: Sequence[str]) -> list[Row]:
        rows: list[Row] = []
        for entity in self.shape.entities:
            fields = Columns(entity, ()).selected
            own = [id_ for id_ in ids if entity_of(id_, (entity,))]
            rows += await self._with(entity, fields, "Id", own)
            if "MasterRecordId" in fields:
                rows += await self._with(entity, fields, "MasterRecordId", own)
            if "ConvertedContactId" in fields:
                rows += await self._with(entity, fields, "ConvertedContactId", [id_ for id_ in ids if id_ not in own])
        return rows

    async def _with(self, entity: Entity, fields: Sequence[str], field: str, ids: Sequence[str]) -> list[Row]:
        return await self.org.rows_with(entity, fields, field, ids, deleted=True) if ids else []


def _join(family: dict[str, set[str]], one: str, other: str) -> None:
    joined = family.get(one, {one}) | family.get(other, {other})
    for member in joined:
        family[member] = joined


async def _hard_delete(org: Org, bulk: Bulk, shape: Shape, ids: Sequence[str]) -> dict[str, WriteResult]:
    """Raises HardDeleteForbidden, then nothing was done; Retry and Stop only while nothing was sent."""
    results: dict[str, WriteResult] = {}
    for entity in reversed(shape.entities):  # a person's Contact before the Lead that it was
        own = [id_ for id_ in ids if entity_of(id_, (entity,))]
        if not own:
            continue
        try:
            ingested = await bulk.ingest(entity, "hardDelete", "Id", [{"Id": id_} for id_ in own])
        except HardDeleteForbidden:
            raise
        except ConnectorError as error:
            if not results:
                raise
            log.warning("Not everything was erased: %s", error)
            results |= {id_: WriteResult("unknown", id_) for id_ in own}
            continue
        doubtful = [id_ for id_ in own if id_ not in ingested.done]
        left = (
            {row["Id"] for row in await org.rows_with(entity, ["Id"], "Id", doubtful, deleted=True)} if doubtful else ()
        )
        for id_ in own:
            said = ingested.failed.get(id_)
            if id_ in ingested.done or id_ not in left:
                results[id_] = WriteResult("done", id_)
            elif said is None or said.transient:
                results[id_] = WriteResult("unknown", id_)
            else:
                results[id_] = WriteResult("rejected", id_, error=reject(said))
    return results


async def _overwrite_and_delete(org: Org, shape: Shape, rows: Mapping[str, Row]) -> dict[str, WriteResult]:
    """What can be done without the permission, and that this is not all."""
    live = [row for row in rows.values() if not row["IsDeleted"]]
    refused: dict[str, Complaint] = {}
    for entity in shape.entities:
        own = [row for row in live if entity_of(row["Id"], (entity,)) and not row.get("IsConverted")]
        refused |= await _overwrite(org, entity, [row["Id"] for row in own])
    deleted = await _delete(org, [row["Id"] for row in live])
    results = {}
    for id_, row in rows.items():
        outcome = deleted.get(id_)
        if outcome is not None and outcome.outcome != "done":
            results[id_] = outcome
        else:
            results[id_] = WriteResult("rejected", id_, error=Reject(_what_is_left(row, refused.get(id_)), hint=_HINT))
    return results


def _what_is_left(row: Row, refused: Complaint | None) -> str:
    bin_ = "in Salesforce's recycle bin for up to 15 days: this user may not erase for good."
    if row["IsDeleted"]:
        return f"Not erased: the record had been deleted before, and lies unchanged {bin_}"
    if row.get("IsConverted"):
        return f"Not erased: the converted lead was deleted, as it was, and lies {bin_}"
    if refused is not None:
        return (
            f"Not erased: Salesforce did not let it be overwritten ({refused.message}); it was deleted, and lies {bin_}"
        )
    return f"Not erased: it was overwritten and deleted, and lies {bin_}"


async def _overwrite(org: Org, entity: Entity, ids: Sequence[str]) -> dict[str, Complaint]:
    """Everything that people type, blanked. What Salesforce said where it refused."""
    if not ids:
        return {}
    blank: dict[str, str | None] = {}
    for column in (await org.describe(entity)).values():
        if column.updateable and column.type in _BLANKED:
            if column.required and column.type == "string":
                blank[column.name] = ERASED
            elif column.nillable:
                blank[column.name] = None
    refused: dict[str, Complaint] = {}
    for start in range(0, len(ids), COLLECTION):
        some = ids[start : start + COLLECTION]
        records = [{"attributes": {"type": entity}, "id": id_, **blank} for id_ in some]
        body = {"allOrNone": False, "records": records}
        try:
            answer = await org.call("PATCH", "/composite/sobjects", json=body, expect=list, idempotent=True)
        except Misconfigured as error:
            refused |= dict.fromkeys(some, Complaint("", error.message))
            continue
        for id_, result in zip(some, answer.json, strict=False):
            if not result.get("success"):
                refused[id_] = complaint(result.get("errors") or ())
    return refused
