"""What a system has refused, as a question for a person. Effects: reads the store.

Invariant: the letter names the very write, down to the ids by which it refers to other records there, so that it is not
tried again as long as nothing in it changes.
"""

from __future__ import annotations

from typing import Any

from connectors.errors import Reject
from state.records import Review, WriteRow
from sync import references
from sync.context import Context
from sync.plan import fingerprint


def described(error: Reject | None) -> dict[str, Any]:
    if error is None:
        return {"code": "rejected", "message": "The system refused the record and gave no reason."}
    return {"code": error.code, "message": error.message, "hint": error.hint, "remote": error.field}


def dead_letter(ctx: Context, system: str, row: WriteRow, problems: list[dict[str, Any]]) -> Review:
    named = references.named(ctx.store, ctx.rules, system, row)
    detail: dict[str, Any] = {"operation": row.operation, "fields": row.fields, "problems": problems}
    detail |= {"write": fingerprint(row), **({"named": named} if named else {})}
    subject = ctx.subject(system, row.hub_id)
    return Review("dead_letter", subject, detail, row.hub_id, system, row.remote_id, record_kind=ctx.kind)
