"""Bulk API 2.0: jobs that take a CSV file of records or a query, work at their own pace, and keep their results.

A job that was closed is UploadComplete, then InProgress, and does all its work at the look that finds it due
(`Switches.bulk_polls`, `bulk_seconds`). Results come in no particular order. An empty cell says nothing; #N/A clears.
https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_asynch/bulk_api_2_0.htm
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sandbox.faults import page_start
from sandbox.gate import Answer
from sandbox.salesforce import query
from sandbox.salesforce.calls import Call, nothing, shown
from sandbox.salesforce.csv_files import DELIMITERS, ENDINGS, BadFile, Cells, cell_of, rows_of, text_of
from sandbox.salesforce.errors import Problem, Refused, no_such_resource
from sandbox.salesforce.org import Draft, Org
from sandbox.salesforce.schema import Field
from sandbox.salesforce.table import Table

if TYPE_CHECKING:
    from sandbox.salesforce.server import Salesforce

INGEST = ("insert", "update", "upsert", "delete", "hardDelete")
QUERIES = ("query", "queryAll")
DONE = ("JobComplete", "Failed", "Aborted")
CHUNK = 200
ROWS_AT_ONCE = 50_000


@dataclass
class Job:
    id: str
    operation: str
    sobject: str
    version: str
    created: str
    user_id: str
    line_ending: str = "LF"
    delimiter: str = "COMMA"
    key: str = ""
    soql: str = ""
    state: str = "Open"
    data: str = ""
    closed_at: float = 0.0
    polls: int = 0
    error: str = ""
    header: Cells = field(default_factory=list)
    good: list[tuple[str, bool, Cells]] = field(default_factory=list)
    """Record id, whether it was created, the row as sent."""
    bad: list[tuple[str, str, Cells]] = field(default_factory=list)
    """Record id, what was wrong, the row as sent."""
    found: query.Answer | None = None

    @property
    def is_query(self) -> bool:
        return self.operation in QUERIES

    @property
    def processed(self) -> int:
        return self.found.total if self.found else len(self.good) + len(self.bad)


# --- handlers


def create(sf: Salesforce, call: Call) -> Answer:
    body = call.record()
    kind, operation = call.args["kind"], str(body.get("operation"))
    if kind not in ("query", "ingest"):
        raise no_such_resource()
    if operation not in (QUERIES if kind == "query" else INGEST):
        raise Refused(Problem("INVALIDJOB", f"Unknown operation: {operation}"))
    delimiter, ending = body.get("columnDelimiter") or "COMMA", body.get("lineEnding") or "LF"
    if delimiter not in DELIMITERS or ending not in ENDINGS:
        raise Refused(Problem("INVALIDJOB", f"Unknown columnDelimiter or lineEnding: {delimiter}, {ending}"))
    job = Job(
        sf.org.new_id("750"), operation, "", call.args["version"], sf.org.now(), sf.org.user_id, ending, delimiter
    )
    if operation == "hardDelete" and not sf.org.switches.hard_delete:
        words = (
            "hardDelete operation requires special user profile permission, please contact your system administrator"
        )
        raise Refused(Problem("FEATURENOTENABLED", words))
    if kind == "query":
        job.soql = body.get("query") or ""
        job.sobject = query.run(sf.org, job.soql, deleted=operation == "queryAll").table.name
        _close(sf.org, job)
    else:
        table = sf.org.seen(str(body.get("object")))
        if table is None:
            raise Refused(Problem("INVALIDENTITY", f"Unable to find object: {body.get('object')}"))
        job.sobject = table.name
        if operation == "upsert":
            job.key = _key(table, body.get("externalIdFieldName"))
    sf.jobs[job.id] = job
    return shown(_info(job))


def _key(table: Table, name: object) -> str:
    if not name:
        raise Refused(Problem("INVALIDJOB", "externalIdFieldName is required for upsert"))
    found = table.visible.get(str(name).lower())
    if found is None or not (found.external_id or found.id_lookup):
        words = f"Field name provided, {name} does not match an External ID, Salesforce Id, or indexed field for {table.name}"
        raise Refused(Problem("INVALIDJOB", words))
    return found.name


def list_jobs(sf: Salesforce, call: Call) -> Answer:
    wanted = call.args["kind"] == "query"
    return shown(
        {
            "done": True,
            "records": [_info(job) for job in sf.jobs.values() if job.is_query == wanted],
            "nextRecordsUrl": None,
        }
    )


def upload(sf: Salesforce, call: Call) -> Answer:
    job = _job(sf, call)
    if job.is_query or call.args["part"] != "batches":
        raise no_such_resource()
    if job.state != "Open" or job.data:
        raise Refused(
            Problem("INVALIDJOBSTATE", f"Batches can be uploaded once, to an open job; this one is {job.state}")
        )
    try:
        job.data = call.body.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise Refused(Problem("CLIENTINPUTERROR", "The file is not encoded in UTF-8")) from None
    return Answer(201, b"")


def change(sf: Salesforce, call: Call) -> Answer:
    job = _job(sf, call)
    wanted = call.record().get("state")
    if wanted == "UploadComplete" and job.state == "Open":
        _close(sf.org, job)
    elif wanted == "Aborted" and job.state not in DONE:
        job.state = "Aborted"
    else:
        raise Refused(Problem("INVALIDJOBSTATE", f"Cannot go from state {job.state} to {wanted}"))
    return shown(_info(job))


def look(sf: Salesforce, call: Call) -> Answer:
    job = _job(sf, call)
    switches, waited = sf.org.switches, sf.org.clock.elapsed() - job.closed_at
    if job.state in ("UploadComplete", "InProgress"):
        job.state = "InProgress"
        if job.polls >= switches.bulk_polls and waited >= switches.bulk_seconds:
            _work(sf.org, job)
        job.polls += 1
    return shown(_info(job, progress=True))


def remove(sf: Salesforce, call: Call) -> Answer:
    job = _job(sf, call)
    if job.state not in DONE:
        raise Refused(Problem("API_ERROR", "Error encountered when deleting the job because the job is not terminated"))
    del sf.jobs[job.id]
    return nothing()


def results(sf: Salesforce, call: Call) -> Answer:
    job = _job(sf, call)
    match call.args["part"].lower():
        case "results" if job.is_query:
            return _query_results(job, call)
        case "successfulresults":
            good = ([i, "true" if new else "false", *cells] for i, new, cells in job.good)
            return _file(job, ["sf__Id", "sf__Created", *job.header], good)
        case "failedresults":
            return _file(job, ["sf__Id", "sf__Error", *job.header], ([i, why, *cells] for i, why, cells in job.bad))
        case "unprocessedrecords":
            left = (
                job.data
                if job.state in ("Failed", "Aborted")
                else text_of([job.header], job.delimiter, job.line_ending)
                if job.header
                else ""
            )
            return Answer(200, left.encode(), {"content-type": "text/csv"})
    raise no_such_resource()


def _file(job: Job, header: Cells, rows: Iterable[Cells]) -> Answer:
    text = text_of([header, *rows], job.delimiter, job.line_ending)
    return Answer(200, text.encode(), {"content-type": "text/csv"})


def _query_results(job: Job, call: Call) -> Answer:
    if job.found is None:
        words = "can only download query results of successfully completed bulk job with status: JOB_COMPLETE"
        raise Refused(Problem("JOB_NOT_COMPLETE", f"{words}. Current status: {job.state}"), 412)
    found = job.found
    size, locator = int(call.query.get("maxRecords") or ROWS_AT_ONCE), call.query.get("locator") or "0"
    if not locator.isdigit() or int(locator) >= max(1, found.total):
        raise Refused(Problem("INVALID_QUERY_LOCATOR", "invalid query locator"))
    at = int(locator)
    start = page_start(call.fault, at, size)
    rows = found.rows[start : start + size]
    answer = _file(
        job, [".".join(c.path) for c in found.columns], ([cell_of(c, r) for c in found.columns] for r in rows)
    )
    more = str(at + size) if at + size < found.total else "null"
    headers = {**answer.headers, "Sforce-NumberOfRecords": str(len(rows)), "Sforce-Locator": more}
    return Answer(200, answer.body, headers)


# --- the work


def _job(sf: Salesforce, call: Call) -> Job:
    job = sf.jobs.get(call.args["job"])
    if job is None or job.is_query != (call.args["kind"] == "query"):
        raise no_such_resource()
    return job


def _close(org: Org, job: Job) -> None:
    job.state, job.closed_at = "UploadComplete", org.clock.elapsed()


def _info(job: Job, *, progress: bool = False) -> dict[str, Any]:
    shown_fields: dict[str, Any] = {
        "id": job.id, "operation": job.operation, "object": job.sobject, "createdById": job.user_id,
        "createdDate": job.created, "systemModstamp": job.created, "state": job.state,
        "concurrencyMode": "Parallel", "contentType": "CSV", "apiVersion": float(job.version),
        "lineEnding": job.line_ending, "columnDelimiter": job.delimiter,
    }  # fmt: skip
    if not job.is_query:
        shown_fields["contentUrl"] = f"services/data/v{job.version}/jobs/ingest/{job.id}/batches"
        if job.key:
            shown_fields["externalIdFieldName"] = job.key
    if progress:
        shown_fields |= {"jobType": "V2Query" if job.is_query else "V2Ingest", "retries": 0, "totalProcessingTime": 1}
        shown_fields["numberRecordsProcessed"] = job.processed
        if not job.is_query:
            shown_fields |= {"numberRecordsFailed": len(job.bad), "apiActiveProcessingTime": 1, "apexProcessingTime": 0}
        if job.error:
            shown_fields["errorMessage"] = job.error
    return shown_fields


def _work(org: Org, job: Job) -> None:
    try:
        if job.is_query:
            job.found = query.run(org, job.soql, deleted=job.operation == "queryAll")
            if not job.found.columns:
                raise BadFile("InvalidBatch : Aggregate functions are not supported")
        else:
            _ingest(org, job)
        job.state = "JobComplete"
    except (BadFile, Refused) as error:
        job.state, job.error = "Failed", str(error)


def _ingest(org: Org, job: Job) -> None:
    table = org.table(job.sobject)
    header, rows = rows_of(job.data, job.delimiter, job.line_ending)
    columns: list[Field] = []
    for name in header:
        found = table.visible.get(name.lower())
        if found is None:
            raise BadFile(f"InvalidBatch : Field name not found : {name}")
        columns.append(found)
    job.header = header
    drafts = [org.read_row(columns, cells) for cells in rows]
    keys = Counter(str(draft.values.get(job.key, "")).lower() for draft in drafts) if job.key else Counter()
    # The chunks are worked on side by side: whichever is done first is first in the results.
    for start in reversed(range(0, len(rows), CHUNK)):
        for cells, draft in zip(rows[start : start + CHUNK], drafts[start : start + CHUNK], strict=True):
            record_id = str(draft.values.get("Id") or "") if job.operation != "insert" else ""
            try:
                record_id, created = _write(org, table, job, draft, keys)
                job.good.append((record_id, created, cells))
            except Refused as error:
                job.bad.append((record_id, error.problems[0].as_line(), cells))


def _write(org: Org, table: Table, job: Job, draft: Draft, keys: Counter[str]) -> tuple[str, bool]:
    record_id = draft.values.pop("Id", None)
    match job.operation:
        case "insert":
            if record_id is not None:
                raise Refused(
                    Problem("INVALID_FIELD_FOR_INSERT_UPDATE", "cannot specify Id in an insert call", ("Id",))
                )
            return org.create(table, draft), True
        case "upsert" if job.key != "Id":
            return _upsert(org, table, table.fields[job.key], draft, keys)
        case "upsert" if record_id is None:
            return org.create(table, draft), True
    if record_id is None:
        if draft.problems:
            raise Refused(draft.problems)
        raise Refused(Problem("MISSING_ARGUMENT", "Id not specified in an update call", ()))
    if job.operation == "delete":
        return org.delete(table, record_id), False
    if job.operation == "hardDelete":
        return org.hard_delete(table, record_id), False
    return org.update(table, record_id, draft), False


def _upsert(org: Org, table: Table, key: Field, draft: Draft, keys: Counter[str]) -> tuple[str, bool]:
    value = draft.values.get(key.name)
    if value is None:
        raise Refused(Problem("MISSING_ARGUMENT", f"{key.name} not specified", ()))
    if keys[str(value).lower()] > 1:
        raise Refused(Problem("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", (key.name,)))
    rows = org.matches(table, key, value)
    if len(rows) > 1:
        raise Refused(
            Problem(
                "DUPLICATE_EXTERNAL_ID", f"{key.label}: more than one record found for external id field", (key.name,)
            )
        )
    if rows:
        return org.update(table, rows[0]["Id"], draft), False
    return org.create(table, draft), True
