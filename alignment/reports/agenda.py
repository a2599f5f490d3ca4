"""The agenda of the meeting: what was decided and whether it was carried out, and the points that the numbers suggest, each by
a rule that says why. Pure.

Rules: the step that lost the most leads, one that chance hardly explains before any other; the promise that was kept the
least; the objective that is the furthest from its target by its forecast; the source of which sales accepts clearly less;
the stage in which the most leads are stuck; leads that a system does not count. Invariant: no point without a number.
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

from alignment.reports.aims import aimed, at_risk, unit_of, worded
from alignment.reports.changed import counted, named, shared
from alignment.reports.late import clauses, owners
from alignment.reports.leaks import poorest, worst_first
from alignment.reports.material import Material
from alignment.reports.model import Cell, Figure, Name, Say, Section, Table, Term
from state.decisions import Decision


def agenda(seen: Material) -> Section:
    day = seen.now.astimezone(ZoneInfo(seen.period.zone)).date()
    shown = told(seen)
    rows: list[tuple[Cell, ...]] = []
    for one in shown:
        due: Cell = Say("day", {"day": one.due}) if one.due else Name("–")
        state = "late" if one.late(day) else one.state
        rows.append(
            (Name(str(one.id)), Name(one.text), Name(one.who) if one.who else Say("nobody"), due,
             Say(f"decision_{state}"), Say("day", {"day": one.met}))
        )  # fmt: skip
    tables = (Table("decisions", ("id", "decision", "who", "due", "state", "decided_on"), tuple(rows)),) if rows else ()
    late = sum(one.late(day) for one in shown)
    points = [Say("agenda_late", {"count": late})] if late else []
    points += suggested(seen)
    if not points:
        points = [Say("agenda_nothing")]
    return Section("agenda", tuple(points), (), tables, () if rows else (Say("note_no_decisions"),))


def told(seen: Material) -> list[Decision]:
    """What is open, what was decided in the last meeting, and what was closed in the period."""
    last = max((one.met for one in seen.decisions), default=None)
    found = [
        one for one in seen.decisions
        if one.state == "open" or one.met == last
        or (one.closed_at is not None and seen.period.start <= one.closed_at < seen.period.end)
    ]  # fmt: skip
    return sorted(found, key=lambda one: (one.state != "open", one.due is None, one.due or one.met, one.id))


def suggested(seen: Material) -> list[Say]:
    found: list[Say | None] = [
        _leak(seen),
        _promise(seen),
        _objective(seen),
        _source(seen),
        _stuck(seen),
        _system(seen),
    ]
    return [one for one in found if one is not None]


def _leak(seen: Material) -> Say | None:
    for one in worst_first(seen)[:1]:
        cells: dict[str, Cell] = {
            "stage": Term(one.stage),
            "next": Term(one.next),
            "share": shared(one.now, one.before),
        }
        return Say("agenda_leak" if one.clear else "agenda_leak_chance", {**cells, "lost": Figure(round(one.lost, 1))})
    return None


def _promise(seen: Material) -> Say | None:
    broken = [(now.share, clause, now) for clause, (now, _) in clauses(seen).items() if now.breached]
    if not broken:
        return None
    _, clause, now = min(broken, key=lambda one: (one[0] or 0.0, one[1]))
    low, high = now.interval or (None, None)
    share = Figure(now.share, "share", None, low, high, now.met + now.breached)
    overdue = sum(one[1] for one in owners(seen))
    return Say(
        "agenda_promise",
        {
            "clause": Say(f"clause_{clause}"),
            "share": share,
            "broken": counted(now.breached),
            "overdue": counted(overdue),
        },
    )


def _objective(seen: Material) -> Say | None:
    risky = [one for one in seen.progress if at_risk(one)]
    if not risky:
        return None
    one = min(risky, key=lambda p: ((p.forecast or 0.0) / aimed(p), p.goal.objective.name))
    unit, currency = unit_of(one), seen.books.terms.config.currency or ""
    money = currency if unit == "money" else ""
    return Say(
        "agenda_objective",
        {"objective": worded(one.goal.objective.label, one.goal.objective.name),
         "forecast": Figure(one.forecast, unit, currency=money), "target": Figure(aimed(one), unit, currency=money)},
    )  # fmt: skip


def _source(seen: Material) -> Say | None:
    found = poorest(seen)
    if found is None:
        return None
    whole = shared(seen.funnel.total.passed.accepted)
    return Say("agenda_source", {"source": named(found[0]), "share": shared(found[1]), "all": whole})


def _stuck(seen: Material) -> Say | None:
    steps = [one for one in seen.funnel.total.steps if one.stuck and one.next is not None]
    if not steps:
        return None
    one = max(steps, key=lambda step: step.stuck or 0)
    return Say(
        "agenda_stuck",
        {"stage": Term(one.stage), "stuck": counted(one.stuck), "there": counted(one.waiting),
         "limit": Figure(one.limit, "days")},
    )  # fmt: skip


def _system(seen: Material) -> Say | None:
    lacking = [(sum(one.lacks.values()), name) for name, one in (seen.systems or {}).items()]
    number, name = max(lacking, default=(0, ""))
    if not number:
        return None
    return Say(
        "agenda_system", {"system": Name(name), "lacks": counted(number), "stage": Term(seen.books.terms.passed)}
    )
