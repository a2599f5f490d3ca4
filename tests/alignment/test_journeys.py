"""Journeys against a naive telling of the same events."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from alignment.journeys import journeys
from mapping.lifecycle import Lifecycle
from state.facts import StageEvent

LIFE = Lifecycle()
STAGES = st.sampled_from(LIFE.stages)


def told(*stages: str) -> list[StageEvent]:
    olds = [None, *stages]
    return [StageEvent("a", 10 * n, olds[n], new, "crm", None) for n, new in enumerate(stages)]


def test_skipped_steps_are_entered_at_the_jump_and_marked() -> None:
    (journey,) = journeys(told("lead", "sql"), LIFE)
    assert journey.entered == {"subscriber": 0, "lead": 0, "mql": 10, "sal": 10, "sql": 10}
    assert journey.inferred == {"subscriber", "mql", "sal"}
    assert (journey.stage, journey.since) == ("sql", 10)


def test_a_second_climb_changes_no_first_entry() -> None:
    (journey,) = journeys(told("mql", "recycled", "lead", "mql", "sal"), LIFE)
    assert journey.entered == {"subscriber": 0, "lead": 0, "mql": 0, "recycled": 10, "sal": 40}
    assert [move.new for move in journey.moves] == ["mql", "recycled", "lead", "mql", "sal"]


@given(st.lists(st.lists(STAGES, min_size=1, max_size=8), max_size=5))
def test_first_entries_are_as_a_naive_look_finds_them(leads: list[list[str]]) -> None:
    events = [e._replace(hub_id=f"{n:03}") for n, stages in enumerate(leads) for e in told(*stages)]
    found = list(journeys(events, LIFE))
    assert [j.hub_id for j in found] == [f"{n:03}" for n in range(len(leads))]
    for stages, journey in zip(leads, found, strict=True):
        for stage in LIFE.stages:
            if stage in LIFE.side:
                reached = [10 * n for n, s in enumerate(stages) if s == stage]
            else:
                reached = [10 * n for n, s in enumerate(stages) if LIFE.at_least(s, stage)]
            assert journey.entered.get(stage) == (reached[0] if reached else None)
            at = journey.entered.get(stage)
            said = at is not None and stages[at // 10] == stage
            assert (stage in journey.inferred) == (at is not None and not said)
        times = [journey.entered[s] for s in LIFE.ladder if s in journey.entered]
        assert times == sorted(times)
