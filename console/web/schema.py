"""The fields that a system really has, with what stands in them: searched while one types, and which of them are mapped.

Invariant: a page shows what was read last and says when; reading is a job (`console.web.discovered`). Values of people are
shown to admins, how many there are to everybody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from fastapi import APIRouter
from fastapi.responses import Response

from console.schemas import Needed
from console.web.discovered import Field, Schema
from console.web.draft import Files, draft_of, field_in_words, understood
from console.web.marks import Mark, marks, needed, said
from console.web.page import Admin, Page, Refused, Viewer
from console.web.site import Site
from mapping.fields import KINDS, Kind, place

router = APIRouter()
SHOW = ("all", "mapped", "unmapped", "required", "doubtful")


def schema_of(site: Site, system: str, by: str, files: Files | None = None) -> Schema | None:
    """What is known of a system; None before it has been read for the first time. Where it never was, or a day ago, that is
    begun. `files`: a draft, which may have systems that are not published yet."""
    here = published_systems(site)
    site.schemas.keep_fresh(system, by, None if files is None or system in here else files)
    return site.schemas.get(system)


def published_systems(site: Site) -> Sequence[str]:
    return list(site.opened.project.config.systems)


@dataclass(frozen=True)
class Row:
    """`ours`: what it is mapped to. `marks`: what is doubtful about that, in words."""

    field: Field
    ours: tuple[tuple[str, Needed], ...]
    marks: tuple[tuple[str, str], ...]


@router.get("/mapping/{system}/fields")
def fields(page: Viewer, system: str, kind: str = "lead", q: str = "", show: str = "all") -> Response:
    files = draft_of(page)
    known(page, files, system)
    schema = schema_of(page.site, system, page.by, files)
    kinds = [one for one in KINDS if schema is not None and one in schema.kinds]
    of: Kind = next((one for one in kinds if one == kind), "lead")
    told = schema.kinds.get(of) if schema is not None else None
    rows = _rows(page, files, schema, of) if schema is not None else []
    shown = [row for row in rows if _matches(row, q) and _belongs(row, show)]
    return page.show(
        "schema.html",
        system=system, schema=schema, kinds=kinds, kind=of, rows=shown,
        counts={one: sum(_belongs(row, one) for row in rows) for one in SHOW}, q=q, show=show if show in SHOW else "all",
        job=page.site.schemas.last(system), url=lambda **changes: _url(system, {"kind": of, "q": q, "show": show, **changes}),
        problem=schema.errors.get(of) if schema is not None else None, records=told.records if told else 0,
    )  # fmt: skip


@router.post("/mapping/{system}/fields/refresh")
def refresh(page: Admin, system: str) -> Response:
    files = draft_of(page)
    known(page, files, system)
    page.site.schemas.refresh(system, page.by, None if system in published_systems(page.site) else files)
    page.note("schema-read", system)
    return page.go(f"/mapping/{system}/fields")


def known(page: Page, files: Files, system: str) -> None:
    """Raises Refused where neither the draft nor what is published has the system."""
    config = understood(files).config
    if not (config is not None and system in config.systems) and system not in published_systems(page.site):
        raise Refused(404, "schema.no_system", system=system)


def _rows(page: Page, files: Files, schema: Schema, kind: Kind) -> list[Row]:
    ours: dict[str, list[tuple[str, Needed]]] = {}
    for need in needed(files, schema.system, kind):
        name, _, stage = need.field.partition(".entered.")
        told = field_in_words(page, files, kind, name) if need.field else page.words("schema.our_id")
        ours.setdefault(need.remote, []).append((page.words("schema.entered", stage=stage) if stage else told, need))
    doubts: dict[str, list[tuple[str, str]]] = {}
    for mark in _of(marks(files, {schema.system: schema}), place(schema.system, kind)):
        doubts.setdefault(mark.remote, []).append((mark.severity, said(mark, page.words)))
    return [
        Row(field, tuple(ours.get(field.remote.name, ())), tuple(doubts.get(field.remote.name, ())))
        for field in (schema.kinds[kind].fields if kind in schema.kinds else ())
    ]


def _of(found: Sequence[Mark], where: str) -> list[Mark]:
    return [mark for mark in found if mark.place == where]


def _matches(row: Row, q: str) -> bool:
    """By its name, its label, a word of its list, or what it is mapped to."""
    text = " ".join(
        [row.field.remote.name, row.field.remote.label, *(label for _, label in row.field.remote.options)]
        + [f"{told} {need.field}" for told, need in row.ours]
    ).casefold()
    return all(word in text for word in q.casefold().split())


def _belongs(row: Row, show: str) -> bool:
    match show:
        case "mapped":
            return bool(row.ours)
        case "unmapped":
            return not row.ours
        case "required":
            return row.field.remote.required
        case "doubtful":
            return bool(row.marks)
    return True


def _url(system: str, asked: Mapping[str, Any]) -> str:
    given = {k: v for k, v in asked.items() if v and (k, v) not in (("kind", "lead"), ("show", "all"))}
    return f"/mapping/{system}/fields" + (f"?{urlencode(given)}" if given else "")
