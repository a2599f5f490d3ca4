"""One run: what it read, wrote and was refused, why it stopped and how to go on, every change that it made; and taking it back.

Not here: what can be taken back (`sync.revert`): a revert is a plan of the opposite, shown like any plan and carried out from
there. Invariant: the reason of a change is the one that held when the run made it, not what has happened since.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import Response

from console.names import in_order as by_kind
from console.names import in_words, name_of, names_in, split_place
from console.plans import Reasons, reason
from console.web.page import Operator, Page, Refused, Viewer
from console.web.runs import begin, lines
from console.web.writes import Line, field_called, in_order, line
from state.history import ChangeRow, History, Run, StageRow
from state.records import WriteRow
from state.run_history import Asked, Runs

router = APIRouter(prefix="/runs")
PAGE = 30
STATES = {"done": "good", "rejected": "bad", "unknown": "warn", "dropped": "", "planned": "", "sent": "warn"}


@dataclass(frozen=True)
class Place:
    """What a run did with one kind of record in one system; `counts` as `sync.context.Counts` has them."""

    system: str
    kind: str
    counts: Mapping[str, Any]


@dataclass(frozen=True)
class Written:
    """One write, as it is told."""

    row: WriteRow
    who: str
    tone: str
    lines: Sequence[Line]


@router.get("/{id}")
def show(
    page: Viewer, id: str, system: str = "", kind: str = "", operation: str = "", field: str = "", state: str = "",
    after: Annotated[int, Query(ge=0, le=2**63 - 1)] = 0,
) -> Response:  # fmt: skip
    site, runs = page.site, Runs(page.site.engine)
    run = _run(runs, id)
    [summary] = lines(page, [run])
    places = [Place(*split_place(where), counts) for where, counts in _places(run)]
    asked = Asked(system, kind, operation, field, state)
    found = runs.writes(id, asked, after, PAGE)
    asks = any(place.counts.get(name) for place in places for name in ("reviews", "rejected", "conflicts"))
    config = site.opened.project.config
    kinds = sorted({place.kind for place in places})
    return page.show(
        "run.html",
        query=urlencode({name: value for name, value in asdict(asked).items() if value}),
        run=run, summary=summary, places=places, asked=asked, after=after,
        later=runs.newer(id),
        total=_total(places),
        writes=_written(page, run, found.rows), next=found.next,
        problems=runs.problems(id) if asks else [],
        reviews=runs.reviews(id) if asks else [],
        job=next((job for job in site.jobs.all() if job.result and job.result.get("run") == id), None),
        pairs=[(name, name) for name in config.systems if any(place.system == name for place in places)],
        kinds=kinds,
        fields=_fields(page, kinds),
        revertible=run.outcome is not None and any(_total(places)[name] for name in ("created", "updated", "archived")),
    )  # fmt: skip


@router.post("/{id}/revert")
def revert(page: Operator, id: str) -> Response:
    """Plan the opposite; nothing is written by that."""
    _run(Runs(page.site.engine), id)
    return begin(page, "revert", run=id)


def _run(runs: Runs, id_: str) -> Run:
    run = runs.one(id_)
    if run is None:
        raise Refused(404, "runs.gone")
    return run


def _places(run: Run) -> list[tuple[str, Mapping[str, Any]]]:
    return sorted(run.report.get("systems", {}).items(), key=lambda item: by_kind(item[0]))


def _total(places: Sequence[Place]) -> dict[str, int]:
    names = ("read", "new", "matched", "conflicts", "created", "updated", "archived", "merged", "rejected", "unknown")
    return {name: sum(place.counts.get(name) or 0 for place in places) for name in names}


def _fields(page: Page, kinds: Sequence[str]) -> list[tuple[str, str]]:
    """What one may filter by: (field, what it is called), over all kinds."""
    config = page.site.opened.project.config
    found: dict[str, str] = {}
    rules = page.site.opened.rules
    for kind in (kind for kind in rules.kinds if kind in kinds):
        for mapper in rules.of(kind).mappers.values():
            for name in mapper.pushed:
                found.setdefault(name, field_called(name, kind, config, page.words))
    return sorted(found.items(), key=lambda item: item[1].casefold())


def _written(page: Page, run: Run, rows: Sequence[WriteRow]) -> list[Written]:
    """Each with its reasons, in a handful of queries."""
    if not rows:
        return []
    ids = [row.hub_id for row in rows]
    config = page.site.opened.project.config
    with page.site.reading() as store:
        history = History(store)
        hubs, changes, stages = store.hubs(ids), history.changes(ids), history.stages(ids)
        names = names_in(store, *(row.fields for row in rows))
    written = []
    for row in rows:
        hub = hubs.get(row.hub_id)
        then = [change for change in changes.get(row.hub_id, ()) if change.run_id <= run.id]
        stage = [event for event in stages.get(row.hub_id, ()) if event.run_id <= run.id]
        told = [
            line(name, _entry(page, row, name, hub, then, stage, names), row.kind, config, page.words)
            for name in in_order(row.fields)
        ]
        who = name_of(hub) if hub else page.words("runs.forgotten")
        written.append(Written(row, who, STATES.get(row.state, ""), told))
    return written


def _entry(
    page: Page, row: WriteRow, name: str, hub: Any, changes: Sequence[ChangeRow], stages: Sequence[StageRow],
    names: Mapping[str, str],
) -> dict[str, Any]:  # fmt: skip
    old, new = row.fields[name]
    why = reason(row, Reasons(hub, changes, stages), name) if hub else {"from": "", "rule": ""}
    return {"old": in_words(old, names), "new": in_words(new, names), **why}
