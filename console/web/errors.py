"""The codes that runs, plans and jobs show, with what each means and what to do: docs/errors.md in the reader's language."""

from __future__ import annotations

from fastapi import APIRouter
from fastapi.responses import Response

from console.web.page import Viewer

router = APIRouter()
CODES = (
    "unauthorized", "rate-limited", "unavailable", "retry", "protocol-changed", "stop", "connector", "misconfigured",
    "invalid-value", "record-gone", "duplicate-record", "record-changed", "rejected",
    "guard-first", "guard-rules", "guard-creates", "guard-changes", "guard-blanks", "guard-deletes", "guard-archives",
    "guard-merges", "guard-empty", "guard-canary", "guard-errors", "guard-revert",
    "busy", "interrupted", "plan-outdated", "choice-changed", "no-plan", "no-run", "config", "job-died", "internal", "file",
    "database-busy", "database-unreachable", "database-refused", "database-full", "database-damaged", "database-newer",
    "database",
)  # fmt: skip
"""Each has two texts in `locale/*/errors.yaml`: what happened, and (with _do) what to do."""


@router.get("/errors")
def show(page: Viewer) -> Response:
    words = page.words
    rows = [
        (code, words(f"errors.{key}"), words(f"errors.{key}_do")) for code in CODES for key in [code.replace("-", "_")]
    ]
    return page.show("errors.html", rows=rows)
