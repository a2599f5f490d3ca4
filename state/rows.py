"""How the records of `records.py` lie in the rows of `tables.py`, and how they come back. No query, no effect.

Hub values and bases are JSON. `base_hub` is stored only where it differs from `base_remote`: mostly nowhere.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import orjson
import sqlalchemy as sa

from mapping.fields import Fields
from state import tables as t
from state.bulk import Lookup, Row
from state.records import Hub, Known, Link, Review, Side, WriteRow

HUB = ("id", "kind", "fields", "origin", "stage", "touched", "dirty", "merged_into")
LINK = (
    "hub_id", "system", "kind", "remote_id", "state", "mapping", "digest", "base_remote", "base_hub", "seen", "seen_at",
    "entered", "within",
)  # fmt: skip
CHANGE = ("hub_id", "run_id", "at", "kind", "system", "detail")
STAGE_EVENT = ("hub_id", "run_id", "at", "old", "new", "system", "reason", "evidence", "noted", "dated")
"""Columns, in the order of the rows made here."""

KNOWN = Lookup(
    sa.select(*(t.link.c[name] for name in Known._fields)).where(
        t.link.c.system == sa.bindparam("system"), t.link.c.kind == sa.bindparam("kind")
    ),
    t.link.c.remote_id,
)
CANDIDATES = Lookup(sa.select(t.match_key.c.hash, t.match_key.c.hub_id), t.match_key.c.hash)
HUBS = Lookup(sa.select(*(t.hub.c[name] for name in HUB if name != "stage")).order_by(t.hub.c.id), t.hub.c.id)
LINKS = Lookup(sa.select(*(t.link.c[name] for name in (*LINK, "n"))), t.link.c.hub_id)
WRITE = sa.select(*t.write.c)
REVIEW: sa.Select[Any] = sa.select(
    *(
        t.review.c[name]
        for name in (
            "kind",
            "subject",
            "detail",
            "hub_id",
            "system",
            "remote_id",
            "resolution",
            "id",
            "record_kind",
            "resolved_by",
            "closed_at",
        )
    )
)
STAGE_TIMES = Lookup(sa.select(t.stage_event.c.hub_id, t.stage_event.c.at), t.stage_event.c.hub_id)
REMOTE_IDS = Lookup(sa.select(t.link.c.remote_id), t.link.c.n)
"""What is read of them, in the order in which the functions below take it."""

Write = Callable[[datetime | None], Any]
Read = Callable[[Any], datetime | None]


def dumps(value: Any) -> str:
    try:
        return orjson.dumps(value).decode()
    except TypeError:  # half a character, a number past 64 bits: in a vendor's words about a value, never in a value
        return orjson.dumps(_mended(value)).decode()


def loads(text: str) -> Any:
    return orjson.loads(text)


def hub_row(hub: Hub) -> Row:
    return (
        hub.id,
        hub.kind,
        dumps(hub.fields),
        dumps(hub.origin),
        hub.fields.get("stage"),
        int(hub.touched),
        int(hub.dirty),
        hub.merged_into,
    )


def hub_of(row: Row) -> Hub:
    id_, kind, fields, origin, touched, dirty, merged_into = row
    return Hub(id_, loads(fields), loads(origin), bool(touched), bool(dirty), merged_into, kind)


def link_row(link: Link, at: Write) -> Row:
    side = link.side
    return (
        link.hub_id,
        link.system,
        link.kind,
        link.remote_id,
        link.state,
        link.mapping,
        link.digest,
        dumps(side.base_remote),
        "{}" if side.base_hub == side.base_remote else dumps(_differences(side.base_hub, side.base_remote)),
        dumps(side.seen) if side.seen else None,
        at(side.seen_at),
        dumps(side.entered) if side.entered else None,
        link.within,
    )


def link_of(row: Row, at: Read) -> Link:
    hub_id, system, kind, remote_id, state, mapping, digest, remote, hub, seen, seen_at, entered, within, n = row
    base = loads(remote)
    side = Side(
        base, {**base, **loads(hub)}, loads(seen) if seen else {}, at(seen_at), loads(entered) if entered else {}
    )
    return Link(hub_id, system, remote_id, side, state, mapping, digest, n, kind, within)


def repeated(at: Write) -> Write:
    """As `at`, quicker where the same object comes again and again: a batch has one time for all that it notes."""
    last: datetime | None = None
    stored: Any = at(None)

    def write(moment: datetime | None) -> Any:
        nonlocal last, stored
        if moment is not last:
            stored, last = at(moment), moment
        return stored

    return write


def change_row(change: dict[str, Any], at: Write) -> Row:
    detail = change["detail"]
    return (
        change["hub_id"],
        change["run_id"],
        at(change["at"]),
        change["kind"],
        change["system"],
        None if detail is None else dumps(detail),
    )


def stage_event_row(event: dict[str, Any], at: Write) -> Row:
    return (
        event["hub_id"],
        event["run_id"],
        at(event["at"]),
        event["old"],
        event["new"],
        event["system"],
        event["reason"],
        event["evidence"],
        at(event.get("noted")),
        event.get("dated", "run"),
    )


def write_row(row: WriteRow) -> dict[str, Any]:
    return {
        "run_id": row.run_id,
        "hub_id": row.hub_id,
        "system": row.system,
        "operation": row.operation,
        "remote_id": row.remote_id,
        "fields": dumps(row.fields),
        "state": row.state,
        "error": storable(row.error),
        "rank": row.rank,
        "kind": row.kind,
    }


def write_of(row: Row, at: Read) -> WriteRow:
    number, run_id, hub_id, system, kind, operation, remote_id, text, state, error, moment, rank = row
    fields = {name: (old, new) for name, (old, new) in loads(text).items()}
    return WriteRow(
        run_id, hub_id, system, operation, remote_id, fields, state, error, number, rank, kind, at(moment)
    )  # fmt: skip


def review_of(row: Row) -> Review:
    kind, subject, detail, hub_id, system, remote_id, resolution, number, record_kind, by, closed = row
    answer = loads(resolution) if resolution else None
    return Review(
        kind, subject, loads(detail), hub_id, system, remote_id, answer, number, record_kind, by, closed is None
    )


def storable(text: str | None) -> str | None:
    """Text that every database takes; what no encoding has is spelled out, NUL left out."""
    return text and text.encode("utf-8", "backslashreplace").decode().replace("\0", "")


def _mended(value: Any) -> Any:
    match value:
        case str():
            return storable(value)
        case dict():
            return {_mended(key): _mended(inner) for key, inner in value.items()}
        case list() | tuple():
            return [_mended(inner) for inner in value]
        case int() if abs(value) >= 2**63:
            return str(value)
    return value


def _differences(hub: Fields, remote: Fields) -> Fields:
    return {n: v for n, v in hub.items() if n not in remote or remote[n] != v}
