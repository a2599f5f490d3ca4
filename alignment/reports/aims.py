"""The objectives of both teams, the personas in short, and whether the systems agree. Pure."""

from __future__ import annotations

import numpy as np

from alignment.funnel.groups import PERSONA
from alignment.objectives import MONEY, Progress
from alignment.reports.changed import counted, shared
from alignment.reports.material import Material
from alignment.reports.model import Cell, Chart, Figure, Mark, Name, Say, Section, Table, Term, Unit
from alignment.words import languages
from mapping.agreement.objectives import SHARES
from mapping.wording import Wording


def unit_of(one: Progress) -> Unit:
    metric = one.goal.objective.metric
    return "share" if metric in SHARES else "money" if metric in MONEY else "count"


def aimed(one: Progress) -> float:
    """The target that holds: that of the frozen value, where there is one."""
    return one.frozen.target if one.frozen else one.goal.target


def at_risk(one: Progress) -> bool:
    """What it will come to is less than the target."""
    return one.forecast is not None and one.forecast < aimed(one)


def objectives(seen: Material) -> Section:
    if not seen.progress:
        return Section("objectives", notes=(Say("note_no_objectives"),))
    currency = seen.books.terms.config.currency or ""
    rows: list[tuple[Cell, ...]] = []
    marks = []
    for one in seen.progress:
        objective, unit = one.goal.objective, unit_of(one)
        label = worded(objective.label, objective.name)
        money = currency if unit == "money" else ""
        rows.append(
            (label, Say(f"team_{objective.team}"), Name(one.goal.label), Figure(aimed(one), unit, currency=money),
             Figure(one.value, unit, currency=money), Figure(one.attainment, "share"),
             Figure(one.forecast, unit, currency=money), _method(one), _accepted(one))
        )  # fmt: skip
        marks.append(Mark(label, one.value, unit, target=aimed(one), forecast=one.forecast, currency=money))
    columns = ("objective", "team", "period", "target", "reached", "attainment", "forecast", "method", "accepted_by")
    risky = sum(map(at_risk, seen.progress))
    notes = [Say("note_forecast")]
    unmeasured = sum(one.value is None for one in seen.progress)
    if unmeasured:
        notes.append(Say("note_unmeasured", {"count": unmeasured}))
    return Section(
        "objectives", (Say("point_objectives", {"count": len(rows), "risky": risky}),),
        (Chart("objectives", "progress", tuple(marks)),), (Table("objectives", columns, tuple(rows)),), tuple(notes),
    )  # fmt: skip


def worded(label: Wording, name: str) -> Name:
    """What people wrote, in each language; the name where they wrote nothing."""
    return Name(label.within("en") or name, {to: label.within(to) for to in languages()})


def _method(one: Progress) -> Say:
    if one.frozen:
        return Say("method_frozen")
    if one.value is None or one.forecast is None:
        return Say("method_nothing")
    if one.forecast == one.value:
        return Say("method_stands")
    key = "method_business" if one.business_days else "method_days"
    return Say(key, {"elapsed": Figure(round(one.elapsed, 1)), "whole": one.whole})


def _accepted(one: Progress) -> Cell:
    names = [f"{said.accepted_by} ({team})" for team, said in sorted(one.accepted.items())]
    return Name(", ".join(names)) if names else Say("nobody")


def personas(seen: Material) -> Section:
    groups, found = seen.books.groups.get(PERSONA), seen.funnel.cuts.get(PERSONA)
    if groups is None or found is None:
        return Section("personas", notes=(Say("note_no_personas"),))
    terms, past = seen.books.terms, seen.books.past
    sizes = np.bincount(groups.codes, minlength=len(groups.labels)).tolist()
    labels = {one.name: worded(one.label, one.name) for one in terms.config.personas}
    rows: list[tuple[Cell, ...]] = []
    for label, size in zip(groups.labels, sizes, strict=True):
        counts = found[label]
        part = Figure(size / len(past.ids) if past.ids else None, "share")
        rows.append(
            (labels.get(label, Say("no_persona")), counted(size), part, counted(counts.passed.passed),
             shared(counts.passed.accepted), counted(counts.passed.converted.part))
        )  # fmt: skip
    columns = ("persona", "leads", "share", "passed", "accepted", "converted")
    return Section("personas", tables=(Table("personas", columns, tuple(rows)),), notes=(Say("note_personas"),))


def systems(seen: Material) -> Section:
    if seen.systems is None:
        return Section("systems", notes=(Say("note_not_compared"),))
    rows: list[tuple[Cell, ...]] = []
    for name, one in seen.systems.items():
        lacks = sum(one.lacks.values())
        rows.append((Name(name), counted(one.both + lacks), counted(one.both), counted(lacks)))
    why: list[tuple[Cell, ...]] = [
        (Name(name), Say(f"compare.why_{reason}"), counted(number))
        for name, one in seen.systems.items()
        for reason, number in sorted(one.lacks.items(), key=lambda pair: (-pair[1], pair[0]))
    ]
    tables = [Table("systems", ("system", "cohort", "counts", "lacks"), tuple(rows))]
    if why:
        tables.append(Table("lacking", ("system", "why", "leads"), tuple(why)))
    stage = Term(seen.books.terms.passed)
    return Section("systems", tables=tuple(tables), notes=(Say("note_systems", {"stage": stage}),))
