"""What the draft would do, before it is published: started, followed, and looked at system by system and field by field.

The work itself is a job (`console.impact`). Invariant: nothing here publishes or writes anything; values of people are shown
to admins, counts to everybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Form
from fastapi.responses import Response

from console.names import in_order, in_words, split_place
from console.web.draft import draft_of, field_in_words, mark_of
from console.web.jobs import Job
from console.web.page import Admin, Page, Viewer

router = APIRouter()
KIND = "impact"
OPERATIONS = ("create", "update", "archive", "merge")
MOST = 12
"""Examples on a page; twice as many of a single system or field."""

ALWAYS = "guard-rules"
"""What the guard asks after every change of the configuration."""


@dataclass(frozen=True)
class Filter:
    """`place`: of one system and kind of record. `anyway`: also what would come without the draft."""

    job: str
    place: str = ""
    field: str = ""
    anyway: bool = False

    def url(self, **changes: Any) -> str:
        asked = {**self.__dict__, **changes}
        asked["anyway"] = "1" if asked["anyway"] else ""
        return f"/mapping/preview?{urlencode({k: v for k, v in asked.items() if v})}"


@router.get("/mapping/preview")
def preview(page: Viewer, job: str = "", place: str = "", field: str = "", anyway: bool = False) -> Response:
    found = _job(page, job)
    mine = draft_of(page)
    files = found.arguments["files"] if found else mine
    asked = Filter(found.id if found else "", place, field, anyway)
    values: dict[str, Any] = {
        "job": found, "asked": asked, "steps": _steps(found),
        "outdated": found is not None and found.by == page.by and mark_of(files) != mark_of(mine),
        "called": lambda kind, name: field_in_words(page, files, kind, name) or page.words("impact.record"),
    }  # fmt: skip
    if found is None or found.result is None or found.result["same"]:
        return page.show("impact.html", shown=None, **values)
    return page.show("impact.html", shown=_shown(page, found.result, asked), **values)


@router.post("/mapping/preview")
def start(page: Admin) -> Response:
    """One at a time: a preview that is under way is shown in place of another."""
    running = [job for job in page.site.jobs.running() if job.kind == KIND]
    if running:
        return page.go(f"/mapping/preview?job={running[0].id}", page.words("impact.under_way"), "warn")
    files = draft_of(page)
    job = page.site.jobs.start(KIND, page.by, files=files)
    page.note("mapping-preview", job.id, draft=mark_of(files))
    return page.go(f"/mapping/preview?job={job.id}")


@router.post("/mapping/preview/stop")
def stop(page: Admin, job: Annotated[str, Form()]) -> Response:
    found = page.site.jobs.get(job)
    if found is not None and found.kind == KIND:
        page.site.jobs.stop(job)
        page.note("mapping-preview-stopped", job)
    return page.go(f"/mapping/preview?job={job}")


def _job(page: Page, id_: str) -> Job | None:
    """The one that is asked for; else one's own newest; else anybody's."""
    if id_:
        found = page.site.jobs.get(id_)
        return found if found is not None and found.kind == KIND else None
    jobs = [job for job in page.site.jobs.all() if job.kind == KIND]
    return next((job for job in jobs if job.by == page.by), jobs[0] if jobs else None)


def _steps(job: Job | None) -> list[tuple[str, str, int]]:
    return [(phase, where, count) for (phase, where), count in (job.steps.items() if job else ())]


def _shown(page: Page, result: Mapping[str, Any], asked: Filter) -> dict[str, Any]:
    places = sorted(result["places"], key=lambda one: in_order(one["place"]))
    rows = [
        {
            **one, "system": split_place(one["place"])[0], "kind": split_place(one["place"])[1],
            "operations": {op: one["operations"].get(op, {"all": 0, "due": 0}) for op in OPERATIONS},
            "dropped": sum(one["no_more"].values()),
        }
        for one in places
    ]  # fmt: skip
    stops = sorted((stop for stop in result["stops"] if stop["code"] != ALWAYS), key=lambda stop: not stop["due"])
    return {
        "places": rows,
        "systems": sorted({row["system"] for row in rows}),
        "totals": {op: _sum(row["operations"][op] for row in rows) for op in OPERATIONS},
        "due": sum(row["operations"][op]["due"] for row in rows for op in OPERATIONS),
        "all": sum(row["operations"][op]["all"] for row in rows for op in OPERATIONS),
        "dropped": sum(row["dropped"] for row in rows),
        "fields": _fields(rows),
        "examples": _examples(result, asked) if page.visitor and page.visitor.may("admin") else None,
        "stops": stops, "asks": any(stop["code"] == ALWAYS for stop in result["stops"]),
        "errors": result["errors"],
        "new": result["new"], "shared": [_with_names(row, result["names"]) for row in result["shared"]],
        "conflicts": result["conflicts"],
        "questions": result["questions"], "questions_in_all": result["questions_in_all"],
        "read_anew": result["read_anew"], "seconds": result["seconds"],
    }  # fmt: skip


def _sum(counts: Any) -> dict[str, int]:
    counted = list(counts)
    return {key: sum(one[key] for one in counted) for key in ("all", "due")}


def _fields(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """By kind of record and shared field: what becomes of it in each system."""
    found: dict[tuple[int, str, str], dict[str, Any]] = {}
    for row in rows:
        for name in {*row["fields"], *row["fields_no_more"]}:
            entry = found.setdefault(
                (in_order(row["place"])[0], row["kind"], name), {"kind": row["kind"], "name": name, "in": {}}
            )
            counts = row["fields"].get(name, {"all": 0, "due": 0, "blanks": 0})
            share = counts["due"] / max(row["linked"], 1)
            entry["in"][row["system"]] = {
                **counts, "place": row["place"], "share": share, "no_more": row["fields_no_more"].get(name, 0),
            }  # fmt: skip
    return [
        entry for _, entry in sorted(found.items(), key=lambda one: (one[0][0], -_weight(one[1]), one[0][2]))
    ]  # fmt: skip


def _weight(entry: Mapping[str, Any]) -> int:
    return max((one["due"] + one["no_more"] for one in entry["in"].values()), default=0)


def _examples(result: Mapping[str, Any], asked: Filter) -> list[dict[str, Any]]:
    names: Mapping[str, str] = result["names"]
    found = []
    for one in result["examples"]:
        fields = {name: entry for name, entry in one["fields"].items() if not asked.field or name == asked.field}
        due = asked.field in one["due"] if asked.field else bool(one["due"])
        if (asked.place and one["place"] != asked.place) or not fields or not (due or asked.anyway):
            continue
        told = {
            name: {**entry, "old": in_words(entry["old"], names), "new": in_words(entry["new"], names)}
            for name, entry in fields.items()
        }
        system, kind = split_place(one["place"])
        found.append({**one, "fields": told, "system": system, "kind": kind})
    found.sort(key=lambda one: (in_order(one["place"]), OPERATIONS.index(one["operation"])))
    if asked.place or asked.field:
        return found[: 2 * MOST]
    return _spread(found)


def _spread(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Some of every place and operation, where not all fit."""
    groups: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for one in found:
        groups.setdefault((one["place"], one["operation"]), []).append(one)
    each = max(2, MOST // max(len(groups), 1))
    return [one for group in groups.values() for one in group[:each]]


def _with_names(row: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    told = [
        {**one, "old": in_words(one.get("old"), names), "new": in_words(one["new"], names)} for one in row["examples"]
    ]
    return {**row, "examples": told}
