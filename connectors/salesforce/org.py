"""One org's REST API: its addresses, its way to refuse, and what it tells of its objects. No records, no meaning.

Salesforce words a refusal as `[{"errorCode", "message"}]`; the code, not the status, says what it means.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from connectors.base import Clock
from connectors.dialect import Dialect, Headers, Refusal, words
from connectors.errors import (
    ConnectorError,
    Misconfigured,
    ProtocolChanged,
    RateLimited,
    Unauthorized,
    Unavailable,
)
from connectors.http import Answer, Expect, Http
from connectors.salesforce.kinds import Entity
from connectors.salesforce.objects import Column, described
from connectors.salesforce.soql import any_of, both, chunks_of_values, select

Row = dict[str, Any]

_DESCRIBE_KEPT = timedelta(minutes=10)
# Seconds: longer than anybody's patience, since only the calls of yesterday falling free help.
_DAY_IS_USED_UP = 3600.0
_USAGE = re.compile(r"api-usage=(\d+)/(\d+)")
# Pages of 2,000 are the most that a query gives (https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/
# api_rest/headers_queryoptions.htm).
_PAGES = {"Sforce-Query-Options": "batchSize=2000"}


class FieldMissing(Misconfigured):
    """A query named a field that the object lacks, or that the user may not see."""


class LocatorLost(Misconfigured):
    """A query's pages are no longer kept: they live for two days, and an org keeps few at a time."""


class HardDeleteForbidden(Misconfigured):
    """The user lacks the permission "Bulk API Hard Delete"."""


def allowance(headers: Headers) -> tuple[int, int] | None:
    """`Sforce-Limit-Info: api-usage=18/5000`: calls of the last 24 hours, for all the org's integrations together."""
    found = _USAGE.search(headers.get("sforce-limit-info", ""))
    return (int(found[1]), int(found[2])) if found else None


def classify(refusal: Refusal) -> ConnectorError | None:
    """https://developer.salesforce.com/docs/atlas.en-us.api_rest.meta/api_rest/errorcodes.htm"""
    code = error_code(refusal.json)
    said = f"Salesforce answered {refusal.what} {refusal.status}: {refusal.text} ({code})"
    match code:
        case "REQUEST_LIMIT_EXCEEDED" if "concurrent" in refusal.text.lower():
            return RateLimited(said, hint="Too many long requests run at once in this org.")
        case "REQUEST_LIMIT_EXCEEDED":
            return RateLimited(
                said,
                retry_after=_DAY_IS_USED_UP,
                hint="The org's API calls of the last 24 hours are used up, by all integrations together: the next "
                "runs go on as they fall free. See Setup > Company Information > API Requests, Last 24 Hours.",
            )
        case "INVALID_FIELD":
            return FieldMissing(
                said, hint="Create the field, or give the integration user access to it (field-level security)."
            )
        case "NOT_FOUND" if "external id field" in refusal.text.lower():
            return FieldMissing(said, hint="The field must exist on the object and be marked External ID.")
        case "INVALID_QUERY_LOCATOR":
            return LocatorLost(said)
        case "QUERY_TIMEOUT":
            return Unavailable(said, sent=False, hint="The org is slow; nothing is lost, the next run goes on.")
        case "FEATURENOTENABLED":
            return HardDeleteForbidden(said, hint="Give the integration user the permission Bulk API Hard Delete.")
        case "API_DISABLED_FOR_ORG" | "API_CURRENTLY_DISABLED":
            return Misconfigured(said, hint="The org's edition has no API access, or it is switched off.")
        case "INSUFFICIENT_ACCESS" | "INSUFFICIENT_ACCESS_OR_READONLY" | "FUNCTIONALITY_NOT_ENABLED":
            return Unauthorized(said, hint="Give the integration user the permission for this (see its profile).")
        case "INVALID_TYPE":
            return Misconfigured(said, hint="Give the integration user access to this object (object permissions).")
        case _:
            return None


def page_of(body: Row) -> Row:
    """A page of a query, its records known to be records. Raises ProtocolChanged."""
    records = body["records"]
    if not isinstance(records, list) or not all(isinstance(row, dict) for row in records):
        raise ProtocolChanged("Salesforce answered a query with records in a shape that we do not know.")
    return body


def error_code(body: Any) -> str:
    """The errorCode of a refusal's body, "" where it has none."""
    first = body[0] if isinstance(body, list) and body else body
    code = first.get("errorCode") or first.get("error") if isinstance(first, dict) else None
    return code if isinstance(code, str) else ""


