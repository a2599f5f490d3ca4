"""Figures that come with the list of those behind each: the funnel, with the same of the period before for every group, and the
objectives. They are counted by the job that `counts` describes; nothing here is kept or drawn.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from alignment.funnel.behind import Behind, Rows, behind, kept_of
from alignment.funnel.counting import Books, funnel, read_books
from alignment.objectives import Goal, goals
from alignment.periods import Period, period_named
from alignment.standing import RESPONSES, clocks_of, key, responses, rows_behind, values_of
from console.bars import document
from mapping.config import ProjectFile
from mapping.fields import Kind
from state.facts import Facts, Part
from state.history import Engine
from sync.context import Progress
from sync.project import Opened

Listed = tuple[dict[str, Any], Behind]


def funnel_counted(opened: Opened, progress: Progress, of: Mapping[str, Any], now: datetime) -> Listed:
    """Of the days from `first` to `last`."""
    config = opened.project.config
    period = Period(date.fromisoformat(of["first"]), date.fromisoformat(of["last"]), config.funnel.time_zone)
    with _Told(opened.engine, progress) as facts:
        books = read_books(facts, config, now)
        progress("count", "funnel", 0)
        found = funnel(books, facts, period)
        before = funnel(books, facts, period.before, cuts=list(books.groups))
        progress("count", "lists", 0)
        told = {"funnel": document(found), "earlier": document(before.cuts), "terms": _terms(books)}
        return told, behind(books, facts, period)


def _terms(books: Books) -> dict[str, Any]:
    terms = books.terms
    names = ("steps", "passed", "accepted", "converted", "sales_qualified")
    return {name: getattr(terms, name) for name in names} | {"sourced": terms.settings.sourced is not None}


def objectives_counted(opened: Opened, progress: Progress, of: Mapping[str, Any], now: datetime) -> Listed:
    """In the periods with these `labels`."""
    config = opened.project.config
    wanted = goals_of(config, of["labels"])
    with _Told(opened.engine, progress) as facts:
        books = read_books(facts, config, now)
        progress("count", "objectives", 0)
        clocks = clocks_of(opened.engine, wanted) if config.sla is not None else []
        values = values_of(books, facts, wanted, {RESPONSES: responses(clocks)} if config.sla is not None else {})
        rows: dict[str, Rows] = {}
        for goal in wanted:
            for figure, some in rows_behind(books, goal, clocks).items():
                rows[named(goal, figure)] = some
        told = {"/".join(key(goal)): document(values[key(goal)]) for goal in wanted}
        return {"values": told}, kept_of(books, rows)


def named(goal: Goal, figure: str) -> str:
    """How a figure of an objective is called in what is kept."""
    kind, colon, name = figure.rpartition(":")
    return f"{kind}{colon}{goal.objective.name}/{goal.label}/{name}"


def goals_of(config: ProjectFile, labels: Sequence[str]) -> list[Goal]:
    """Each objective in each of the periods that it holds in."""
    found = []
    for label in labels:
        _, period = period_named(label, config.funnel.time_zone)
        found += goals(config, period.first, label)
    return found


class _Told(Facts):
    """Says how many leads and stage events have been read."""

    def __init__(self, engine: Engine, progress: Progress) -> None:
        super().__init__(engine)
        self._progress = progress

    def columns(self, kind: Kind, names: Sequence[str]) -> Iterator[Part]:
        count = 0
        for part in super().columns(kind, names):
            count += len(part.ids)
            self._progress("read", kind, count)
            yield part

    def moves(self) -> Iterator[Sequence[Sequence[Any]]]:
        count = 0
        for some in super().moves():
            count += len(some[0])
            self._progress("read", "stages", count)
            yield some
