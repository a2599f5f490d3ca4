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
from state.bulk import Row
from state.records import Known, Lead, Link, Review, Side, WriteRow

LEAD = ("id", "fields", "origin", "stage", "touched", "dirty", "merged_into")
LINK = ("lead_id", "system", "remote_id", "state", "mapping", "digest", "base_remote", "base_hub", "seen", "seen_at")
CHANGE = ("lead_id", "run_id", "at", "kind", "system", "detail")
STAGE_EVENT = ("lead_id", "run_id", "at", "old", "new", "system", "reason", "evidence")
"""Columns, in the order of the rows made here."""

KNOWN = sa.select(*(t.link.c[name] for name in Known._fields))
CANDIDATES = sa.select(t.match_key.c.hash, t.match_key.c.lead_id)
LEADS = sa.select(*(t.lead.c[name] for name in LEAD if name != "stage")).order_by(t.lead.c.id)
LINKS = sa.select(*(t.link.c[name] for name in (*LINK, "n")))
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


def lead_row(lead: Lead) -> Row:
    return (
        lead.id,
        dumps(lead.fields),
        dumps(lead.origin),
        lead.fields.get("stage"),
        int(lead.touched),
        int(lead.dirty),
        lead.merged_into,
    )


def lead_of(row: Row) -> Lead:
    id_, fields, origin, touched, dirty, merged_into = row
    return Lead(id_, loads(fields), loads(origin), bool(touched), bool(dirty), merged_into)


def link_row(link: Link, at: Write) -> Row:
    side = link.side
    return (
        link.lead_id,
        link.system,
        link.remote_id,
        link.state,
        link.mapping,
        link.digest,
        dumps(side.base_remote),
        "{}" if side.base_hub == side.base_remote else dumps(_differences(side.base_hub, side.base_remote)),
        dumps(side.seen) if side.seen else None,
        at(side.seen_at),
    )


def link_of(row: Row, at: Read) -> Link:
    lead_id, system, remote_id, state, mapping, digest, remote, hub, seen, seen_at, n = row
    base = loads(remote)
    side = Side(base, {**base, **loads(hub)}, loads(seen) if seen else {}, at(seen_at))
    return Link(lead_id, system, remote_id, side, state, mapping, digest, n)


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
        change["lead_id"],
        change["run_id"],
        at(change["at"]),
        change["kind"],
        change["system"],
        None if detail is None else dumps(detail),
    )


def stage_event_row(event: dict[str, Any], at: Write) -> Row:
    return (
        event["lead_id"],
        event["run_id"],
        at(event["at"]),
        event["old"],
        event["new"],
        event["system"],
        event["reason"],
        event["evidence"],
    )


def write_row(row: WriteRow) -> dict[str, Any]:
    return {
        "run_id": row.run_id,
        "lead_id": row.lead_id,
        "system": row.system,
        "operation": row.operation,
        "remote_id": row.remote_id,
        "fields": dumps(row.fields),
        "state": row.state,
        "error": storable(row.error),
    }


def write_of(row: Any) -> WriteRow:
    fields = {name: (old, new) for name, (old, new) in loads(row.fields).items()}
    return WriteRow(
        row.run_id, row.lead_id, row.system, row.operation, row.remote_id, fields, row.state, row.error, row.id
    )


def review_of(row: Any) -> Review:
    resolution = loads(row.resolution) if row.resolution else None
    return Review(row.kind, row.subject, loads(row.detail), row.lead_id, row.system, row.remote_id, resolution, row.id)


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
