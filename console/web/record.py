"""One record: every value in the hub and in every system, where it came from and why; its score, consent, clocks, relations; and
all that happened to it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query
from fastapi.responses import Response

from console.explaining import FieldStory
from console.exporting import as_json, held
from console.names import name_of
from console.portrait import KINDS, NAMED, Portrait, changed_fields, portrait
from console.web.page import Admin, Page, Refused, Viewer
from console.web.records import OWNER, person_of
from console.web.wording import Wording
from mapping.derived import GRADE
from state.clocks import Clocks
from state.history import History
from state.records import Hub
from state.scores import ScoreRow
from state.store import Store

router = APIRouter()
EVENTS, PAGES = 40, 25
"""Moments of one page of the timeline, and how many pages there are."""

WIDTH, HEIGHT = 240.0, 48.0
"""Of the drawing of the score's history."""


@dataclass(frozen=True)
class Cell:
    """What one system shows of a field. `state`: same, other, behind (it is yet to be told), claims (it says otherwise, and nobody
    has decided), none (it does not know the field)."""

    state: str
    value: Any = None


@router.get("/records/{hub_id}")
def record(page: Viewer, hub_id: str, show: str = "", n: Annotated[int, Query(ge=1, le=PAGES)] = 1) -> Response:
    show = show if show in KINDS else ""
    seen = _portrait(page, hub_id, show, n)
    hub, told = seen.hub, seen.story
    opened = page.site.opened
    wording = Wording(page.words, opened.project.config, hub.kind, seen.names)
    rules = opened.rules.of(hub.kind)
    systems = sorted({*told.records, *told.standing})
    live = [system for system in systems if system in told.records and told.records[system]["state"] == "live"]
    moments = seen.moments[(n - 1) * EVENTS :]
    return page.show(
        "record.html",
        seen=seen, hub=hub, story=told, wording=wording, systems=systems, live=live,
        name=person_of(hub), rows=[(field, [_cell(field, system) for system in live]) for field in told.fields],
        standing={s: wording.standing(hub, s, told.standing[s], rules.mappers.get(s)) for s in told.standing},
        owner=seen.names.get(str(hub.fields.get(OWNER))), owner_id=hub.fields.get(OWNER), grade=hub.fields.get(GRADE),
        company=_company(hub, seen), moments=moments[:EVENTS], more=len(moments) > EVENTS and n < PAGES, show=show, n=n, kinds=KINDS,
        named=NAMED, line=_line(seen.scores), fields_of=changed_fields, width=WIDTH, height=HEIGHT,
        to=lambda **other: _url(hub.id, {"show": show, **other}),
    )  # fmt: skip


@router.get("/records/{hub_id}/export")
def export(page: Admin, hub_id: str) -> Response:
    """All that is held on a person, as `smarketing export` gives it."""
    with page.site.reading() as store, History(store) as history, Clocks(page.site.engine) as clocks:
        hub = _hub(page, store, hub_id)
        if hub.kind != "lead":
            raise Refused(404, "record.no_person")
        text = as_json(held(store, history, clocks, hub.id))
    page.note("export", hub.id)
    return Response(
        text, media_type="application/json", headers={"Content-Disposition": f'attachment; filename="{hub.id}.json"'}
    )


def _portrait(page: Page, hub_id: str, show: str, n: int) -> Portrait:
    with page.site.reading() as store, History(store) as history, Clocks(page.site.engine) as clocks:
        hub = _hub(page, store, hub_id)
        return portrait(page.site.opened, store, history, clocks, hub.id, show, n * EVENTS)


def _hub(page: Page, store: Store, hub_id: str) -> Hub:
    hub = store.hubs([hub_id]).get(hub_id)
    if hub is None:
        raise Refused(404, "record.unknown")
    if hub.kind not in page.site.opened.rules.kinds:
        raise Refused(404, "record.not_synced_kind")
    return hub


def _url(hub_id: str, values: dict[str, Any]) -> str:
    given = {name: value for name, value in values.items() if value and not (name == "n" and value == 1)}
    return f"/records/{hub_id}" + (f"?{urlencode(given)}" if given else "")


def _cell(field: FieldStory, system: str) -> Cell:
    if system in field.claims:
        return Cell("claims", field.claims[system])
    if system in field.behind:
        return Cell("behind", field.systems.get(system))
    if system not in field.systems:
        return Cell("none")
    value = field.systems[system]
    return Cell("same" if value == field.value else "other", value)


def _company(hub: Hub, seen: Portrait) -> tuple[str, str] | None:
    """Name and, where it is a record of ours, id of the company."""
    for value in hub.fields.values():
        if isinstance(value, str) and value in seen.companies:
            return name_of(seen.companies[value]), value
    text = hub.fields.get("company")
    return (str(text), "") if text else None


def _line(scores: Sequence[ScoreRow]) -> str:
    """The score over time as the points of a line; it stays where it is until it changes."""
    if len(scores) < 2:
        return ""
    first, last = scores[0].at, scores[-1].at
    span = max((last - first).total_seconds(), 1.0)
    top = max(100, *(row.total for row in scores))
    points: list[str] = []
    for row in scores:
        x = (row.at - first).total_seconds() / span * (WIDTH - 8) + 4
        y = HEIGHT - 4 - max(0, row.total) / top * (HEIGHT - 8)
        if points:
            points.append(f"{x:.1f},{points[-1].partition(',')[2]}")
        points.append(f"{x:.1f},{y:.1f}")
    return " ".join(points)
