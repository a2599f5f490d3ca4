"""By what figures are told apart: for each lead, the number of the group that it is in.

A lead is in one group of each dimension; so the groups add up to the whole. Of a field with very many values the most
frequent have a group each, the others one together.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignment.funnel.columns import Codes, Column
from alignment.funnel.past import Past, Times
from alignment.periods import Period, midnight
from mapping.conditions import Condition
from state.facts import microseconds

MOST = 50
"""Groups of one dimension, but for the one of all others."""

BLANK, OTHERS = "", "…"
"""The group of those that have no value, and of all that are in none of the others."""

SEGMENT, PERSONA, PERIOD = "segment", "persona", "period"


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """`codes[n]` is the place in `labels` of lead n's group. Of the dimension `period` there are none by lead: a lead is in
    the month in which it did what is counted; `edges` are the months' beginnings, microseconds since 1970."""

    name: str
    labels: tuple[str, ...]
    codes: Codes
    edges: Times | None = None

    def of(self, leads: NDArray[np.intp], at: Times) -> Codes:
        """The groups of these leads, in what happened at these times."""
        if self.edges is None:
            found: Codes = self.codes[leads]
            return found
        return (np.searchsorted(self.edges, at, side="right") - 1).clip(0, len(self.labels) - 1).astype(np.int32)


def everybody(past: Past) -> Groups:
    """One group with all."""
    return Groups("", (BLANK,), np.zeros(len(past.ids), np.int32))


def by_field(past: Past, name: str, column: Column) -> Groups:
    labels = [_label(value) for value in column.values]
    sizes = np.bincount(column.codes, weights=past.counted, minlength=len(labels))
    by_label: dict[str, float] = {}
    for label, size in zip(labels, sizes.tolist(), strict=True):
        by_label[label] = by_label.get(label, 0) + size
    ordered = sorted((label for label, size in by_label.items() if size), key=lambda one: (-by_label[one], one))
    kept = ordered[:MOST]
    names = (*kept, OTHERS) if len(ordered) > MOST else tuple(kept) or (BLANK,)
    place = {label: n for n, label in enumerate(names)}
    table = np.array([place.get(label, len(names) - 1) for label in labels], np.int32)
    return Groups(name, names, table[column.codes] if len(labels) else np.zeros(len(past.ids), np.int32))


def by_conditions(past: Past, name: str, conditions: Iterable[tuple[str, Condition]]) -> Groups:
    """The first condition that holds; the blank group where none does."""
    named: Sequence[tuple[str, Condition]] = list(conditions)
    codes = np.full(len(past.ids), len(named), np.int32)
    for n, (_, condition) in reversed(list(enumerate(named))):
        codes[past.holds(condition)] = n
    return Groups(name, (*(label for label, _ in named), BLANK), codes)


def by_month(past: Past, period: Period) -> Groups:
    months = period.months
    edges = np.array([microseconds(midnight(day, period.zone)) for day in months], np.int64)
    labels = tuple(f"{day:%Y-%m}" for day in months)
    return Groups(PERIOD, labels, np.zeros(len(past.ids), np.int32), edges)


def _label(value: object) -> str:
    if value is None or value == "" or value == []:
        return BLANK
    if isinstance(value, bool):
        return "yes" if value else "no"
    return ", ".join(value) if isinstance(value, list) else str(value)