def classified(answer: Answer, what: str) -> ConnectorError:
    """The error of a refusal that the caller had accepted, and cannot make sense of either."""
    refusal = Refusal(answer.status, answer.headers, answer.json, words(answer.json, ""), what)
    said = f"Salesforce answered {what} {answer.status}: {refusal.text} ({error_code(answer.json)})"
    return classify(refusal) or Misconfigured(said)


DIALECT = Dialect(vendor="Salesforce", classify=classify, allowance=allowance)


class Org:
    """Calls by path below /services/data/vXX.0."""

    def __init__(self, http: Http, api_version: str, clock: Clock) -> None:
        self.http = http
        self.base = f"/services/data/v{api_version}"
        self._clock = clock
        self._described: dict[Entity, tuple[datetime, dict[str, Column]]] = {}

    async def call(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        expect: Expect = dict,
        accept: Collection[int] = (),
        idempotent: bool | None = None,
        rejects: bool = False,
    ) -> Answer:
        """One call. Raises what `Http.request` raises."""
        return await self.http.request(
            method,
            path if path.startswith("/services/") else self.base + path,
            params=params,
            json=json,
            content=content,
            headers=headers,
            expect=expect,
            accept=accept,
            idempotent=idempotent,
            rejects=rejects,
        )

    async def query(self, statement: str, *, deleted: bool = False) -> Row:
        """The first page of a query; with `deleted`, of the recycle bin too (queryAll)."""
        resource = "/queryAll" if deleted else "/query"
        answer = await self.call("GET", resource, params={"q": statement}, headers=_PAGES, expect=("records",))
        return page_of(answer.json)

    async def more(self, page: Mapping[str, Any]) -> Row | None:
        """The page after this one (queryMore), None after the last. Raises LocatorLost."""
        following = page.get("nextRecordsUrl")
        if not following:
            return None
        answer = await self.call("GET", str(following), headers=_PAGES, expect=("records",))
        return page_of(answer.json)

    async def count(self, statement: str) -> int:
        """What a SELECT COUNT() tells."""
        answer = await self.call("GET", "/query", params={"q": statement}, expect=("totalSize",))
        return int(answer.json["totalSize"])

    async def rows_with(
        self,
        entity: Entity,
        fields: Sequence[str],
        field: str,
        values: Sequence[str],
        *,
        deleted: bool = False,
        only: str = "",
    ) -> list[Row]:
        """Every row whose `field` has one of the values (and that is among `only`), in as few calls as addresses
        allow."""
        bare = select(fields, entity, both(any_of(field, []), only))
        rows: list[Row] = []
        for chunk in chunks_of_values(bare, values):
            statement = select(fields, entity, both(any_of(field, chunk), only))
            page: Row | None = await self.query(statement, deleted=deleted)
            while page is not None:
                rows += page["records"]
                page = await self.more(page)
        return rows

    async def widen(
        self, entity: Entity, rows: Sequence[Row], chunks: Sequence[Sequence[str]], *, deleted: bool = False
    ) -> None:
        """Put the fields that did not fit into the address of `rows`' own query into them, joined by Id.

        A row that went away in between keeps them absent, which changes nothing; one that changed comes again.
        """
        if not chunks:
            return
        by_id = {row["Id"]: row for row in rows}
        for chunk in chunks:
            for more in await self.rows_with(entity, ["Id", *chunk], "Id", list(by_id), deleted=deleted):
                by_id[more["Id"]].update(more)

    async def describe(self, entity: Entity, *, fresh: bool = False) -> dict[str, Column]:
        """The object's columns, by its own names; kept for ten minutes. Raises Misconfigured where it is hidden."""
        at, columns = self._described.get(entity, (None, {}))
        if fresh or at is None or self._clock() - at > _DESCRIBE_KEPT:
            answer = await self.call("GET", f"/sobjects/{entity}/describe", expect=("fields",))
            columns = described(answer.json)
            self._described[entity] = (self._clock(), columns)
        return columns

    def known(self, entity: Entity) -> dict[str, Column] | None:
        """The object's columns, where they were asked for lately."""
        at, columns = self._described.get(entity, (None, {}))
        return columns if at is not None and self._clock() - at <= _DESCRIBE_KEPT else None


def path_of(*parts: str) -> str:
    """A path with every part escaped."""
    return "/" + "/".join(quote(part, safe="") for part in parts)
