"""Bulk API 2.0, both ways: jobs, their states, and CSV. Knows rows and cells, not what they mean.

A query job keeps its pages for seven days, so a scan can go on after a crash. An ingest job may be half done when it
ends: its results tell each row by the column that names the record, since their order is not that of the upload.
https://developer.salesforce.com/docs/platform/api-asynch/guide/bulk-api-2-0.html
"""

from __future__ import annotations

import asyncio
import csv
import io
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, NamedTuple

from connectors.base import Clock
from connectors.errors import ConnectorError, ProtocolChanged, Retry, Unavailable
from connectors.http import Answer
from connectors.salesforce.kinds import Entity
from connectors.salesforce.objects import Column, from_bulk
from connectors.salesforce.org import Org, Row, path_of
from connectors.salesforce.rejects import Complaint, bulk_complaint
from connectors.salesforce.soql import stamp_time

log = logging.getLogger(__name__)

Sleep = Callable[[float], Awaitable[None]]

# Times that a page of results is asked for which does not come whole.
_TRIES = 3
# Rows of one page of results: bounds the memory of a scan.
_PAGE = 10_000
# Salesforce takes 150 MB a job after base64, and advises 100 MB of CSV (https://developer.salesforce.com/docs/
# atlas.en-us.api_asynch.meta/api_bulk_v2/datafiles_csv_preparing.htm).
_UPLOAD = 90_000_000
# How a cell says null; an empty cell says "leave it as it is".
# https://developer.salesforce.com/docs/atlas.en-us.api_asynch.meta/api_bulk_v2/datafiles_csv_valid_record_rows.htm
NULL = "#N/A"
_CSV = {"Content-Type": "text/csv; charset=UTF-8"}
_ENDED = ("JobComplete", "Failed", "Aborted")


class JobFailed(Unavailable):
    """The job ended without its work done, or its results are not kept any more: the other road is open."""


@dataclass(frozen=True, slots=True)
class Job:
    id: str
    created: datetime
    """By the vendor's clock."""


@dataclass(slots=True)
class Ingested:
    """What became of the rows of an ingest, by the value of the column that names them. A row in neither is not
    known to have been written."""

    done: dict[str, str] = field(default_factory=dict)
    failed: dict[str, Complaint] = field(default_factory=dict)


class Table(NamedTuple):
    """One page of results. `locator`: of the page after it, None on the last."""

    names: list[str]
    rows: list[list[str]]
    locator: str | None


class Bulk:
    """`wait`: seconds that a job may take before it is given up."""

    def __init__(self, org: Org, *, wait: float, clock: Clock, sleep: Sleep = asyncio.sleep) -> None:
        self.org = org
        self._wait = wait
        self._clock = clock
        self._sleep = sleep

    async def start_query(self, statement: str) -> Job:
        """Have a query run, deleted rows included. Raises what `Http.request` raises."""
        body = {"operation": "queryAll", "query": statement, "columnDelimiter": "COMMA", "lineEnding": "LF"}
        # A second job in place of one whose answer got lost only costs the vendor's time.
        answer = await self.org.call("POST", "/jobs/query", json=body, idempotent=True, expect=("id",))
        created = answer.json.get("createdDate")
        return Job(answer.json["id"], stamp_time(created) if created else self._clock())

    async def query_pages(
        self, job: str, locator: str | None, known: Mapping[str, Column]
    ) -> AsyncIterator[tuple[list[Row], str | None]]:
        """Pages of a query's rows, as REST would give their values, each with the locator of the page after it.
        Raises JobFailed, also where the results are not kept any more."""
        if locator is None:
            await self._ended("query", job)
        path = path_of("jobs", "query", job, "results")
        while True:
            table = await self._table(path, "Id", locator, counted=True)
            locator = table.locator
            yield typed_rows(table, known), locator
            if locator is None:
                return

    async def ingest(
        self,
        entity: Entity,
        operation: Literal["update", "upsert", "hardDelete"],
        named_by: str,
        rows: Sequence[Mapping[str, Any]],
    ) -> Ingested:
        """Write rows of one object; each has its own columns, `named_by` (Id or the external id) among them. To erase
        them takes no other column.

        Raises only while nothing can have been written.
        """
        ingested, written = Ingested(), False
        for upload in uploads(named_by, rows):
            try:
                job = await self._upload(entity, operation, named_by, upload)
                written = True
                await self._collect(job, named_by, ingested)
            except ConnectorError as error:
                if not written:
                    raise
                log.warning("Not every result of a Bulk job is known; recovery will look: %s", error)
                break
        return ingested

    async def _upload(self, entity: Entity, operation: str, named_by: str, content: bytes) -> str:
        body = {"object": entity, "operation": operation, "contentType": "CSV", "lineEnding": "LF"}
        if operation == "upsert":
            body["externalIdFieldName"] = named_by
        # A job that was opened and never closed does nothing.
        answer = await self.org.call("POST", "/jobs/ingest", json=body, idempotent=True, expect=("id",))
        job: str = answer.json["id"]
        path = path_of("jobs", "ingest", job)
        await self.org.call("PUT", f"{path}/batches", content=content, headers=_CSV, expect=None)
        try:
            await self.org.call("PATCH", path, json={"state": "UploadComplete"}, expect=None)
        except Retry as error:
            if await self._state("ingest", job) == "Open":
                raise
            log.info("Bulk job %s began although its answer was lost: %s", job, error)
        return job

    async def _collect(self, job: str, named_by: str, ingested: Ingested) -> None:
        path = path_of("jobs", "ingest", job)
        try:
            await self._ended("ingest", job)
        except JobFailed as error:
            log.warning("%s What it did before counts.", error)
        except Unavailable:
            # Whatever it does after we have looked would be done behind our back.
            await self.org.call(
                "PATCH", path, json={"state": "Aborted"}, idempotent=True, expect=None, accept=(400, 409)
            )
            await self._ended("ingest", job, aborted=True)
        for row in await self._results(f"{path}/successfulResults", named_by):
            ingested.done[row[named_by]] = row["sf__Id"]
        for row in await self._results(f"{path}/failedResults", named_by):
            ingested.failed[row[named_by]] = bulk_complaint(row["sf__Error"])

    async def _results(self, path: str, named_by: str) -> list[dict[str, str]]:
        rows: list[dict[str, str]] = []
        locator: str | None = None
        while True:
            table = await self._table(path, named_by, locator)
            rows += (dict(zip(table.names, cells, strict=True)) for cells in table.rows)
            locator = table.locator
            if locator is None:
                return rows

    async def _table(self, path: str, column: str, locator: str | None, *, counted: bool = False) -> Table:
        """One page of results, in which there is this column. `counted`: Salesforce says how many rows it has. Raises
        JobFailed where the results are not kept any more, Unavailable where what comes is not all of them."""
        params = ({"maxRecords": _PAGE} if counted else {}) | ({"locator": locator} if locator else {})
        for _ in range(_TRIES):
            answer = await self.org.call("GET", path, params=params, expect=bytes, accept=(400, 404, 409, 410))
            if answer.status >= 400:
                raise JobFailed(f"Salesforce does not keep the results of GET {path} any more.")
            table = whole_table(answer, column, counted=counted)
            if table is not None:
                return table
        raise Unavailable(
            f"Salesforce answered GET {path} with something that is not the whole table.",
            hint="Look whether a proxy or a login page stands between; the next run asks again.",
        )

    async def _ended(self, kind: str, job: str, *, aborted: bool = False) -> None:
        """Wait until a job has ended. Raises JobFailed, Unavailable where it takes too long."""
        began, pause = self._clock(), 0.25
        while (state := await self._state(kind, job)) not in _ENDED:
            if (self._clock() - began).total_seconds() > self._wait:
                raise Unavailable(f"Bulk job {job} is still at work after {self._wait:.0f} s.", sent=True)
            await self._sleep(pause)
            pause = min(pause * 2, 15.0)
        if state != "JobComplete" and not aborted:
            raise JobFailed(f"Salesforce ended Bulk job {job} as {state}.")

    async def _state(self, kind: str, job: str) -> str:
        answer = await self.org.call("GET", path_of("jobs", kind, job), accept=(404,))
        if answer.status == 404:
            return "Aborted"
        state = answer.json.get("state")
        if not isinstance(state, str):
            raise ProtocolChanged(f"Salesforce tells no state of Bulk job {job}.")
        return state


