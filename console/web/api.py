"""The API for programs, /api/v1: what the commands answer with `--json`, page by page, and plans.

Who asks says so by a token; an error is `{"error": {"code", "message", "hint"}}`. The documents are made by the functions behind
the commands, so that both say the same. Described by /api/v1/openapi.json, and for people by /api (`api_guide`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Body, Path, Query
from fastapi.responses import Response

from console import browsing, explaining, lookup, plans, status
from console.failures import Refusal
from console.names import name_of
from console.reviews import document_of, names_of
from console.screen import jsonable
from console.web.api_shapes import ERRORS, Job, Listed, Plan, PlanAsked, Record, Review, Started, Status
from console.web.api_shapes import Run as RunShape
from console.web.page import OperatorProgram, Page, ViewerProgram
from console.web.records import direct
from console.web.site import READ
from mapping.fields import HIDDEN, Kind
from state.accounts import Role
from state.history import History, ReviewRow, Run, shown_fields
from state.listing import Listing
from state.plan_index import Filter
from state.records import Hub
from state.search import Question, Search
from state.store import Store

router = APIRouter(prefix="/api/v1", responses=ERRORS)

Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
LEADS_IN_A_PAGE = 100
BY_KIND: Mapping[str, Role] = dict.fromkeys(READ, "admin")
"""Who may see what came of a job, where that holds values out of a system as the system has them."""


def told(document: Any, code: int = 200) -> Response:
    """As `--json` writes it."""
    return Response(json.dumps(document, default=jsonable), code, media_type="application/json")


def listed(items: Sequence[Any], limit: int, mark: str) -> Response:
    """`next`: what to give as `after` for the next page; null on the last."""
    full = len(items) > limit
    return told({"items": items[:limit], "next": str(items[limit - 1][mark]) if full else None})


@router.get("/status", responses={200: {"model": Status}})
def how_it_stands(page: ViewerProgram) -> Response:
    """How the project stands: records, systems with their lag, open reviews, the last runs. As `smarketing status --json`."""
    opened, standing = page.site.opened, page.site.watch.counted()
    with page.site.history() as history:
        last = history.runs(10)
    agreed = status.agreed_of(opened, standing.clocks)
    document = status.document(opened, standing.counted, last)
    return told({**_bare(document), "counted_at": standing.at, "sla": asdict(agreed) if agreed else None})


@router.get("/records", responses={200: {"model": Listed}})
def records(
    page: ViewerProgram,
    q: Annotated[
        str,
        Query(
            description="An e-mail address, a domain, the beginnings of names, an id or its beginning, or system:id."
        ),
    ] = "",
    kind: Annotated[Kind, Query(description="Of which kind; only without `q`.")] = "lead",
    after: Annotated[str, Query(description="`next` of the page before.")] = "",
    limit: Limit = LEADS_IN_A_PAGE,
) -> Response:
    """Hub records by id, or those that `q` means."""
    with Listing(page.site.engine) as listing, page.site.reading() as store:
        ids = _meant(page, listing, store, q.strip(), limit) if q.strip() else listing.records(kind, after, limit + 1)
        hubs = store.hubs(ids)
    return listed([_brief(hubs[id_]) for id_ in ids if id_ in hubs], limit, "id")


@router.get("/records/{which}", responses={200: {"model": Record}})
def record(
    page: ViewerProgram,
    which: Annotated[str, Path(description="An id or its beginning, an e-mail address, or system:id.")],
) -> Response:
    """Why a record is what it is: every value with its source, its systems, its history. As `smarketing explain --json`."""
    opened = page.site.opened
    with page.site.history() as history, page.site.reading() as store:
        found = lookup.the_one(opened, _meant(page, history, store, which.strip(), 6), which)
        story = explaining.story(opened, history, store, found)
    return told(story.document())


@router.get("/reviews", responses={200: {"model": Listed}})
def reviews(
    page: ViewerProgram,
    kind: Annotated[
        Literal["conflict", "match", "duplicate", "bad_value", "dead_letter", "owner", "guard"] | None,
        Query(description="All kinds where it is not said."),
    ] = None,
    after: Annotated[int, Query(ge=0, le=2**63 - 1, description="`next` of the page before.")] = 0,
    limit: Limit = 100,
) -> Response:
    """Open questions for people, oldest first. As `smarketing review list --json`."""
    with Listing(page.site.engine) as listing:
        found = listing.reviews_after(kind, after, limit + 1)
    return listed(_documents(page, found), limit, "id")


@router.get("/reviews/{id}", responses={200: {"model": Review}})
def review(
    page: ViewerProgram, id: Annotated[int, Path(ge=0, le=2**63 - 1, description="As the list says.")]
) -> Response:
    """One question in full, also one that is closed."""
    with page.site.history() as history:
        found = history.reviews_by_id([id])
    if id not in found:
        raise Refusal("no-review", f"There is no review {id}.", "GET /api/v1/reviews")
    return told(_documents(page, [found[id]])[0])


@router.get("/runs", responses={200: {"model": Listed}})
def runs(
    page: ViewerProgram,
    after: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    limit: Limit = 50,
) -> Response:
    """What was run, newest first."""
    with Listing(page.site.engine) as listing:
        found = listing.runs_before(after, limit + 1)
    return listed([_run(run) for run in found], limit, "id")


@router.get("/runs/{which}", responses={200: {"model": RunShape}})
def run(page: ViewerProgram, which: Annotated[str, Path(description="An id, or how it begins or ends.")]) -> Response:
    """One run with its report."""
    with page.site.history() as history:
        found = history.runs_named(which, 2)
    if len(found) != 1:
        raise Refusal(
            "no-run", f"{'No run' if not found else 'More than one run'} is called {which!r}.", "GET /api/v1/runs"
        )
    return told(_run(found[0]))


@router.get("/plans", responses={200: {"model": Listed}})
def kept_plans(
    page: ViewerProgram,
    after: Annotated[str, Query(description="`next` of the page before.")] = "",
    limit: Limit = 50,
) -> Response:
    """Plans that are kept, newest first."""
    files = sorted((page.site.folder / plans.FOLDER).glob("*.json"), reverse=True)
    some = [file for file in files if not after or file.stem < after][: limit + 1]
    items = [
        {"id": file.stem, "kept_at": datetime.fromtimestamp(file.stat().st_mtime, UTC), "bytes": file.stat().st_size}
        for file in some
    ]
    return listed(items, limit, "id")


@router.post("/plans", status_code=202, responses={202: {"model": Started}})
def make_plan(page: OperatorProgram, asked: Annotated[PlanAsked, Body()]) -> Response:
    """Make a plan: a job that reads the systems and writes nothing to them. Its result names the plan."""
    known = page.site.opened.project.config.systems
    for name in asked.systems or ():
        if name not in known:
            raise Refusal("usage", f"There is no system called {name!r}.", f"Systems: {', '.join(known)}.")
    job = page.site.jobs.start("plan", page.by, systems=asked.systems, full=asked.full)
    page.note("plan-asked", job.id)
    return told({"job": job.id}, 202)


@router.get("/plans/{which}", responses={200: {"model": Plan}})
def plan(
    page: ViewerProgram,
    which: Annotated[str, Path(pattern=r"^(last|[0-9]{8}-[0-9]{6}-[0-9a-f]{4})$", description='An id, or "last".')],
    after: Annotated[int, Query(ge=0, description="`next` of the page before: how many writes to pass over.")] = 0,
    limit: Limit = 100,
) -> Response:
    """A plan with the reason for every change; its writes page by page. What a value refers to is told by its name."""
    folder = page.site.folder
    id_ = plans.named(which, folder).stem
    index = browsing.index_of(folder, id_) or browsing.indexed(folder, id_)
    found = index.page(Filter(), after - 1, limit)
    head = {name: value for name, value in index.head.items() if name != "source"}
    rest = after + limit
    writes = [row.body for row in found.rows]
    return told({**head, "writes": writes, "next": str(rest) if found.next is not None else None})


@router.get("/jobs/{id}", responses={200: {"model": Job}})
def job(page: ViewerProgram, id: Annotated[str, Path(description="As the call that began it said.")]) -> Response:
    """How far a job is. Jobs are remembered by the process that began them, for a while after their end."""
    found = page.site.jobs.get(id)
    if found is None:
        raise Refusal("no-job", f"There is no job {id!r}.", "Jobs are forgotten when the console is started anew.")
    steps = [{"phase": phase, "place": place, "count": count} for (phase, place), count in found.steps.items()]
    result = found.result if page.visitor and page.visitor.may(BY_KIND.get(found.kind, "viewer")) else None
    return told({
        "id": found.id, "kind": found.kind, "by": found.by, "started": found.started, "ended": found.ended,
        "steps": steps, "result": result, "failure": found.failure,
    })  # fmt: skip


def _meant(page: Page, history: History, store: Store, text: str, most: int) -> list[str]:
    """Those that are known by this address or id; else who is called just so; else whoever has words that begin so. As long as
    not all records are in the index of the search, as the commands do: by looking through all."""
    asked = Question(text[:200])
    with Search(page.site.engine) as search:
        if search.progress().phase != "follow":
            return lookup.matching(page.site.opened, history, text)[:most]
        found = direct(page, store, asked) or search.find(asked, most).ids
    if len(found) < 2:
        return found[:most]
    said = text.casefold()
    hubs = store.hubs(found)
    found = [id_ for id_ in found if id_ in hubs]
    exact = [id_ for id_ in found if said in {str(hubs[id_].fields.get(key)).casefold() for key in ("name", "domain")}]
    return (exact or found)[:most]


def _bare(document: Mapping[str, Any]) -> dict[str, Any]:
    """Without what only a command has to say."""
    return {name: value for name, value in document.items() if name not in ("ok", "exit")}


def _brief(hub: Hub) -> dict[str, Any]:
    fields = {name: value for name, value in shown_fields(hub).items() if name not in HIDDEN}
    return {
        "id": hub.id, "kind": hub.kind, "name": name_of(hub), "stage": fields.get("stage"), "fields": fields,
        "systems": {name: {"id": link.remote_id, "state": link.state} for name, link in sorted(hub.links.items())},
    }  # fmt: skip


def _documents(page: Page, found: Sequence[ReviewRow]) -> list[dict[str, Any]]:
    with page.site.reading() as store:
        names = names_of(store, found)
    return [document_of(one, names) for one in found]


def _run(run: Run) -> dict[str, Any]:
    return {
        "id": run.id, "kind": run.kind, "started": run.started, "ended": run.ended, "outcome": status.outcome(run),
        "report": run.report,
    }  # fmt: skip
