"""The overview: are the systems in sync, what waits for a person, and the funnel at a glance.

Not here: how anything is counted (`standing`). Invariant: the sentence at the top is the worst of what stands below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from alignment.sla.messages import name_of, re_evaluation
from console.status import LATE, TIGHT, last_of
from console.web import runs
from console.web.page import Page, Viewer
from console.web.standing import Standing
from mapping.config import ProjectFile
from mapping.derived import lifecycle_of
from state.clocks import ClockRow, Clocks
from state.history import Run

router = APIRouter()


@dataclass(frozen=True)
class Health:
    """One system. `tone`: good, warn or bad, or empty where nothing is known yet; `error`: code, message and hint of what last
    went wrong with it."""

    name: str
    role: str
    connector: str
    tone: str
    state: str
    linked: int
    gone: int
    read_at: datetime | None
    written_at: datetime | None
    in_doubt: int
    calls: int | None
    used: int | None
    limit: int | None
    error: dict[str, str] | None

    @property
    def share(self) -> float | None:
        return None if self.used is None or not self.limit else self.used / self.limit

    @property
    def tight(self) -> bool:
        return self.share is not None and self.share > TIGHT


@dataclass(frozen=True)
class Step:
    """A rung of the ladder: how many leads are there now."""

    stage: str
    count: int
    share: float


@router.get("/")
def overview(page: Viewer) -> Response:
    standing, config = page.site.watch.now(), page.site.opened.project.config
    if standing is None:
        return page.show("overview_counting.html", jobs=page.site.jobs.running())
    systems = list(health(standing, config, page.now))
    tone, key, values = verdict(standing, systems)
    return page.show(
        "overview.html",
        standing=standing, systems=systems, tone=tone, verdict=page.words(f"overview.{key}", **values),
        steps=_steps(standing, config), side=_side(standing, config), soonest=_named(page, standing.soonest),
        pact=_pact(page, config), jobs=page.site.jobs.running(), lines=runs.lines(page, standing.runs),
    )  # fmt: skip


def health(standing: Standing, config: ProjectFile, now: datetime) -> Iterator[Health]:
    counted = standing.counted
    read = {p.system: p.saved_at for p in counted.positions if p.stream == "lead"}
    for name, system in config.systems.items():
        links, last, error = counted.links.get(name, {}), last_of(standing.runs, name), _error(standing.runs, name)
        at = read.get(name)
        state = "failing" if error else "never" if at is None else "late" if (now - at).total_seconds() > LATE else "ok"
        yield Health(
            name, system.role, system.connector,
            {"failing": "bad", "never": "", "late": "warn", "ok": "good"}[state], state,
            links.get("live", 0), sum(n for kind, n in links.items() if kind != "live"),
            at, counted.last_write.get(name), counted.in_doubt.get(name, 0),
            last.get("calls"), last.get("api_used"), last.get("api_limit"), error,
        )  # fmt: skip


def verdict(standing: Standing, systems: Sequence[Health]) -> tuple[str, str, dict[str, Any]]:
    """Tone, text and what the text tells."""
    last = standing.runs[0] if standing.runs else None
    failing = [one.name for one in systems if one.state == "failing"]
    late = [one.name for one in systems if one.state == "late"]
    if last is None:
        return "", "verdict_new", {}
    if failing:
        return "bad", "verdict_failing", {"count": len(failing), "systems": ", ".join(failing)}
    if last.outcome == "stopped":
        return "warn", "verdict_stopped", {}
    if late:
        return "warn", "verdict_late", {"count": len(late), "systems": ", ".join(late)}
    if standing.counted.dirty:
        return "good", "verdict_behind", {"count": standing.counted.dirty}
    return "good", "verdict_ok", {}


def _error(runs: Sequence[Run], system: str) -> dict[str, str] | None:
    """What the last run that ended said was wrong with the system, or with one kind of its records."""
    ended = next((run for run in runs if run.ended), None)
    errors = ended.report.get("errors", {}) if ended else {}
    return next((error for place, error in errors.items() if place.partition("/")[0] == system), None)


def _steps(standing: Standing, config: ProjectFile) -> list[Step]:
    ladder = lifecycle_of(config).ladder
    most = max((standing.stages.get(stage, 0) for stage in ladder), default=0) or 1
    return [Step(stage, count, count / most) for stage in ladder for count in (standing.stages.get(stage, 0),)]


def _side(standing: Standing, config: ProjectFile) -> list[tuple[str, int]]:
    """Off the ladder."""
    return [(stage, standing.stages[stage]) for stage in lifecycle_of(config).side if stage in standing.stages]


def _named(page: Page, clocks: Sequence[ClockRow]) -> list[tuple[ClockRow, str]]:
    with Clocks(page.site.engine) as store:
        leads = store.become({clock.hub_id for clock in clocks})
    return [(clock, name_of(leads.get(clock.hub_id, {}))) for clock in clocks]


def _pact(page: Page, config: ProjectFile) -> str | None:
    """None where there is no pact; else what is to be said of it: nothing, or that it is to be looked at again."""
    return None if config.sla is None else re_evaluation(config.sla, page.now)
