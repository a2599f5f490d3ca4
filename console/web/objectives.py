"""The objectives of both teams: how each stands and what it will come to, who stands by it, and what was frozen of it.

To accept is done at once; to freeze and to restate takes the whole past and is a job (`aims`). Invariant: whoever is signed in
is who accepted, froze or restated; nothing that was kept is ever changed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Form
from fastapi.responses import Response, StreamingResponse
from markupsafe import Markup

from alignment.objectives import TEAMS, Goal, Measured, Progress, over, progress
from alignment.reports.aims import aimed, at_risk, unit_of
from alignment.reports.model import Chart, Mark, Name
from alignment.standing import key
from console.failures import Refusal
from console.objectives import CSV, document_of, flat, last_over, method, stand_by, unfrozen
from console.web.counting import look, shown
from console.web.counts_listed import goals_of, named
from console.web.funnel_charts import drawn
from console.web.jobs import Job
from console.web.kept import Kept, find, objectives_of
from console.web.leads import line
from console.web.page import Operator, Page, Refused, Viewer
from console.web.periods import lately
from mapping.agreement.check_figures import named as by_name
from mapping.agreement.check_figures import period_of
from mapping.agreement.objectives import MONTHS
from state.attainments import Attainment, acceptances, attainments, newest

router = APIRouter()
BACK = 6
"""Periods of each length that can be looked at."""

FIGURES = ("counted", "deals:counted", "passed", "accepted", "met", "breached")


@dataclass(frozen=True)
class Aim:
    """One objective in one period. `lists`: figure -> address and size of who stands behind it. `now`: what it would come to,
    counted anew, where it is frozen. `history`: all that was kept of it, the first first."""

    standing: Progress
    label: str
    serves: str
    unit: str
    now: float | None
    over: bool
    lists: dict[str, tuple[str, int]]
    history: list[Attainment]

    @property
    def goal(self) -> Goal:
        return self.standing.goal

    @property
    def target(self) -> float:
        return aimed(self.standing)

    @property
    def at_risk(self) -> bool:
        return at_risk(self.standing)

    @property
    def waits_for(self) -> list[str]:
        """The teams that have not accepted what holds."""
        return [team for team in TEAMS if team not in self.standing.accepted]


@router.get("/objectives")
def objectives(page: Viewer, period: str = "", job: str = "") -> Response:
    config = page.site.opened.project.config
    labels, choices = _labels(page, period)
    if not config.objectives:
        return page.show("no_objectives.html")
    seen = look(page, objectives_of(labels))
    aims = aims_of(page, labels, seen.kept)
    mine = page.site.jobs.get(job) if job else None
    running = mine is not None and mine.running
    here = "/objectives?" + urlencode({"period": period} | ({"job": job} if mine else {}))
    answer = shown(
        page, "objectives.html", seen, aims=aims, job=mine, due=due(page, period if period in labels else ""),
         choices=choices, period=period, here=here,
        chart=_chart(page, aims), how=lambda one: how(page, one), currency=config.currency or "",
    )  # fmt: skip
    if page.request.headers.get("HX-Target") == "job" and not running:
        answer.headers["HX-Trigger"] = "counted"
    return answer


def due(page: Page, period: str) -> list[str]:
    """What is over and waits to be frozen, in the period that is looked at or in the last one of each: "revenue 2026-Q3". Not
    what is known to be measured by nothing."""
    opened = page.site.opened
    wanted = goals_of(opened.project.config, [period]) if period else last_over(opened)
    found = []
    for goal in unfrozen(opened, wanted, page.now):
        kept = find(page.site.folder, objectives_of((goal.label,)))
        if kept is None or kept.head.value["values"].get("/".join(key(goal)), goal) is not None:
            found.append(f"{goal.objective.name} {goal.label}")
    return found


def _labels(page: Page, period: str) -> tuple[tuple[str, ...], list[tuple[str, str]]]:
    """The labels of the periods that are looked at, and all that can be chosen. Raises Refused."""
    config = page.site.opened.project.config
    today = datetime.now(ZoneInfo(config.funnel.time_zone)).date()
    known = by_name(config.objectives)
    units = [unit for unit in MONTHS if any(period_of(one, known) == unit for one in config.objectives)]
    running = tuple(lately(unit, today, 1)[0] for unit in units)
    choices = [("", page.words("objectives.running"))]
    choices += [(label, label) for unit in units for label in lately(unit, today, BACK)]
    if period and period not in dict(choices):
        if not all(part in dict(choices) for part in period.split(",")):
            raise Refused(404, "objectives.no_period")
        return tuple(period.split(",")), choices
    return (period,) if period else running, choices


def aims_of(page: Page, labels: Sequence[str], kept: Kept | None) -> list[Aim]:
    """Every objective in these periods, as it stood when it was counted."""
    config, engine = page.site.opened.project.config, page.site.engine
    every, said = attainments(engine), acceptances(engine)
    held, language = newest(every), page.words.language
    labelled = {one.name: one.label.within(language, config.languages[0]) or one.name for one in config.objectives}
    found = []
    for goal in goals_of(config, labels):
        told = kept.head.value["values"].get("/".join(key(goal))) if kept else None
        value = Measured(told["value"], told["basis"]) if told else None
        stands = progress(goal, value, kept.head.as_of if kept else page.now, held.get(key(goal)), said)
        serves = labelled.get(goal.chain[-2], "") if len(goal.chain) > 1 else ""
        history = [one for one in every if (one.objective, one.period) == key(goal)]
        now = value.value if value and stands.frozen else None
        lists = _lists(goal, labels, kept) if kept else {}
        found.append(
            Aim(
                stands,
                labelled[goal.objective.name],
                serves,
                unit_of(stands),
                now,
                over(goal, page.now),
                lists,
                history,
            )
        )
    return found


def _lists(goal: Goal, labels: Sequence[str], kept: Kept) -> dict[str, tuple[str, int]]:
    found = {}
    for figure in FIGURES:
        name = named(goal, figure)
        if name in kept.head.sizes:
            url = "/objectives/leads?" + urlencode({"labels": ",".join(labels), "figure": name})
            found[figure.rpartition(":")[2]] = url, kept.head.sizes[name]
    return found


def _chart(page: Page, aims: Sequence[Aim]) -> Markup:
    currency = page.site.opened.project.config.currency or ""
    marks = [
        Mark(
            Name(one.label), one.standing.value, unit_of(one.standing), target=one.target, forecast=one.standing.forecast,
            currency=currency if one.unit == "money" else "", url=next((url for url, _ in one.lists.values()), ""),
        )
        for one in aims
    ]  # fmt: skip
    return drawn(Chart("objectives", "progress", tuple(marks)), page.words) if marks else Markup("")


# -- to do --------------------------------------------------------------------------------------------------------------


@router.post("/objectives/accept")
def accept(
    page: Operator, name: Annotated[str, Form()], label: Annotated[str, Form()], team: Annotated[str, Form()],
    period: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    assert page.visitor is not None
    stand_by(page.site.opened, name, team, label, page.visitor.name, page.now)
    page.note("objective-accepted", f"{name} {label}", team=team)
    told = page.words("objectives.accepted_now", objective=name, team=page.words(f"objectives.team_{team}"))
    return page.go(_back(period), told)


@router.post("/objectives/freeze")
def freeze(page: Operator, label: Annotated[str, Form()] = "", period: Annotated[str, Form()] = "") -> Response:
    return _begin(page, "freeze", period, label, label=label)


@router.post("/objectives/restate")
def restate(
    page: Operator, name: Annotated[str, Form()], label: Annotated[str, Form()], reason: Annotated[str, Form()] = "",
    period: Annotated[str, Form()] = "",
) -> Response:  # fmt: skip
    if not reason.strip():
        raise Refusal("usage", page.words("objectives.why"), "")
    return _begin(page, "restate", period, f"{name} {label}", name=name, label=label, reason=reason.strip())


def _begin(page: Page, kind: str, period: str, subject: str, **arguments: str) -> Response:
    assert page.visitor is not None
    if any(job.kind in ("freeze", "restate") for job in page.site.jobs.running()):
        raise Refusal("busy", page.words("objectives.busy"), "")
    job: Job = page.site.jobs.start(kind, page.by, who=page.visitor.name, **arguments)
    page.note(f"objectives-{kind}", subject, **{k: v for k, v in arguments.items() if k == "reason"})
    return page.go(_back(period, job.id))


def _back(period: str, job: str = "") -> str:
    said = urlencode({name: value for name, value in (("period", period), ("job", job)) if value})
    return f"/objectives?{said}" if said else "/objectives"


# -- to take away -------------------------------------------------------------------------------------------------------


@router.get("/objectives.csv")
def as_csv(page: Operator, period: str = "") -> Response:
    """For whoever pays by it: the columns of the command."""
    labels, _ = _labels(page, period)
    kept = look(page, objectives_of(labels)).kept
    rows = [document_of(one.standing, page.words.language) for one in aims_of(page, labels, kept)]
    page.note("objectives-downloaded", ",".join(labels), rows=len(rows))
    headers = {"Content-Disposition": f'attachment; filename="objectives-{"-".join(labels)}.csv"'}
    return StreamingResponse(_lines(rows), media_type="text/csv; charset=utf-8", headers=headers)


def _lines(rows: Sequence[dict[str, Any]]) -> Iterator[str]:
    yield "\ufeff" + line(tuple(CSV))
    for row in rows:
        yield line(tuple(flat(value) for value in row.values()))


def how(page: Page, one: Progress) -> str:
    """How the forecast came about, in words."""
    told = method(one)
    if told.startswith("run rate"):
        return page.words("objectives.run_rate", elapsed=round(one.elapsed, 1), count=one.whole)
    return page.words(f"objectives.{told.replace(' ', '_')}")
