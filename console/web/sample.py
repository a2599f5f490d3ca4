"""One record, seen through the draft: what the system shows, what that is to the shared record, what would be written back.

The record is read by a job, once; translated anew each time, so that a change of the draft shows at once. Invariant: nothing
is written, neither to a system nor to the state. It is for admins alone: it is one person's data.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

from fastapi import APIRouter, Form
from fastapi.responses import Response

from console.failures import Failure, failure_of
from console.lookup import spelled_address
from console.names import name_of
from console.translated import Both, inward, outward
from console.web.draft import Files, draft_of, field_in_words, rules_of
from console.web.jobs import Job
from console.web.page import Admin, Page, Refused
from console.web.schema import known, published_systems, schema_of
from mapping.fields import KINDS, Fields, Kind, place
from mapping.mapper import Mapper
from mapping.problems import ConfigErrors
from mapping.rules import Rules
from state.history import History, shown_fields
from state.picking import any_one
from state.records import Hub
from state.store import Store
from sync.match import match_keys
from sync.references import ids_in

router = APIRouter()
KIND = "record"
MOST = 8
"""Records that a search shows."""


@router.get("/mapping/{system}/sample")
def sample(page: Admin, system: str, kind: str = "lead", q: str = "", job: str = "") -> Response:
    files = draft_of(page)
    known(page, files, system)
    of = _kind(kind)
    rules, broken = _rules(page, files)
    reading = _reading(page, system, job)
    of = reading.arguments["of"] if reading else of
    mapper = rules.of(of).mappers.get(system) if rules and of in rules.kinds else None
    told: dict[str, Any] = {"there": None, "back": None, "hub": None}
    if reading is not None and reading.result is not None and reading.result["fields"] is not None and mapper:
        told = _translated(page, files, system, of, mapper, reading.result)
    kinds = [one for one in rules.kinds if system in rules.of(one).mappers] if rules else []
    return page.show(
        "sample.html", system=system, kind=of, kinds=kinds, q=q, job=reading, broken=broken, mapper=mapper,
        found=_search(page, system, of, q) if q else None, **told,
    )  # fmt: skip


@router.post("/mapping/{system}/sample")
def read(page: Admin, system: str, kind: Annotated[str, Form()] = "lead", id: Annotated[str, Form()] = "") -> Response:
    """`id`: which record; any one where it is empty."""
    files = draft_of(page)
    known(page, files, system)
    of = _kind(kind)
    if not id:
        with page.site.reading() as store:
            id = any_one(store.of(of), system, random.random()) or ""
    if not id:
        return page.go(f"/mapping/{system}/sample?kind={of}", page.words("sample.nobody"), "warn")
    fields = _fields(page, files, system, of)
    more = {} if system in published_systems(page.site) else {"files": files}
    job = page.site.jobs.start(KIND, page.by, system=system, of=of, id=id, fields=fields, **more)
    page.note("mapping-sample", f"{place(system, of)}:{id}")
    return page.go(f"/mapping/{system}/sample?job={job.id}")


def _kind(asked: str) -> Kind:
    return next((kind for kind in KINDS if kind == asked), "lead")


def _rules(page: Page, files: Files) -> tuple[Rules | None, Failure | None]:
    try:
        return rules_of(files), None
    except ConfigErrors as errors:
        return None, failure_of(errors, page.site.folder)


def _reading(page: Page, system: str, id_: str) -> Job | None:
    if not id_:
        return None
    job = page.site.jobs.get(id_)
    if job is None or job.kind != KIND or job.arguments["system"] != system:
        raise Refused(404, "sample.gone")
    return job


def _fields(page: Page, files: Files, system: str, kind: Kind) -> list[str]:
    """All that the system has, so that whatever the draft comes to map is there; what is mapped, where that is not known."""
    schema = schema_of(page.site, system, page.by, files)
    if schema is not None and kind in schema.kinds and schema.kinds[kind].fields:
        return [field.remote.name for field in schema.kinds[kind].fields]
    rules, _ = _rules(page, files)
    mapper = rules.of(kind).mappers.get(system) if rules is not None and kind in rules.kinds else None
    return sorted({m.remote for m in mapper.maps.values()} | set(mapper.remote_fields)) if mapper else []


# -- whom one may mean ------------------------------------------------------------------------------------------------


def _search(page: Page, system: str, kind: Kind, asked: str) -> list[dict[str, str]]:
    """By the record's id in the system, by what records are matched by (an e-mail address, a domain), or by our own id: all
    of them found by an index, however many records there are."""
    asked = asked.strip()
    rules = page.site.opened.rules
    with page.site.reading() as store:
        of = store.of(kind)
        hubs = {one.hub_id for one in of.known(system, [asked]).values()}
        mappers = rules.of(kind).mappers.values() if kind in rules.kinds else ()
        names = {entry[0] for mapper in mappers for entry in mapper.match if len(entry) == 1}
        value = spelled_address(page.site.opened, asked) if "@" in asked else asked
        keys = [key for name in names for _, key in match_keys({name: value}, ((name,),), kind)]
        with History(store) as history:
            hubs |= set(history.holders(keys)) if keys else set()
            hubs |= set(history.find_leads(asked.lower())) if len(asked) >= 8 and asked.isalnum() else set()
        found = [hub for hub in of.hubs(hubs).values() if hub.kind == kind and system in hub.links]
    return [{"who": name_of(hub), "id": hub.links[system].remote_id} for hub in found[:MOST]]


# -- both ways --------------------------------------------------------------------------------------------------------


def _translated(
    page: Page, files: Files, system: str, kind: Kind, mapper: Mapper, read: Mapping[str, Any]
) -> dict[str, Any]:
    remote: Mapping[str, Any] = read["fields"]
    with page.site.reading() as store:
        links = store.of(kind).known(system, [read["id"]])
        hub_id = next((one.hub_id for one in links.values()), "")
        hub: Hub | None = store.hubs([hub_id]).get(hub_id) if hub_id else None
        held: Fields = dict(shown_fields(hub)) if hub else {}
        there = [_inward(page, files, store, system, kind, one) for one in inward(mapper, remote)]
        back = [_outward(page, files, store, system, kind, one) for one in outward(mapper, held, remote)] if hub else []
    return {"there": there, "back": back, "hub": name_of(hub) if hub else None}


def _line(page: Page, files: Files, kind: Kind, one: Both) -> dict[str, Any]:
    return {**one._asdict(), "called": field_in_words(page, files, kind, one.field), "remote": one.map.remote}


def _inward(page: Page, files: Files, store: Store, system: str, kind: Kind, one: Both) -> dict[str, Any]:
    line = _line(page, files, kind, one)
    if one.verdict == "reference" and one.map.refers:
        ids = ids_in(one.value)
        hubs = {remote: link.hub_id for remote, link in store.of(one.map.refers).known(system, ids).items()}
        names = _names(store, list(hubs.values()))
        line["value"] = [names.get(hubs.get(id_, ""), page.words("sample.not_known")) for id_ in ids]
    return line


def _outward(page: Page, files: Files, store: Store, system: str, kind: Kind, one: Both) -> dict[str, Any]:
    line = _line(page, files, kind, one)
    if one.verdict == "reference" and one.map.refers:
        ids = ids_in(one.value)
        names, there = _names(store, ids), store.of(one.map.refers).names_of(system, ids)
        line["value"] = [names.get(id_, id_) for id_ in ids]
        line["written"] = sorted(there[id_] for id_ in ids if id_ in there)
        shown = sorted(ids_in(one.shown) if isinstance(one.shown, list) else [str(one.shown)] if one.shown else [])
        line["verdict"] = "in_line" if shown == line["written"] else "differs"
    return line


def _names(store: Store, ids: Sequence[str]) -> dict[str, str]:
    return {hub.id: name_of(hub) for hub in store.hubs(ids).values()} if ids else {}