def whole_table(answer: Answer, column: str, *, counted: bool) -> Table | None:
    """The answer as a table; None where it is cut off or something else. Rows that go missing unseen would be taken
    for deleted by a scan, and made a second time.

    https://developer.salesforce.com/docs/platform/api-asynch/guide/query-get-job-results.md tells of the count.
    """
    try:
        text = answer.content.decode("utf-8")
        names, *rows = [*csv.reader(io.StringIO(text, newline=""))] or [[]]
    except (UnicodeDecodeError, csv.Error):
        return None
    said = answer.headers.get("sforce-numberofrecords", None if counted else str(len(rows)))
    whole = column in names and text.endswith("\n") and all(len(cells) == len(names) for cells in rows)
    if said != str(len(rows)) or not (whole or not text):
        return None
    following = answer.headers.get("sforce-locator")
    return Table(names, rows, following if following and following != "null" else None)


def typed_rows(table: Table, known: Mapping[str, Column]) -> list[Row]:
    """The rows of a query's CSV, each cell as REST would give it."""
    types = [known[name].type if name in known else "string" for name in table.names]
    return [
        {name: from_bulk(type_, cell) for name, type_, cell in zip(table.names, types, cells, strict=True)}
        for cells in table.rows
    ]


def uploads(named_by: str, rows: Sequence[Mapping[str, Any]], most: int = _UPLOAD) -> Iterator[bytes]:
    """Rows as CSV files of at most `most` bytes. Columns are those of all rows: a cell that a row does not have is
    empty, which leaves the field as it is; None and "" clear it."""
    names = list(dict.fromkeys([named_by, *(name for row in rows for name in row)]))
    head = _line(names)
    lines, size = [head], len(head)
    for row in rows:
        line = _line([_cell(row[name]) if name in row else "" for name in names])
        if size + len(line) > most and len(lines) > 1:
            yield b"".join(lines)
            lines, size = [head], len(head)
        lines.append(line)
        size += len(line)
    if len(lines) > 1:
        yield b"".join(lines)


def sayable(row: Mapping[str, Any]) -> bool:
    """False for a row with the text #N/A as a value, which CSV would take for null."""
    return NULL not in row.values()


def _cell(value: Any) -> str:
    if value is None or value == "":
        return NULL
    return ("true" if value else "false") if isinstance(value, bool) else str(value)


def _line(cells: Sequence[str]) -> bytes:
    """One line, ended by LF. Written as if it ended in CR LF: only then are cells with a lone CR quoted, too."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n").encode("utf-8") + b"\n"
