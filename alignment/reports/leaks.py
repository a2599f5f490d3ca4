"""What leaks: steps that let fewer on than before, leads that are stuck, leads that sales got and did not win; and what sales
says of each source. Pure."""

from __future__ import annotations

from collections import Counter

from alignment.funnel.figures import Counts, Share
from alignment.funnel.selecting import OUTCOMES
from alignment.reports.changed import counted, named, shared
from alignment.reports.material import Conversion, Material
from alignment.reports.model import Cell, Figure, Name, Say, Section, Table, Term

MOST = 5
"""Reasons that are named."""

SOURCES = 12
"""Sources that are shown; the others are one."""


def worst_first(seen: Material) -> list[Conversion]:
    """The steps that let fewer on than before: those that chance hardly explains first, then by the leads lost."""
    found = [one for one in seen.conversions if one.lost > 0]
    return sorted(found, key=lambda one: (not one.clear, -one.lost))


def leaks(seen: Material) -> Section:
    total = seen.funnel.total
    fallen = worst_first(seen)
    tables = []
    if fallen:
        rows: list[tuple[Cell, ...]] = []
        for one in fallen:
            way = Say("way", {"stage": Term(one.stage), "next": Term(one.next)})
            verdict = Say("leak_clear" if one.clear else "leak_chance")
            rows.append((way, shared(one.now, one.before), Figure(round(one.lost, 1)), verdict))
        tables.append(Table("leaks", ("step", "went_on", "lost_leads", "verdict"), tuple(rows)))
    stuck: list[tuple[Cell, ...]] = [
        (Term(one.stage), counted(one.stuck), counted(one.waiting), Figure(one.limit, "days"))
        for one in total.steps
        if one.limit is not None and one.next is not None
    ]
    if stuck:
        tables.append(Table("stuck", ("stage", "stuck", "there", "limit"), tuple(stuck)))
    tables += _outcomes(seen)
    points = [Say("point_leaks", {"count": len(fallen), "clear": sum(one.clear for one in fallen)})]
    notes = [Say("note_leaks"), Say("note_stuck"), Say("note_outcomes")]
    return Section("leaks", tuple(points), (), tuple(tables), tuple(notes))


def _outcomes(seen: Material) -> list[Table]:
    """Of the leads passed to sales in the period."""
    passed = seen.funnel.total.passed
    if not passed.passed:
        return []
    numbers = {"open": passed.open, "not_qualified": passed.not_qualified, "lost": passed.lost}
    rows: list[tuple[Cell, ...]] = [
        (Say("outcome_converted"), counted(passed.converted.part), shared(passed.converted))
    ]
    rows += [(Say(f"outcome_{one}"), counted(numbers[one]), _part(numbers[one], passed.passed)) for one in OUTCOMES]
    why: list[tuple[Cell, ...]] = [
        (Say(f"outcome_{outcome}"), _reason(reason), counted(number))
        for outcome in ("not_qualified", "lost")
        for reason, number in list(passed.reasons.get(outcome, {}).items())[:MOST]
    ]
    found = [Table("outcomes", ("outcome", "leads", "share"), tuple(rows))]
    if why:
        found.append(Table("reasons", ("outcome", "reason", "leads"), tuple(why)))
    return found


def _part(number: int, whole: int) -> Figure:
    return shared(Share(number, whole), better="")


def _reason(reason: str) -> Cell:
    return Name(reason.replace("_", " ")) if reason else Say("no_reason")


# -- what sales says of each source -------------------------------------------------------------------------------------


def feedback(seen: Material) -> Section:
    groups = seen.funnel.cuts.get("source")
    if groups is None:
        return Section("feedback", notes=(Say("note_no_source"),))
    told = {name: one for name, one in groups.items() if one.passed.passed or one.left}
    ordered = sorted(told, key=lambda name: (-told[name].passed.passed, name))
    rows: list[tuple[Cell, ...]] = []
    for name in ordered[:SOURCES]:
        one = told[name]
        rejected = _rejected(one)
        rows.append(
            (named(name), counted(one.passed.passed), shared(one.passed.accepted), counted(one.passed.open),
             counted(sum(rejected.values())), _why(rejected))
        )  # fmt: skip
    tables = (Table("sources", ("source", "passed", "accepted", "undecided", "rejected", "why"), tuple(rows)),)
    notes = [Say("note_feedback")]
    if len(ordered) > SOURCES:
        notes.append(Say("note_sources", {"count": len(ordered) - SOURCES}))
    return Section("feedback", tuple(_points(seen)), (), tables if rows else (), tuple(notes))


def _rejected(counts: Counts) -> Counter[str]:
    """Reason -> how often somebody left the ladder for it in the period."""
    found: Counter[str] = Counter()
    for reasons in counts.left.values():
        found.update(reasons)
    return found


def _why(rejected: Counter[str]) -> Cell:
    top = sorted(rejected.items(), key=lambda one: (-one[1], one[0]))[:3]
    told = ", ".join(f"{reason.replace('_', ' ') or '–'} {number}" for reason, number in top)
    return Name(told or "–")


def poorest(seen: Material) -> tuple[str, Share] | None:
    """The source of which sales accepts clearly less than of all leads; None where there is none."""
    whole = seen.funnel.total.passed.accepted.interval
    groups = seen.funnel.cuts.get("source", {})
    shares = [(name, one.passed.accepted) for name, one in groups.items()]
    below = [
        (name, share) for name, share in shares
        if whole and share.interval and share.value is not None and share.interval[1] < whole[0]
    ]  # fmt: skip
    return min(below, key=lambda one: (one[1].value or 0.0, one[0]), default=None)


def _points(seen: Material) -> list[Say]:
    passed = seen.funnel.total.passed
    return [Say("point_feedback", {"share": shared(passed.accepted), "number": counted(passed.passed)})]
