"""The REST API for single records, queries and what the API tells of itself.

https://developer.salesforce.com/docs/platform/api-rest/guide/resources-list.html
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, timedelta
from typing import TYPE_CHECKING, Any

from sandbox.gate import Answer
from sandbox.salesforce import query
from sandbox.salesforce.answers import page_size
from sandbox.salesforce.calls import Call, nothing, shown
from sandbox.salesforce.describe import describe_object, describe_table
from sandbox.salesforce.errors import Problem, Refused, entity_is_deleted, no_such_column, no_such_resource
from sandbox.salesforce.schema import Field
from sandbox.salesforce.table import Row, Table
from sandbox.salesforce.values import BadValue, from_json, moment, stamp

if TYPE_CHECKING:
    from sandbox.salesforce.server import Salesforce

VERSIONS = tuple(f"{n}.0" for n in range(31, 66))
REPLICATION = timedelta(days=30)
"""How far back getDeleted and getUpdated may be asked; of the deletions, fifteen days are still there."""


def versions(sf: Salesforce, call: Call) -> Answer:
    return shown([{"label": f"v{v}", "url": f"/services/data/v{v}", "version": v} for v in VERSIONS])


def resources(sf: Salesforce, call: Call) -> Answer:
    names = ("sobjects", "query", "queryAll", "limits", "composite", "jobs", "tooling")
    identity = f"{call.base}/id/{sf.org.id}/{sf.org.user_id}"
    return shown({**{name: f"{call.root}/{name}" for name in names}, "identity": identity})


def limits(sf: Salesforce, call: Call) -> Answer:
    daily = {"Max": sf.quota.window.calls, "Remaining": sf.quota.remaining()}
    bulk = {"Max": 15_000, "Remaining": 15_000}
    return shown(
        {
            "DailyApiRequests": daily,
            "DailyBulkApiBatches": bulk,
            "DailyBulkV2QueryJobs": {"Max": 10_000, "Remaining": 10_000},
        }
    )


def identity(sf: Salesforce, call: Call) -> Answer:
    user = sf.org.tables["User"].rows[sf.org.user_id]
    rest = f"{call.base}/services/data/v{{version}}/"
    return shown(
        {
            "id": f"{call.base}/id/{sf.org.id}/{sf.org.user_id}",
            "sub": f"{call.base}/id/{sf.org.id}/{sf.org.user_id}",
            "asserted_user": True,
            "user_id": sf.org.user_id,
            "organization_id": sf.org.id,
            "username": user["Username"],
            "preferred_username": user["Username"],
            "display_name": user["Name"],
            "name": user["Name"],
            "email": user["Email"],
            "email_verified": True,
            "active": user["IsActive"],
            "timezone": user["TimeZoneSidKey"],
            "zoneinfo": user["TimeZoneSidKey"],
            "user_type": "STANDARD",
            "urls": {"rest": rest, "sobjects": rest + "sobjects/", "query": rest + "query/"},
        }
    )


def list_objects(sf: Salesforce, call: Call) -> Answer:
    described = [describe_object(table.sobject, call.root) for table in sf.org.tables.values()]
    return shown({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": described})


def about_object(sf: Salesforce, call: Call) -> Answer:
    table = sf.org.table(call.args["sobject"])
    return shown({"objectDescribe": describe_object(table.sobject, call.root), "recentItems": []})


def describe(sf: Salesforce, call: Call) -> Answer:
    return shown(describe_table(sf.org.table(call.args["sobject"]), call.root))


# --- rows


def create(sf: Salesforce, call: Call) -> Answer:
    table = sf.org.table(call.args["sobject"])
    draft = sf.org.read(table, _without(call.record(), "Id"))
    record_id = sf.org.create(table, draft, allow_duplicates=call.allow_duplicates)
    location = {"location": f"{call.root}/sobjects/{table.name}/{record_id}"}
    return shown({"id": record_id, "success": True, "errors": []}, 201, location)


def read(sf: Salesforce, call: Call) -> Answer:
    table = sf.org.table(call.args["sobject"])
    return shown(_as_json(table, _present(table, call.args["id"]), call))


def update(sf: Salesforce, call: Call) -> Answer:
    table = sf.org.table(call.args["sobject"])
    draft = sf.org.read(table, _without(call.record(), "Id"))
    sf.org.update(table, _present(table, call.args["id"])["Id"], draft)
    return nothing()


def delete(sf: Salesforce, call: Call) -> Answer:
    table = sf.org.table(call.args["sobject"])
    sf.org.delete(table, _present(table, call.args["id"])["Id"])
    return nothing()


def _present(table: Table, record_id: str) -> Row:
    row = table.get(record_id)
    if row is None:
        raise no_such_resource()
    if row["IsDeleted"]:
        raise entity_is_deleted()
    return row


def _without(record: dict[str, Any], *names: str) -> dict[str, Any]:
    """What the address says already must not be in the body."""
    for name in record:
        if name.lower() in (n.lower() for n in names):
            raise Refused(Problem("INVALID_FIELD", f"The {name} field should not be specified in the sobject data."))
    return record


def _as_json(table: Table, row: Row, call: Call) -> dict[str, Any]:
    wanted = [name for name in call.query.get("fields", "").split(",") if name]
    fields = list(table.visible.values())
    if wanted:
        fields = []
        for name in wanted:
            if name.lower() not in table.visible:
                raise no_such_column(name, table.name)
            fields.append(table.visible[name.lower()])
    attributes = {"type": table.name, "url": f"{call.root}/sobjects/{table.name}/{row['Id']}"}
    return {"attributes": attributes, **{f.name: row.get(f.name) for f in fields}}


# --- rows by an external id


def key_field(table: Table, name: str) -> Field:
    """Raises Refused unless records may be found by this field."""
    field = table.visible.get(name.lower())
    if field is None or not (field.external_id or field.id_lookup):
        raise Refused(Problem("NOT_FOUND", f"Provided external ID field does not exist or is not accessible: {name}"))
    return field


def _matching(sf: Salesforce, call: Call) -> tuple[Table, Field, Any, list[Row]]:
    table = sf.org.table(call.args["sobject"])
    field = key_field(table, call.args["field"])
    try:
        value = from_json(field, call.args["value"])
    except BadValue as error:
        raise Refused(error.problem) from None
    return table, field, value, sf.org.matches(table, field, value)


def _choices(table: Table, rows: list[Row], call: Call) -> Answer:
    return shown([f"{call.root}/sobjects/{table.name}/{row['Id']}" for row in rows], 300)


def read_by_key(sf: Salesforce, call: Call) -> Answer:
    table, _, _, rows = _matching(sf, call)
    if len(rows) > 1:
        return _choices(table, rows, call)
    if not rows:
        raise no_such_resource()
    return shown(_as_json(table, rows[0], call))


def upsert(sf: Salesforce, call: Call) -> Answer:
    table, field, value, rows = _matching(sf, call)
    if len(rows) > 1:
        return _choices(table, rows, call)
    draft = sf.org.read(table, _without(call.record(), "Id", field.name))
    if rows:
        sf.org.update(table, rows[0]["Id"], draft)
        if float(call.args["version"]) < 46:
            return nothing()
        return shown({"id": rows[0]["Id"], "success": True, "errors": [], "created": False})
    draft.values[field.name] = value
    record_id = sf.org.create(table, draft, allow_duplicates=call.allow_duplicates)
    return shown({"id": record_id, "success": True, "errors": [], "created": True}, 201)


def delete_by_key(sf: Salesforce, call: Call) -> Answer:
    table, _, _, rows = _matching(sf, call)
    if len(rows) > 1:
        return _choices(table, rows, call)
    if not rows:
        raise no_such_resource()
    sf.org.delete(table, rows[0]["Id"])
    return nothing()


# --- queries


def run_query(*, deleted: bool) -> Callable[[Salesforce, Call], Answer]:
    def answer(sf: Salesforce, call: Call) -> Answer:
        if "q" not in call.query:
            raise Refused(Problem("MALFORMED_QUERY", "A query string has to be specified"))
        size = page_size(call.headers.get("sforce-query-options", ""), sf.org.switches.page_size)
        found = query.run(sf.org, call.query["q"], deleted=deleted)
        return shown(sf.cursors.first(found, call.root, size))

    return answer


def more(sf: Salesforce, call: Call) -> Answer:
    options = call.headers.get("sforce-query-options")
    size = page_size(options, sf.org.switches.page_size) if options else None
    return shown(sf.cursors.more(call.args["locator"], call.root, size, call.fault))


# --- replication


def deleted(sf: Salesforce, call: Call) -> Answer:
    table, since, until, covered = _window(sf, call)
    gone = [{"id": i, "deletedDate": when} for i, when in table.bin.items() if since <= when <= until]
    earliest = min(table.bin.values(), default=sf.org.tables["Organization"].rows[sf.org.id]["CreatedDate"])
    return shown({"deletedRecords": gone, "earliestDateAvailable": earliest, "latestDateCovered": covered})


def updated(sf: Salesforce, call: Call) -> Answer:
    table, since, until, covered = _window(sf, call)
    rows = table.by_stamp(since, until)
    ids = [row["Id"] for row in rows if not row["IsDeleted"] and row["Id"] not in table.veils]
    return shown({"ids": ids, "latestDateCovered": covered})


def _window(sf: Salesforce, call: Call) -> tuple[Table, str, str, str]:
    """`start` and `end` without their seconds, which this API does not look at. Raises Refused.
    https://developer.salesforce.com/docs/platform/api-rest/guide/resources-getdeleted.html"""
    sf.org.settle()
    table = sf.org.table(call.args["sobject"])
    now = sf.org.clock.now()
    try:
        since, until = (moment(call.query[name]).replace(second=0, microsecond=0) for name in ("start", "end"))
    except (KeyError, ValueError):
        raise _bad_window("start and end must be dates with a time and a time zone") from None
    if until - since < timedelta(minutes=1):
        raise _bad_window("endDate must be at least one minute after startDate")
    if now - since > REPLICATION:
        raise _bad_window("startDate cannot be more than 30 days ago")
    covered = min(until, now.replace(second=0, microsecond=0))
    return table, stamp(since), stamp(until), stamp(covered.astimezone(UTC))


def _bad_window(words: str) -> Refused:
    return Refused(Problem("INVALID_REPLICATION_DATE", words))
