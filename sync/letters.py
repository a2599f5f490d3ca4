"""What a system has refused, as a question for a person. Pure.

Invariant: the letter names the very write, so that it is not tried again as long as nothing in it changes.
"""

from __future__ import annotations

from typing import Any

from connectors.errors import Reject
from state.records import Review, WriteRow
from sync.context import Context
from sync.plan import fingerprint


def described(error: Reject | None) -> dict[str, Any]:
    if error is None:
        return {"code": "rejected", "message": "The system refused the record and gave no reason."}
    return {"code": error.code, "message": error.message, "hint": error.hint, "remote": error.field}


def dead_letter(ctx: Context, system: str, row: WriteRow, problems: list[dict[str, Any]]) -> Review:
    detail = {"operation": row.operation, "fields": row.fields, "problems": problems, "write": fingerprint(row)}
    subject = ctx.subject(system, row.hub_id)
    return Review("dead_letter", subject, detail, row.hub_id, system, row.remote_id, record_kind=ctx.kind)
