"""What was known of a lead at a moment in its past, and how that becomes numbers. Pure.

A lead is looked at as of its cut-off: when it became marketing-qualified, or just before its outcome where it never was
before that. Invariant: nothing that was learned later, and nothing that happened later, is in it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from math import copysign, log1p, sqrt
from typing import Any

import orjson

from mapping.config import ProjectFile
from mapping.decay import Day, Decay, day_of
from mapping.fields import CONSENT, HIDDEN, TALLY, Fields, Value, blank
from mapping.scoring import engaged
from state.history import ChangeRow

FREQUENT = 20
"""Leads that must have a value for it to be a feature of its own,"""
SHARE = 0.01
"""and of all leads."""
CATEGORIES = 30
"""Values of one field at most."""

NUMBERS = ("integer", "number")
WORDS = ("picklist", "multipicklist", "country", "boolean", "text")


@dataclass(frozen=True, slots=True)
class Example:
    """A decided lead as of its cut-off. `activities`: (type, when), all of them up to the cut-off."""

    hub_id: str
    cutoff: datetime
    outcome_at: datetime
    won: bool
    fields: Fields
    activities: tuple[tuple[str, datetime], ...] = ()

    def tally(self) -> dict[str, int]:
        return dict(Counter(type_ for type_, _ in self.activities))


def engaged_at(decays: Sequence[Decay], activities: Iterable[tuple[str, datetime]], at: datetime) -> str | None:
    """What each rule over activities counted at that moment, as it stands with a lead."""
    days: dict[str, list[Day]] = defaultdict(list)
    for type_, when in activities:
        days[type_].append((day_of(when), 1))
    today = day_of(at)
    return engaged({
        rule.rule: rule.counted((day for type_ in rule.types for day in days.get(type_, ())), today) for rule in decays
    })  # fmt: skip


def rolled_back(fields: Fields, changes: Sequence[ChangeRow], cutoff: datetime, *, strict: bool) -> Fields:
    """The fields as they were then: each change since is taken back, the latest first. `strict`: also those of the
    moment itself."""
    then = dict(fields)
    for change in reversed(changes):
        if change.at > cutoff or (strict and change.at == cutoff):
            for name, entry in change.detail.items():
                if isinstance(entry, dict) and "old" in entry:
                    then[name] = entry["old"]
    return then


# -- as numbers -------------------------------------------------------------------------------------------------------


def features_of(config: ProjectFile, examples: Sequence[Example]) -> list[dict[str, Any]]:
    """What the examples are told by: one entry for each frequent word of a field, each number, each type of activity.
    What is rolled up from deals is left out, since it tells the outcome."""
    least = max(FREQUENT, int(SHARE * len(examples)))
    found: list[dict[str, Any]] = []
    for name, field in sorted(config.fields.items()):
        if field.derived or name in (*HIDDEN, *CONSENT):
            continue
        values = [example.fields.get(name) for example in examples]
        if field.type in NUMBERS:
            numbers = [_scaled(v) for v in values if isinstance(v, int | float)]
            if len(numbers) >= least:
                found.append({"field": name, "number": True, **_spread(numbers)})
        elif field.type in WORDS:
            counts = Counter(word for value in values for word in _words(value))
            usual = [w for w, n in counts.most_common(CATEGORIES) if least <= n < len(examples)]
            found += [{"field": name, "is": word} for word in sorted(usual)]
        if least <= sum(blank(value) for value in values) <= len(values) - least:
            found.append({"field": name, "blank": True})
    tallies = [example.tally() for example in examples]
    for type_ in sorted({type_ for tally in tallies for type_ in tally}):
        if sum(type_ in tally for tally in tallies) >= least:
            found.append({"activity": type_, **_spread([log1p(tally.get(type_, 0)) for tally in tallies])})
    return found


def vector(features: Sequence[Mapping[str, Any]], fields: Fields, tally: Mapping[str, int]) -> list[float]:
    """A lead as numbers, in the order of the features."""
    told: list[float] = []
    for one in features:
        if "activity" in one:
            told.append((log1p(tally.get(one["activity"], 0)) - one["mean"]) / one["scale"])
            continue
        value = fields.get(one["field"])
        if "number" in one:
            known = _scaled(value) if isinstance(value, int | float) and not isinstance(value, bool) else one["mean"]
            told.append((known - one["mean"]) / one["scale"])
        elif "blank" in one:
            told.append(float(blank(value)))
        else:
            told.append(float(one["is"] in _words(value)))
    return told


def name_of(feature: Mapping[str, Any]) -> str:
    """For people."""
    if "activity" in feature:
        return f"{str(feature['activity']).replace('_', ' ')} activities"
    name = str(feature["field"])
    if "is" in feature:
        return f"{name} is {feature['is']}"
    return f"{name} is blank" if "blank" in feature else name


def tally_of(fields: Fields) -> dict[str, int]:
    """How many activities of each type a lead has, as it stands with it."""
    text = fields.get(TALLY)
    found: dict[str, int] = orjson.loads(text) if isinstance(text, str) else {}
    return found


def _words(value: Value) -> tuple[str, ...]:
    if isinstance(value, bool):
        return ("yes" if value else "no",)
    if isinstance(value, list):
        return tuple(word.casefold() for word in value)
    return (value.casefold(),) if isinstance(value, str) and value else ()


def _scaled(value: float) -> float:
    """Employees and amounts span many orders of magnitude."""
    return copysign(log1p(abs(value)), value)


def _spread(numbers: Sequence[float]) -> dict[str, float]:
    mean = sum(numbers) / len(numbers)
    scale = sqrt(sum((n - mean) ** 2 for n in numbers) / len(numbers))
    return {"mean": mean, "scale": scale if scale > 1e-9 else 1.0}
