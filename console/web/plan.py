"""A plan before it is run: what would be written and why, what of it is left out, and doing just that.

Not here: how it is made and carried out (`work`), what leaving out means (`console.choice`, `sync.approval`). Invariants: a page
reads the index of the plan, never the plan; what is carried out is what the page showed, exclusions included: where somebody
has changed them since, nothing is begun.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from threading import Lock
from typing import Annotated, Any, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Form
from fastapi.responses import RedirectResponse, Response

from console.browsing import index_of, path_of
from console.choice import Choice, kept, needed_in
from console.names import in_order as by_kind
from console.names import split_place
from console.web.page import Number, Operator, Page, Viewer, inside
from console.web.runs import begin
from console.web.writes import Line, field_called, in_order, line, rule
from mapping.fields import RecordKind
from mapping.rules import Rules
from state.plan_index import Filter, Group, PlanIndex, Row
from sync.approval import DIVISIBLE, held_with

router = APIRouter(prefix="/plans")
PAGE, MANY = 30, 20
Out = Annotated[bool, Form()]


@dataclass(frozen=True)
class Write:
    """One write of the plan. `out`: nothing of it will be written; `alone`: since somebody left out this very record."""

    n: int
    who: str
    system: str
    kind: str
    operation: str
    remote_id: str | None
    lines: Sequence[Line]
    out: bool
    alone: bool
    divisible: bool


@dataclass(frozen=True)
class Remaining:
    """`writes`: how many will be written; `partly`: without some of their fields."""

    writes: int
    out: int
    partly: int


@router.get("/{id}")
def show(
    page: Viewer, id: str, system: str = "", kind: str = "", operation: str = "", field: str = "", change: str = "",
    text: str = "", after: Number = -1,
) -> Response:  # fmt: skip
    site = page.site
    index = index_of(site.folder, id)
    if index is None:
        return _prepare(page, id)
    rules, choice = site.opened.rules, Choice.load(site.folder, id)
    asked = Filter(system, kind, operation, field, change, text.strip())
    found = index.page(asked, after, PAGE)
    places = _places(index)
    return page.show(
        "plan.html",
        plan=index.head, made=datetime.fromisoformat(index.head["made_at"]),
        outdated=index.head["rules"] != rules.hash,
        total=index.count(), matching=index.count(asked), asked=asked, query=_query(asked),
        back=page.request.url.path + (f"?{page.request.url.query}" if page.request.url.query else ""),
        writes=[_write(page, row, choice, rules) for row in found.rows], next=found.next, after=after,
        choice=choice, remaining=_remaining(index, choice, rules),
        tallies=[(*split_place(where), tally) for where, tally in sorted(index.head["tallies"].items(), key=_by_place)],
        places=places, fields=_fields(page, index, choice, rules), names=_names(page, index),
        decided=_decided(page, index),
    )  # fmt: skip


@router.post("/{id}/leave")
def leave(
    page: Operator, id: str, out: Out, n: Annotated[Number | None, Form()] = None, field: Annotated[str, Form()] = "",
    system: Annotated[str, Form()] = "", kind: Annotated[str, Form()] = "", back: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """Leave out a write, a field of it, or a field everywhere in a system; or take it in again."""
    path_of(page.site.folder, id)

    def changed(choice: Choice) -> Choice:
        if n is None:
            return choice.with_everywhere((system, kind, field), out)
        return choice.with_field(n, field, out) if field else choice.with_writes([n], out)

    Choice.change(page.site.folder, id, changed)
    told = {"n": n, "field": field, "system": system, "kind": kind}
    page.note(
        "plan-left-out" if out else "plan-taken-in",
        id,
        **{name: value for name, value in told.items() if value not in (None, "")},
    )
    return _back(id, back)


@router.post("/{id}/leave-all")
def leave_all(
    page: Operator, id: str, out: Out, system: Annotated[str, Form()] = "", kind: Annotated[str, Form()] = "",
    operation: Annotated[str, Form()] = "", field: Annotated[str, Form()] = "", change: Annotated[str, Form()] = "",
    text: Annotated[str, Form()] = "", back: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    """The same for every write that the filter shows."""
    index = index_of(page.site.folder, id)
    if index is None:
        return _prepare(page, id)
    asked = Filter(system, kind, operation, field, change, text.strip())
    numbers = index.all(asked)
    Choice.change(page.site.folder, id, lambda choice: choice.with_writes(numbers, out))
    told: dict[str, Any] = _said(asked)
    if asked.text:  # a name or an address, maybe: the audit is there for good, also after somebody was forgotten
        told["text"] = True
    page.note("plan-left-out" if out else "plan-taken-in", id, writes=len(numbers), **told)
    return _back(id, back)


@router.post("/{id}/apply")
def apply(
    page: Operator, id: str, mark: Annotated[str, Form()], confirmed: Annotated[bool, Form()] = False
) -> Response:
    """Write what is left of the plan, as the page showed it."""
    index = index_of(page.site.folder, id)
    if index is None:
        return _prepare(page, id)
    if index.head["stops"] and not confirmed:
        return page.go(f"/plans/{id}", page.words("plans.look_at_stops"), "warn")
    if mark != Choice.load(page.site.folder, id).mark:
        return page.go(f"/plans/{id}", page.words("plans.choice_changed"), "warn")
    return begin(page, "apply", plan=id, mark=mark, confirmed=confirmed, who=page.by)


def _prepare(page: Page, id_: str) -> Response:
    """A large plan that was made by a command: it is made ready once, in a process of its own."""
    jobs = page.site.jobs
    under_way = next((job for job in jobs.running() if job.kind == "index" and job.arguments["plan"] == id_), None)
    job = under_way or jobs.start("index", page.by, plan=id_)
    return page.go(f"/jobs/{job.id}?follow=1")


def _back(id_: str, back: str) -> Response:
    """htmx follows as any browser does, and takes its part out of the page."""
    return RedirectResponse(inside(back) if back else f"/plans/{id_}", 303)


def _said(asked: Filter) -> dict[str, str]:
    return {name: value for name, value in asdict(asked).items() if value}


def _query(asked: Filter) -> str:
    return urlencode(_said(asked))


# -- what of it is left -----------------------------------------------------------------------------------------------

_counted: OrderedDict[tuple[str, str, str], Remaining] = OrderedDict()
_lock = Lock()


def _remaining(index: PlanIndex, choice: Choice, rules: Rules) -> Remaining:
    """Counted once for each choice."""
    key = str(index.path), choice.mark, rules.hash
    with _lock:
        found = _counted.get(key)
    if found is None:
        found = _count(index, choice, rules)
        with _lock:
            _counted[key] = found
            while len(_counted) > MANY:
                _counted.popitem(last=False)
    return found


def _count(index: PlanIndex, choice: Choice, rules: Rules) -> Remaining:
    """By groups; only records that were left out one by one are looked at one by one."""
    alone = index.groups_of(choice.writes | choice.fields.keys()) if not choice.empty else {}
    single: dict[int, int] = {}
    for group_id in alone.values():
        single[group_id] = single.get(group_id, 0) + 1
    groups = {group.id: group for group in index.groups}
    writes = partly = 0
    for group in index.groups:
        left = _kept(group, frozenset(name for name in group.fields if _everywhere(choice, group, name)), rules)
        rest = group.count - single.get(group.id, 0)
        writes += rest if left is not None else 0
        partly += rest if left is not None and len(left) < len(group.fields) else 0
    for n, group_id in alone.items():
        group = groups[group_id]
        if n not in choice.writes:
            left = _kept(group, choice.held(n, group.system, group.kind, group.fields.keys()), rules)
            writes += left is not None
            partly += left is not None and len(left) < len(group.fields)
    return Remaining(writes, index.count() - writes, partly)


def _everywhere(choice: Choice, group: Group, name: str) -> bool:
    return (group.system, group.kind, name) in choice.everywhere


def _kept(group: Group, held: frozenset[str], rules: Rules) -> set[str] | None:
    needed = (
        needed_in(rules, group.system, cast(RecordKind, group.kind)) if group.operation == "create" else frozenset()
    )
    return kept(group.operation, group.fields.keys(), held, needed)


# -- what the page tells ----------------------------------------------------------------------------------------------


def _write(page: Page, row: Row, choice: Choice, rules: Rules) -> Write:
    body, config = row.body, page.site.opened.project.config
    system, kind, operation, fields = body["system"], body["kind"], body["operation"], body["fields"]
    asked = choice.held(row.n, system, kind, fields)
    out = held_with(operation, fields, asked)
    needed = needed_in(rules, system, kind) if operation == "create" else frozenset()
    told = [
        line(name, fields[name], kind, config, page.words, held=name in out, asked=name in choice.fields.get(row.n, ()))
        for name in in_order(fields)
    ]
    alone = row.n in choice.writes
    whole = alone or kept(operation, fields, asked, needed) is None
    return Write(
        row.n, body["who"], system, kind, operation, body["remote_id"], told, whole, alone, operation in DIVISIBLE
    )


def _by_place(item: tuple[str, Any]) -> tuple[int, str]:
    return by_kind(item[0])


def _places(index: PlanIndex) -> dict[str, list[str]]:
    """What one may filter by."""
    return {name: sorted({getattr(group, name) for group in index.groups}) for name in ("system", "kind", "operation")}


def _names(page: Page, index: PlanIndex) -> list[tuple[str, str]]:
    """Every field of the plan, with what it is called."""
    config = page.site.opened.project.config
    found = {
        name: field_called(name, group.kind, config, page.words) for group in index.groups for name in group.fields
    }
    return sorted(found.items(), key=lambda item: item[1].casefold())


@dataclass(frozen=True)
class FieldLine:
    """A field of a kind of record: by system, how many writes have it, and whether it is left out there."""

    name: str
    label: str
    kind: str
    cells: Sequence[tuple[str, int, bool]]


def _fields(page: Page, index: PlanIndex, choice: Choice, rules: Rules) -> list[FieldLine]:
    config, systems = page.site.opened.project.config, index.head["systems"]
    counted: dict[tuple[str, str], dict[str, int]] = {}
    for group in index.groups:
        for name in group.fields if group.operation in DIVISIBLE else ():
            cell = counted.setdefault((group.kind, name), {})
            cell[group.system] = cell.get(group.system, 0) + group.count
    lines = [
        FieldLine(
            name, field_called(name, kind, config, page.words), kind,
            [(system, cell.get(system, 0), (system, kind, name) in choice.everywhere) for system in systems],
        )
        for (kind, name), cell in counted.items()
    ]  # fmt: skip
    return sorted(lines, key=lambda one: (by_kind(f"/{one.kind}")[0], -sum(n for _, n, _ in one.cells), one.label))


def _decided(page: Page, index: PlanIndex) -> list[dict[str, Any]]:
    """Conflicts by field and rule, the most frequent first, each with an example."""
    config = page.site.opened.project.config
    found = []
    for key, times in sorted(index.head["decided"].items(), key=lambda item: (-item[1], item[0])):
        said, by = key.split("\t")
        kind, _, name = said.rpartition(": ")
        example = next(
            (
                d
                for d in index.head["decisions"]
                if d["field"] == name and d["rule"] == by and d["kind"] == (kind or "lead")
            ),
            None,
        )
        label = field_called(name, kind or "lead", config, page.words)
        found.append({"label": label, "kind": kind, "rule": rule(by, page.words), "times": times, "example": example})
    return found
