"""Targets step by step, Wilson's interval, and what was handed over: by hand, and by brute force."""

from __future__ import annotations

import math
import os
import random
from datetime import timedelta
from fractions import Fraction

import pytest

from alignment.journeys import journeys
from alignment.periods import label_of, period_named
from alignment.proportions import wilson
from alignment.sla.attainment import nearest_rank
from alignment.sla.target import Measured, delivered, measure, steps_of, target
from mapping.agreement.sla import Marketing
from mapping.lifecycle import Lifecycle
from state.facts import StageEvent


def test_a_target_is_derived_step_by_step_from_the_revenue() -> None:
    said = Marketing.model_validate(
        {"volume": {"revenue": 90_000, "average_deal": 7_000, "rates": {"sal": 0.6, "sql": 0.5, "customer": 0.3}}}
    )
    found = target(said, Measured({}, ()))
    needed = Fraction(90_000, 7_000) / Fraction(3, 10)
    assert [step.stage for step in found.steps] == ["customer", "sql", "sal"]
    assert found.steps[0].needed == pytest.approx(float(needed))
    exact = needed / Fraction(1, 2) / Fraction(6, 10)
    assert found.leads == math.ceil(exact) == 143
    assert found.value == pytest.approx(7_000 * 0.09)


def test_what_cannot_be_measured_is_unknown_and_not_zero() -> None:
    said = Marketing.model_validate(
        {"volume": {"revenue": 1, "average_deal": "measured", "rates": {"sal": "measured", "customer": 0.5}}}
    )
    found = target(said, measure([], steps_of(said), 0))
    assert (found.average_deal, found.won, found.leads, found.value) == (None, None, None, None)
    assert found.steps[1].rate is None


def test_rates_and_what_was_handed_over_are_what_a_count_over_the_events_gives() -> None:
    seed = int(os.environ.get("SEED", random.randrange(1 << 32)))
    print(f"SEED={seed}")
    dice = random.Random(seed)
    stages = ["lead", "mql", "sal", "sql", "customer", "disqualified", "recycled"]
    events: list[StageEvent] = []
    for lead in range(300):
        at = dice.randrange(1, 500)
        for new in dice.sample(stages, dice.randrange(1, 5)):
            events.append(StageEvent(f"{lead:03}", at, None, new, "crm", None))
            at += dice.randrange(1, 300)
    said = Marketing.model_validate(
        {"volume": {"revenue": 1, "average_deal": 1, "rates": {"sal": "measured"}}, "quality": {"at_least": 0.5},
         "completeness": {"fields": ["email"], "at_least": 0.5}}
    )  # fmt: skip
    ladder = Lifecycle().ladder
    by_lead = {e.hub_id: [x for x in events if x.hub_id == e.hub_id] for e in events}

    def entered(lead: str, stage: str) -> int | None:
        """When it got to the stage or above it."""
        rank = ladder.index(stage)
        return min((e.at for e in by_lead[lead] if e.new in ladder[rank:]), default=None)

    came = [lead for lead in by_lead if (at := entered(lead, "mql")) is not None and at >= 300]
    passed = [lead for lead in came if entered(lead, "sal") is not None]
    found = measure(journeys(events, Lifecycle()), steps_of(said), 300)
    assert found.passed == {("mql", "sal"): (len(came), len(passed))}

    fields = {lead: {"email": dice.choice(["a@b.example", None, ""])} for lead in by_lead}
    got = delivered(said, journeys(events, Lifecycle()), dict(fields), Lifecycle().side, 200, 600, 500)
    brought, accepted, rejected = [], 0, 0
    for lead, mine in by_lead.items():
        first = next((e.at for e in mine if e.new == "mql"), None)
        if first is None or first != entered(lead, "mql"):
            continue
        if 200 <= first < 600 and first <= 500:
            brought.append(lead)
            yes = entered(lead, "sal")
            no = min((e.at for e in mine if e.new in ("disqualified", "recycled") and e.at >= first), default=None)
            accepted += yes is not None and (no is None or yes <= no)
            rejected += no is not None and (yes is None or no < yes)
    assert (got.leads, got.accepted, got.rejected) == (len(brought), accepted, rejected)
    assert got.complete == sum(bool(fields[lead]["email"]) for lead in brought)
    handed_over = {lead: next((e.at for e in mine if e.new == "mql"), None) for lead, mine in by_lead.items()}
    later = [lead for lead, at in handed_over.items() if at is not None and at > 500 and at == entered(lead, "mql")]
    assert got.future == len(later)
    assert got.leads > 10


@pytest.mark.parametrize(
    ("good", "all_", "low", "high"),
    # Newcombe (1998), table I, method 3: https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_is_wilsons(good: int, all_: int, low: float, high: float) -> None:
    found = wilson(good, all_)
    assert found is not None
    assert (round(found.low, 4), round(found.high, 4)) == (low, high)


def test_of_none_there_is_no_share_and_ranks_are_values_that_occurred() -> None:
    assert wilson(0, 0) is None
    assert nearest_rank([], 0.5) is None
    assert [nearest_rank([4, 1, 3, 2], share) for share in (0.5, 0.9)] == [2, 4]


@pytest.mark.parametrize("label", ["2026-Q3", "2026-11", "2025-H2", "2024", "2026-12"])
def test_a_period_is_called_alike_on_each_of_its_days(label: str) -> None:
    unit, period = period_named(label, "Europe/Madrid")
    days = [period.first + timedelta(days=n) for n in range((period.last - period.first).days + 1)]
    assert {label_of(unit, day) for day in days} == {label}
    assert label_of(unit, period.first - timedelta(days=1)) != label != label_of(unit, period.last + timedelta(days=1))
