"""Marketing's side of the pact: how many qualified leads it takes to reach the revenue, and how it stands. Pure.

Each number is derived from the one before, and every step is shown. Invariant: what cannot be measured (no lead at a step,
no won deal) is said to be unknown, and with it all that hangs on it; never 0.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from alignment.journeys import Journey
from alignment.proportions import Interval, wilson
from mapping.agreement.sla import Marketing, Volume
from mapping.fields import Fields, blank

Basis = Literal["agreed", "measured"]


@dataclass(frozen=True, slots=True)
class Step:
    """From the leads that reach `stage` to those that it takes at `before`. `rate`: 0 to 1, None where nobody knows.
    `of`: from how many leads it was measured."""

    before: str
    stage: str
    rate: float | None
    basis: Basis
    of: int
    needed: float | None
    """How many leads must reach `before`."""


@dataclass(frozen=True, slots=True)
class Target:
    """`won`: how many deals must be won; `steps`: from the last stage back to the qualified lead; `leads`: how many of them,
    rounded up; `value`: what one of them is worth."""

    revenue: float
    average_deal: float | None
    deal_basis: Basis
    deals: int
    won: float | None
    steps: tuple[Step, ...]
    leads: int | None
    value: float | None


@dataclass(frozen=True, slots=True)
class Measured:
    """Of the last months. `passed`: (stage before, stage) -> how many came to the first, and how many of them to the second.
    `amounts`: of the deals won."""

    passed: Mapping[tuple[str, str], tuple[int, int]]
    amounts: Sequence[float]


def steps_of(marketing: Marketing) -> list[tuple[str, str]]:
    """(stage before, stage), in the order of the ladder."""
    assert marketing.volume is not None
    stages = [marketing.stage, *marketing.volume.rates]
    return list(pairwise(stages))


def measure(
    journeys: Iterable[Journey], steps: Sequence[tuple[str, str]], since: int, amounts: Sequence[float] = ()
) -> Measured:
    """Of the leads that came to each step at `since` or later: how many have come to the next by now."""
    passed = {step: [0, 0] for step in steps}
    for journey in journeys:
        for step, counts in passed.items():
            at = journey.entered.get(step[0])
            if at is not None and at >= since:
                counts[0] += 1
                counts[1] += step[1] in journey.entered
    return Measured({step: (first, second) for step, (first, second) in passed.items()}, amounts)


def target(marketing: Marketing, measured: Measured) -> Target:
    """What marketing has to bring in each period."""
    volume = marketing.volume
    assert volume is not None
    deal, basis = _average(volume, measured)
    won = volume.revenue / deal if deal else None
    needed, steps = won, list[Step]()
    share: float | None = 1.0
    for before, stage in reversed(steps_of(marketing)):
        said = volume.rates[stage]
        first, second = measured.passed.get((before, stage), (0, 0))
        rate = (second / first if first else None) if said == "measured" else said
        needed = needed / rate if needed is not None and rate else None
        share = share * rate if share is not None and rate is not None else None
        of = first if said == "measured" else 0
        steps.append(Step(before, stage, rate, "measured" if said == "measured" else "agreed", of, needed))
    leads = math.ceil(round(needed, 6)) if needed is not None else None
    value = share * deal if share is not None and deal is not None else None
    return Target(volume.revenue, deal, basis, len(measured.amounts), won, tuple(steps), leads, value)


def _average(volume: Volume, measured: Measured) -> tuple[float | None, Basis]:
    if volume.average_deal != "measured":
        return volume.average_deal, "agreed"
    amounts = measured.amounts
    return (math.fsum(amounts) / len(amounts) if amounts else None), "measured"


@dataclass(frozen=True, slots=True)
class Delivered:
    """What marketing has handed over in a period. `accepted`, `rejected`: of those, as far as sales has decided;
    `complete`: those with all fields that were promised, None where none were. Shares are None of none."""

    leads: int
    value: float | None
    accepted: int
    rejected: int
    acceptance: float | None
    acceptance_interval: Interval | None
    complete: int | None
    completeness: float | None
    undated: int
    future: int


def delivered(
    marketing: Marketing,
    journeys: Iterable[Journey],
    fields: Mapping[str, Fields],
    side: Iterable[str],
    since: int,
    until: int,
    now: int,
    worth: float | None = None,
) -> Delivered:
    """`since`, `until`: the period. `fields`: of each lead, as they are now. A lead that jumped over the stage was not handed
    over by marketing."""
    leads = accepted = rejected = complete = future = undated = 0
    accept = marketing.quality.accept if marketing.quality else None
    wanted = marketing.completeness.fields if marketing.completeness else None
    sides = set(side)
    for journey in journeys:
        at = journey.entered.get(marketing.stage)
        if at is None or marketing.stage in journey.inferred:
            continue
        if at <= 0:
            undated += 1
        elif at > now:
            future += 1
        elif since <= at < until:
            leads += 1
            verdict = _verdict(journey, at, accept, sides)
            accepted += verdict == "accepted"
            rejected += verdict == "rejected"
            if wanted is not None:
                own = fields.get(journey.hub_id, {})
                complete += not any(blank(own.get(name)) for name in wanted)
    decided = accepted + rejected
    return Delivered(
        leads, worth * leads if worth is not None else None, accepted, rejected,
        accepted / decided if decided else None, wilson(accepted, decided),
        complete if wanted is not None else None, complete / leads if wanted is not None and leads else None,
        undated, future,
    )  # fmt: skip


def _verdict(journey: Journey, handed_over: int, accept: str | None, side: set[str]) -> str:
    """What sales first said of the lead."""
    at = journey.entered.get(accept) if accept else None
    refused = min((move.at for move in journey.moves if move.new in side and move.at >= handed_over), default=None)
    if at is not None and (refused is None or at <= refused):
        return "accepted"
    return "rejected" if refused is not None else ""
