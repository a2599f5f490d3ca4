"""SOQL, built and escaped. Pure: no network, no objects, no field meanings.

Every value passes `literal`, every name passes `name`: nothing that comes from a record or an admin's file can change
what a statement asks. Statements are cut so that the address stays under the vendor's limit for URI and headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

from connectors.errors import Misconfigured

# URI and headers together may take 16,384 bytes (https://github.com/estuary/connectors/pull/2519). A JWT-shaped access
# token takes up to 2,000 of them; the rest of the difference is path, host and other headers.
QUERY_ROOM = 12_000

# https://developer.salesforce.com/docs/atlas.en-us.soql_sosl.meta/soql_sosl/sforce_api_calls_soql_select_quotedstringescapes.htm
_ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
)
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(\.[A-Za-z][A-Za-z0-9_]*)*", re.ASCII)


# Lower than the id of any row: a place at the beginning of its timestamp.
LOWEST_ID = "000000000000000AAA"


class Place(NamedTuple):
    """The last row read of one object: the next one is after it in the order (SystemModstamp, Id)."""

    stamp: str
    id: str


def literal(value: str) -> str:
    """A quoted string literal."""
    return "'" + value.translate(_ESCAPES) + "'"


def askable(value: str) -> bool:
    """False for text that no stored value can equal and no request can carry: empty, NUL, a lone surrogate."""
    return bool(value) and "\0" not in value and not any("\ud800" <= c <= "\udfff" for c in value)


def name(field: str) -> str:
    """A field name, checked. Raises Misconfigured for anything that is not one."""
    if not _NAME.fullmatch(field):
        raise Misconfigured(
            f"{field[:80]!r} cannot be the name of a Salesforce field.",
            hint="Use the API name from Setup > Object Manager > Fields, such as LastName or Score__c.",
        )
    return field


def moment(at: datetime) -> str:
    """A datetime literal, in UTC with milliseconds: SOQL takes them without quotes."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def stamp_time(stamp: str) -> datetime:
    """The time of a vendor's datetime: REST writes +0000, Bulk writes Z."""
    return datetime.fromisoformat(stamp)


def select(fields: Sequence[str], entity: str, where: str = "", order: bool = False) -> str:
    """SELECT over one object; `order` gives the keyset order that `after` continues."""
    parts = ["SELECT", ",".join(map(name, fields)), "FROM", name(entity)]
    if where:
        parts += ["WHERE", where]
    if order:
        parts.append("ORDER BY SystemModstamp,Id")
    return " ".join(parts)


def count(entity: str, where: str = "") -> str:
    return " ".join(("SELECT COUNT() FROM", name(entity), *(("WHERE", where) if where else ())))


def both(one: str, other: str) -> str:
    """Two conditions, either of which may be ""."""
    return f"({one}) AND ({other})" if one and other else one or other


def since(at: datetime) -> str:
    """Rows at or after a time: `>=`, because rows that share the newest timestamp may appear later."""
    return f"SystemModstamp >= {moment(at)}"


def after(place: Place) -> str:
    """Rows after a row in (SystemModstamp, Id): thousands of rows with one timestamp are neither lost nor repeated."""
    stamp = moment(stamp_time(place.stamp))
    return f"(SystemModstamp > {stamp}) OR (SystemModstamp = {stamp} AND Id > {literal(place.id)})"


def any_of(field: str, values: Sequence[str]) -> str:
    return f"{name(field)} IN ({','.join(map(literal, values))})"


def encoded_length(statement: str) -> int:
    return len(quote(statement, safe=""))


def chunks_of_fields(fields: Sequence[str], room: int = QUERY_ROOM // 2) -> list[list[str]]:
    """Fields cut into groups whose names fit an address with `room` bytes for them; at least one group."""
    chunks: list[list[str]] = [[]]
    used = 0
    for field in fields:
        size = encoded_length(field + ",")
        if used + size > room and chunks[-1]:
            chunks.append([])
            used = 0
        chunks[-1].append(field)
        used += size
    return chunks


def chunks_of_values(statement: str, values: Sequence[str], most: int = 1_000) -> Iterator[list[str]]:
    """Values cut into groups of at most `most` that fit behind `statement` in one address.

    A value too long for any address gets a group of its own: the vendor then says so, for that value alone.
    """
    room = QUERY_ROOM - encoded_length(statement)
    chunk: list[str] = []
    used = 0
    for value in values:
        size = encoded_length(literal(value) + ",")
        if chunk and (used + size > room or len(chunk) == most):
            yield chunk
            chunk, used = [], 0
        chunk.append(value)
        used += size
    if chunk:
        yield chunk
