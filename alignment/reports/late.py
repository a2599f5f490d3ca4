"""What is late: the clocks of the pact, by clause and by owner, and what marketing has promised to bring. Pure."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta

from alignment.reports.changed import counted
from alignment.reports.material import Material
from alignment.reports.model import Cell, Chart, Figure, Mark, Name, Say, Section, Table, Term
from alignment.sla.attainment import Attained, attained
from alignment.sla.clocks import CLAUSES

SOON = timedelta(days=1)
"""What is due within this is about to be broken."""

OWNERS = 20
"""That are shown, the worst first."""

MINUTE = 60_000_000


def clauses(seen: Material) -> dict[str, tuple[Attained, Attained]]:
    """Of each clause that a clock ran for: the period, and the one before."""
    now, before = seen.started_in(seen.period), seen.started_in(seen.period.before)
    names = {one.clause for one in (*now, *before)}
    return {
        clause: (
            attained([one for one in now if one.clause == clause]),
            attained([one for one in before if one.clause == clause]),
        )
        for clause in CLAUSES
        if clause in names
    }


def owners(seen: Material) -> list[tuple[str, int, int, int]]:
    """Owner, promises overdue now, those about to be broken, those of this period that were broken; the worst first."""
    overdue = Counter(one.owner for one in seen.running if one.state == "breached")
    soon = Counter(
        one.owner for one in seen.running
        if one.state == "running" and one.due is not None and one.due <= seen.now + SOON
    )  # fmt: skip
    broken = Counter(one.owner for one in seen.started_in(seen.period) if one.state == "breached")
    names = {*overdue, *soon, *broken}
    found = [(name, overdue[name], soon[name], broken[name]) for name in names]
    return sorted(found, key=lambda one: (-one[1], -one[2], -one[3], one[0]))


def late(seen: Material) -> Section:
    if seen.pact is None:
        return Section("late", notes=(Say("note_no_pact"),))
    by_clause = clauses(seen)
    rows: list[tuple[Cell, ...]] = []
    marks = []
    for clause, (now, before) in by_clause.items():
        low, high = now.interval or (None, None)
        share = Figure(now.share, "share", before.share, low, high, now.met + now.breached, better="more")
        median = Figure(_minutes(now.median), "minutes", _minutes(before.median), better="less")
        rows.append(
            (Say(f"clause_{clause}"), share, counted(now.met), counted(now.breached, before.breached, "less"),
             counted(now.open), median)
        )  # fmt: skip
        marks.append(Mark(Say(f"clause_{clause}"), now.share, "share", before.share, low, high))
    people = owners(seen)
    tables = []
    if rows:
        tables.append(Table("clauses", ("clause", "kept", "met", "broken", "open", "median_time"), tuple(rows)))
    if people:
        told: tuple[tuple[Cell, ...], ...] = tuple(
            (Name(owner) if owner else Say("nobody"), counted(a), counted(b), counted(c))
            for owner, a, b, c in people[:OWNERS]
        )
        tables.append(Table("owners", ("owner", "overdue", "soon", "broken"), told))
    if seen.promised is not None:
        tables.append(_promised(seen))
    charts = (Chart("kept", "intervals", tuple(marks)),) if marks else ()
    return Section("late", tuple(_points(seen, people)), charts, tuple(tables), tuple(_notes(seen)))


def _minutes(length: int | None) -> float | None:
    return None if length is None else round(length / MINUTE, 1)


def _points(seen: Material, people: list[tuple[str, int, int, int]]) -> list[Say]:
    overdue, soon = sum(one[1] for one in people), sum(one[2] for one in people)
    return [Say("point_overdue", {"number": counted(overdue), "soon": counted(soon)})]


def _notes(seen: Material) -> list[Say]:
    found = [Say("note_kept")]
    more = len(owners(seen)) - OWNERS
    if more > 0:
        found.append(Say("note_owners", {"count": more}))
    cancelled = sum(one.state == "cancelled" for one in seen.started_in(seen.period))
    if cancelled:
        found.append(Say("note_cancelled", {"count": cancelled}))
    if seen.looked is None:
        found.append(Say("note_no_tick"))
    else:
        found.append(Say("note_tick", {"at": seen.looked}))
    if seen.promised is not None:
        brought = seen.promised[2]
        found.append(Say("note_promised", {"since": seen.promised[0].date()}))
        for key, number in (("note_undated", brought.undated), ("note_future", brought.future)):
            if number:
                found.append(Say(key, {"count": number}))
    return found


def _promised(seen: Material) -> Table:
    """Marketing's side of the pact, in its own month or quarter."""
    assert seen.promised is not None
    assert seen.pact is not None
    _, aim, brought = seen.promised
    marketing, rows = seen.pact.marketing, list[tuple[Cell, ...]]()
    if marketing.volume is not None:
        goal = Figure(aim.leads if aim else None)
        rows.append((Say("promised_leads", {"stage": Term(marketing.stage)}), goal, counted(brought.leads)))
    if marketing.quality is not None:
        low, high = brought.acceptance_interval or (None, None)
        decided = brought.accepted + brought.rejected
        share = Figure(brought.acceptance, "share", None, low, high, decided, better="more")
        rows.append((Say("promised_quality"), Figure(marketing.quality.at_least, "share"), share))
    if marketing.completeness is not None:
        complete = Figure(brought.completeness, "share", of=brought.leads, better="more")
        rows.append((Say("promised_fields"), Figure(marketing.completeness.at_least, "share"), complete))
    return Table("promised", ("promise", "target", "reached"), tuple(rows))
