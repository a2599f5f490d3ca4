"""The agreement: which clocks are about to break or over time, how promises are kept, and the pact itself in words.

Not here: how a clock runs and what is measured (`alignment.sla`). Invariant: the list of clocks is read by its index, a page at
a time; whatever needs the whole past is counted by a job (`counts.sla`).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args

from fastapi import APIRouter
from fastapi.responses import Response

from alignment.criteria import described
from alignment.periods import current, label_of, local_day
from alignment.reports.late import SOON
from alignment.sla.messages import AHEAD, name_of, told_length
from alignment.sla.target import Step, Target
from alignment.words import Words
from console import signing
from console.pact import per_of
from console.web.counting import Look, look, shown
from console.web.kept import Question
from console.web.page import Page, Refused, Viewer
from mapping.agreement.sla import Pact
from state.clocks import Clocks
from state.open_clocks import Place, Which, open_clocks

router = APIRouter()
ROWS = 50
BACK = 12
"""Periods that one can look back to."""


@router.get("/sla")
def open_(page: Viewer, which: Which = "late", clause: str = "", after: str = "") -> Response:
    """`after`: the place of the last clock of the page before."""
    pact = page.site.opened.project.config.sla
    if pact is None:
        return page.show("sla_none.html")
    if clause and clause not in clauses_of(pact):
        raise Refused(404, "shell.http_404")
    engine, now = page.site.engine, page.now
    rows, further = open_clocks(
        engine, which, now, now + SOON, clause=clause, after=_place(after) if after else None, limit=ROWS
    )
    seen = _look(page, _label(pact, now))
    with Clocks(engine) as clocks:
        last = clocks.position().at
        names = {id_: name_of(fields) for id_, fields in clocks.become(row.hub_id for row in rows).items()}
    return page.show(
        "sla.html", tab="open", rows=rows, more=_spelled(further) if further else "", names=names,
        which=which, whiches=get_args(Which), clause=clause, clauses=clauses_of(pact), after=after, last=last,
        counts=(seen.value or {}).get("open"), stops=stops(pact, page.words), length=told_length,
        review=_review(page, pact),
    )  # fmt: skip


@router.get("/sla/kept")
def attained(page: Viewer, period: str = "", anew: bool = False) -> Response:
    pact = page.site.opened.project.config.sla
    if pact is None:
        return page.show("sla_none.html")
    periods = _periods(pact, page.now)
    if period and period not in periods:
        raise Refused(404, "shell.http_404")
    period = period or periods[0]
    seen = _look(page, period, anew=anew)
    told: Mapping[str, Any] | None = seen.value
    names: dict[str, str] = {}
    if told:
        with Clocks(page.site.engine) as clocks:
            found = clocks.become(one["hub"] for one in told["undelivered"] if one["hub"])
            names = {id_: name_of(fields) for id_, fields in found.items()}
    return shown(
        page, "sla_kept.html", seen, tab="kept", period=period, periods=periods, names=names, pact=pact,
        undelivered=[{**one, "at": datetime.fromisoformat(one["at"])} for one in told["undelivered"]] if told else [],
        lines=_lines(told) if told else {}, length=_length,
    )  # fmt: skip


@router.get("/sla/pact")
def pact_(page: Viewer) -> Response:
    config = page.site.opened.project.config
    pact = config.sla
    if pact is None:
        return page.show("sla_none.html")
    seen = _look(page, _label(pact, page.now))
    found = _target((seen.value or {}).get("target"))
    say = page.words
    return page.show(
        "sla_pact.html", look=seen, tab="pact", pact=pact, agreed=signing.agreed(pact, say),
        marketing=signing.marketing(pact, found, say), review=_review(page, pact), times=list(signing.times(pact, say)),
        sales=signing.sales(pact, say, lambda condition: described(condition, config.fields, say)),
    )  # fmt: skip


def _look(page: Page, period: str, *, anew: bool = False) -> Look:
    return look(page, Question("sla", {"period": period}), anew=anew)


# -- what there is to show ------------------------------------------------------------------------------------------------


def clauses_of(pact: Pact) -> list[str]:
    said = pact.sales
    all_ = {
        "first_response": said.first_response, "decision": said.decision, "attempts": said.attempts,
        "follow_up": said.follow_up,
    }  # fmt: skip
    return [name for name, clause in all_.items() if clause is not None]


def stops(pact: Pact, say: Words) -> dict[str, str]:
    """What stops the clock of each clause, in words."""
    said, found = pact.sales, {}

    def types(names: tuple[str, ...]) -> str:
        return say.either(say(f"activities.{name}") for name in names)

    if said.first_response:
        found["first_response"] = say("sla.stops_touch", types=types(said.first_response.types))
    if said.decision:
        found["decision"] = say("sla.stops_decision", stage=said.decision.accept)
    if said.attempts:
        found["attempts"] = say("sla.stops_touch", types=types(said.attempts.types))
    if said.follow_up:
        until = say.either(said.follow_up.until)
        found["follow_up"] = say("sla.stops_follow_up", types=types(said.follow_up.types), stages=until)
    return found


def _lines(told: Mapping[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Of clauses, teams and people: each group of the period beside what it was in the one before; what went worst first."""
    found = {}
    for name in ("clauses", "teams", "people"):
        then = {
            (one["clause"], one["team"], one["owner"]): one for one in told[name] if one["period"] == told["before"]
        }
        now = {(one["clause"], one["team"], one["owner"]): one for one in told[name] if one["period"] == told["period"]}
        lines = [{"now": now[key], "before": then.get(key)} for key in now]
        if name == "people":
            lines.sort(
                key=lambda one: (one["now"]["share"] if one["now"]["share"] is not None else 2, one["now"]["owner"])
            )
        found[name] = lines
    return found


def _length(minutes: float | None) -> str:
    return told_length(None if minutes is None else round(minutes * 60_000_000))


def _target(told: Mapping[str, Any] | None) -> Target | None:
    if told is None:
        return None
    return Target(**{**told, "steps": tuple(Step(**step) for step in told["steps"])})


def _label(pact: Pact, now: datetime) -> str:
    return label_of(per_of(pact), current(per_of(pact), now, pact.zone).first)


def _periods(pact: Pact, now: datetime) -> list[str]:
    """The newest first, back to the one in which the pact was signed at most."""
    one, found = current(per_of(pact), now, pact.zone), []
    for _ in range(BACK):
        found.append(label_of(per_of(pact), one.first))
        one = one.before
    return found


def _review(page: Page, pact: Pact) -> str:
    """That the pact is to be looked at again, where that is soon or was to be; else empty."""
    days = (pact.re_evaluate_on - local_day(page.now, pact.zone)).days
    if days < 0:
        return page.words("sla.review_late", day=pact.re_evaluate_on, count=-days)
    return page.words("sla.review_soon", day=pact.re_evaluate_on, count=days) if days <= AHEAD.days else ""


def _spelled(place: Place) -> str:
    times = [one.astimezone(UTC).isoformat() if one else "" for one in (place.due, place.started)]
    return "~".join((times[0], place.hub_id, place.clause, times[1]))


def _place(text: str) -> Place:
    """Raises Refused for what is none."""
    try:
        due, hub_id, clause, started = text.split("~")
        return Place(datetime.fromisoformat(due) if due else None, hub_id, clause, datetime.fromisoformat(started))
    except ValueError:
        raise Refused(404, "shell.http_404") from None
