"""sObject Collections: up to 200 records in one call, each with its own result, in the order they were sent.

The call answers 200 however many of its records failed. What makes a body unreadable (an unknown field, JSON of the
wrong type) costs all of them, with 400.
https://developer.salesforce.com/docs/platform/api-rest/guide/resources-composite-sobjects-collections.html
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from sandbox.gate import Answer
from sandbox.salesforce import ids
from sandbox.salesforce.calls import Call, shown
from sandbox.salesforce.errors import Problem, Refused, no_such_column
from sandbox.salesforce.org import Draft
from sandbox.salesforce.table import Table

if TYPE_CHECKING:
    from sandbox.salesforce.server import Salesforce

MOST_RECORDS = 200
MOST_READ = 2000
MOST_CHUNKS = 10
Result = dict[str, Any]
Write = Callable[[], Result]


class _RolledBack(Exception):
    pass


def create(sf: Salesforce, call: Call) -> Answer:
    all_or_none, records = _records(call)
    drafts = [(table, sf.org.read(table, record)) for table, record in _typed(sf, records)]

    def one(table: Table, draft: Draft) -> Result:
        return _done(sf.org.create(table, draft, allow_duplicates=call.allow_duplicates))

    return shown(_written(sf, [partial(one, *draft) for draft in drafts], all_or_none=all_or_none))


def update(sf: Salesforce, call: Call) -> Answer:
    all_or_none, records = _records(call)
    drafts = [
        (table, _own_id(record), sf.org.read(table, _without_id(record))) for table, record in _typed(sf, records)
    ]

    def one(table: Table, record_id: str | None, draft: Draft) -> Result:
        if record_id is None:
            raise Refused(Problem("MISSING_ARGUMENT", "Id not specified in an update call", ()))
        _check_kind(table, record_id)
        return _done(sf.org.update(table, record_id, draft))

    return shown(_written(sf, [partial(one, *draft) for draft in drafts], all_or_none=all_or_none))


def upsert(sf: Salesforce, call: Call) -> Answer:
    all_or_none, records = _records(call)
    table = sf.org.table(call.args["sobject"])
    key = table.visible.get(call.args["field"].lower())
    if key is None or not key.external_id:
        words = f"Field name provided, {call.args['field']} does not match an External ID, Salesforce Id, or indexed field for {table.name}"
        raise Refused(Problem("INVALID_FIELD", words))
    for record in records:
        if _own_id(record) is not None:
            raise Refused(Problem("INVALID_FIELD", "The Id field should not be specified in the sobject data."))
    for other, _ in _typed(sf, records):
        if other is not table:
            raise Refused(Problem("INVALID_TYPE", f"All records must be of type {table.name}"))
    drafts = [sf.org.read(table, record) for record in records]
    seen = Counter(str(draft.values.get(key.name, "")).lower() for draft in drafts)

    def one(draft: Draft) -> Result:
        value = draft.values.get(key.name)
        if value is None:
            raise Refused(Problem("MISSING_ARGUMENT", f"{key.name} not specified", ()))
        if seen[str(value).lower()] > 1:
            raise Refused(Problem("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", (key.name,)))
        rows = sf.org.matches(table, key, value)
        if len(rows) > 1:
            found = ", ".join(row["Id"] for row in rows)
            words = f"{key.label}: more than one record found for external id field: [{found}]"
            raise Refused(Problem("DUPLICATE_EXTERNAL_ID", words, (key.name,)))
        if rows:
            return {**_done(sf.org.update(table, rows[0]["Id"], draft)), "created": False}
        return {**_done(sf.org.create(table, draft, allow_duplicates=call.allow_duplicates)), "created": True}

    return shown(_written(sf, [partial(one, draft) for draft in drafts], all_or_none=all_or_none))


def delete(sf: Salesforce, call: Call) -> Answer:
    wanted = [i for i in call.query.get("ids", "").split(",") if i]
    _check_number(len(wanted))

    def one(record_id: str) -> Result:
        table = sf.org.table_of(record_id)
        if table is None or ids.canonical(record_id) is None:
            raise Refused(Problem("MALFORMED_ID", f"malformed id {record_id}", ("Id",)))
        return _done(sf.org.delete(table, record_id))

    all_or_none = call.query.get("allOrNone", "").lower() == "true"
    return shown(_written(sf, [partial(one, record_id) for record_id in wanted], all_or_none=all_or_none))


def retrieve(sf: Salesforce, call: Call) -> Answer:
    """By GET up to what an address can hold, by POST up to 2,000; null where there is no such record."""
    table = sf.org.table(call.args["sobject"])
    if call.method == "GET":
        wanted, fields = (call.query.get(name, "").split(",") for name in ("ids", "fields"))
    else:
        body = call.record()
        wanted, fields = body.get("ids", []), body.get("fields", [])
    if len(wanted) > MOST_READ:
        raise Refused(
            Problem(
                "EXCEEDED_ID_LIMIT", f"record limit reached. cannot submit more than {MOST_READ} records into this call"
            )
        )
    names: list[str] = []
    for name in fields:
        if name.lower() not in table.visible:
            raise no_such_column(name, table.name)
        names.append(table.visible[name.lower()].name)
    found: list[Result | None] = []
    for record_id in wanted:
        row = table.get(record_id)
        if row is None or row["IsDeleted"]:
            found.append(None)
        else:
            attributes = {"type": table.name, "url": f"{call.root}/sobjects/{table.name}/{row['Id']}"}
            found.append({"attributes": attributes, "Id": row["Id"], **{name: row.get(name) for name in names}})
    return shown(found)


def _records(call: Call) -> tuple[bool, list[dict[str, Any]]]:
    body = call.record()
    records = body.get("records")
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise Refused(Problem("INVALID_FIELD", "records is required, and has to be a list of sObjects"))
    _check_number(len(records))
    return bool(body.get("allOrNone")), records


def _check_number(count: int) -> None:
    if count > MOST_RECORDS:
        words = f"record limit reached. cannot submit more than {MOST_RECORDS} records into this call"
        raise Refused(Problem("EXCEEDED_ID_LIMIT", words))


def _typed(sf: Salesforce, records: Sequence[dict[str, Any]]) -> list[tuple[Table, dict[str, Any]]]:
    """Each record's object. Objects that alternate more than ten times are refused: the server works in chunks of
    one object."""
    found: list[tuple[Table, dict[str, Any]]] = []
    for record in records:
        attributes = record.get("attributes")
        name = attributes.get("type") if isinstance(attributes, dict) else None
        if not isinstance(name, str):
            raise Refused(Problem("INVALID_FIELD", "attributes with a type are required for each sObject"))
        table = sf.org.seen(name)
        if table is None:
            raise Refused(Problem("INVALID_TYPE", f"sObject type '{name}' is not supported."))
        found.append((table, record))
    if sum(1 for _ in groupby(found, key=lambda pair: pair[0].name)) > MOST_CHUNKS:
        words = "Cannot have more than 10 chunks in a single operation. Please rearrange the data to reduce chunking."
        raise Refused(Problem("LIMIT_EXCEEDED", words))
    return found


def _own_id(record: dict[str, Any]) -> str | None:
    found = record.get("id", record.get("Id"))
    return found if isinstance(found, str) else None


def _without_id(record: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in record.items() if name not in ("id", "Id")}


def _check_kind(table: Table, record_id: str) -> None:
    if ids.canonical(record_id) is None or not record_id.startswith(table.sobject.prefix):
        raise Refused(Problem("MALFORMED_ID", f"{table.name} ID: id value of incorrect type: {record_id}", ("Id",)))


def _done(record_id: str) -> Result:
    return {"id": record_id, "success": True, "errors": []}


def _written(sf: Salesforce, writes: Sequence[Write], *, all_or_none: bool) -> list[Result]:
    results: list[Result] = []
    failed = False
    try:
        with sf.org.all_or_none() if all_or_none else nullcontext():
            for write in writes:
                try:
                    results.append(write())
                except Refused as error:
                    failed = True
                    results.append({"success": False, "errors": [p.as_result() for p in error.problems]})
            if failed and all_or_none:
                raise _RolledBack
    except _RolledBack:
        words = "Record rolled back because not all records were valid and the request was using AllOrNone header"
        undone = Problem("ALL_OR_NONE_OPERATION_ROLLED_BACK", words).as_result()
        return [{"success": False, "errors": [undone]} if r["success"] else r for r in results]
    return results
