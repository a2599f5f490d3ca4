"""What is sent of a list that somebody has left, so that nobody who leaves another one meanwhile is put back on it.

Most systems take such a field only as a whole. Where the system can be told who joins alone, that is what is sent;
elsewhere the records are looked at once more, right before the write, and what has been added by then is kept.
Effects: one look at the records of a batch that holds such a list, and none at others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from connectors.base import Key, Members, Record, Write
from mapping.mapper import Mapper
from state.records import WriteRow
from sync.consent import members
from sync.context import Context

Sent = list[tuple[WriteRow, Write]]


def lists_in(mapper: Mapper, row: WriteRow) -> list[str]:
    """The fields of a write that hold what somebody has opted out of, one by one."""
    if row.operation != "update":
        return []
    return [n for n, pair in row.fields.items() if n in mapper.consent and any(isinstance(v, list) for v in pair)]


async def beside(ctx: Context, system: str, sent: Sequence[tuple[WriteRow, Write]]) -> Sent:
    """The writes, with the lists as they are to be sent. Raises ConnectorError."""
    mapper, connector = ctx.rules.mappers[system], ctx.connectors[system]
    found: dict[str, Record] = {}
    asked = [row for row, _ in sent if any(not _appends(ctx, system, row, name) for name in lists_in(mapper, row))]
    ids = sorted({row.remote_id for row in asked if row.remote_id})
    for start in range(0, len(ids), connector.can.find_batch):
        keys = [Key("id", id_) for id_ in ids[start : start + connector.can.find_batch]]
        for key, records in zip(keys, await connector.find(keys, mapper.remote_fields), strict=True):
            found.update((key.value, record) for record in records[:1])
    return [(row, _with_lists(ctx, system, row, write, found.get(row.remote_id or ""))) for row, write in sent]


def _appends(ctx: Context, system: str, row: WriteRow, name: str) -> bool:
    old, new = row.fields[name]
    return ctx.connectors[system].can.appends and members(old) <= members(new)


def _with_lists(ctx: Context, system: str, row: WriteRow, write: Write, now: Record | None) -> Write:
    mapper = ctx.rules.mappers[system]
    fields: dict[str, Any] = dict(write.fields)
    shown = mapper.to_hub(now.fields)[0] if now else {}
    for name in lists_in(mapper, row):
        old, new = (members(value) for value in row.fields[name])
        m = mapper.maps[name]
        if _appends(ctx, system, row, name):
            words = [m.encode([member]) for member in sorted(new - old)]
            fields[m.remote] = Members(tuple(str(w[0] if isinstance(w, list) else w) for w in words))
        elif more := members(shown.get(name)) - (old - new) - new:
            fields[m.remote] = m.encode(sorted(new | more))
    return replace(write, fields=fields)
