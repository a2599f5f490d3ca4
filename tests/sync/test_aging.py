"""Scores that age by themselves, in whole runs: against a count of every activity, and nobody looked at for nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from math import floor
from pathlib import Path
from random import Random
from typing import Any

import pytest
import sqlalchemy as sa

from mapping.decay import day_of
from mapping.fields import ENGAGED
from mapping.lifecycle import Lifecycle
from mapping.rules import Rules, tally_activities
from mapping.scored import Scoring
from mapping.scoring import decays_of, engaged_parts, scorer
from state import tables as t
from state.database import open_database
from state.scores import ModelRow
from state.store import Store
from sync.run import Options, preview
from tests.sync.test_activities import NOON, SYSTEMS, Crash, World, mapper

SCORING = Scoring.model_validate({
    "engagement": {
        "half_life": 20,
        "rules": [
            {"name": "Form", "points": 20, "on": ["form"], "cap": 50},
            {"name": "Call", "points": 9, "on": ["call", "meeting"], "half_life": 7, "within": 25},
            {"name": "Bounced", "points": -12, "on": ["other"], "half_life": 3},
            {"name": "In Paris", "points": 11, "when": {"city": "Paris"}},
        ],
    }
})  # fmt: skip
TYPES = {"Form": ("form",), "Call": ("call", "meeting"), "Bounced": ("other",)}


def rules(**more: Any) -> Rules:
    score = scorer(SCORING, Lifecycle())

    def derive(hub: Any) -> Any:
        found = score(hub)
        return {"score": found.total, "engagement_score": found.engagement, "score_reason": found.reason or None}

    mappers = {system: mapper(system) for system in SYSTEMS}
    return Rules(
        mappers,
        hash="aging",
        decays=decays_of(SCORING),
        scores=True,
        derive=derive,
        activities=frozenset(SYSTEMS),
        **more,
    )


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    engine = open_database(f"sqlite:///{tmp_path / 'state.sqlite'}")
    yield World(engine, rules())
    engine.dispose()


def brute_force(told: list[tuple[str, datetime]], today: int) -> dict[str, int]:
    """Every single activity, by the sentence in the documentation."""
    parts: dict[str, int] = {}
    for rule in SCORING.engagement_rules:
        if rule.on is None:
            continue
        half_life = rule.half_life or 20
        within = rule.within or floor(10 * half_life)
        ages = [today - day_of(at) for type_, at in told if type_ in TYPES[rule.name]]
        worth = sum(rule.points * 2 ** (-age / half_life) for age in ages if 0 <= age <= within)
        size = min(floor(round(abs(worth), 9) + 0.5), rule.cap or 10**9)
        if size:
            parts[rule.name] = size if worth > 0 else -size
    return parts


def settled_in(w: World) -> int:
    """How many leads the last run looked at again."""
    with w.engine.connect() as connection:
        run = connection.execute(sa.select(sa.func.max(t.run.c.id))).scalar_one()
        return int(connection.execute(
            sa.select(sa.func.count(t.change.c.hub_id.distinct())).where(t.change.c.run_id == run)
        ).scalar_one())  # fmt: skip


def due(w: World) -> dict[str, int]:
    return {row.hub_id: row.day for row in w.table(t.score_due)}


def test_over_a_year_of_runs_every_score_is_what_a_count_of_all_activities_gives(world: World) -> None:
    seed = Random().randrange(10**9)
    print(f"seed {seed}")
    dice = Random(seed)
    w = world
    people = [w.person("crm", f"p{n}@x") for n in range(6)]
    told: dict[str, list[tuple[str, datetime]]] = {person: [] for person in people}
    for _ in range(60):
        w.clock.tick(86_400 * dice.choice([0, 1, 1, 2, 5, 30]))
        for _ in range(dice.randint(0, 4)):
            person, type_ = dice.choice(people), dice.choice(["form", "call", "meeting", "other", "note"])
            at = w.clock.now + timedelta(days=dice.uniform(-40, 6))
            w.happen("crm", type_, at, person)
            told[person].append((type_, at))
        w.run()
        today = day_of(w.clock.now)
        for n, person in enumerate(people):
            lead = w.lead(f"p{n}@x")
            expected = brute_force(told[person], today)
            assert engaged_parts(lead.get(ENGAGED)) == expected
            assert lead["engagement_score"] == max(0, min(100, sum(expected.values())))


def test_a_day_on_which_no_rounded_score_changes_looks_at_nobody(world: World) -> None:
    w = world
    one, two = w.person("crm", "one@x"), w.person("crm", "two@x")
    w.happen("crm", "form", NOON, one)
    w.happen("crm", "call", NOON, two)
    w.run()
    days = sorted(due(w).values())
    assert days == [day_of(NOON) + 1, day_of(NOON) + 1], "20 points fall to 19.3, 9 to 8.15"
    looked: list[int] = []
    for _ in range(40):
        w.clock.tick(86_400)
        before = {hub: row for hub, row in due(w).items() if row <= day_of(w.clock.now)}
        w.run()
        looked.append(settled_in(w))
        assert looked[-1] == len(before), "each that was due has another score, and nobody else"
    assert 0 in looked
    assert max(looked) == 2


def test_a_second_run_on_one_day_looks_at_nobody(world: World) -> None:
    w = world
    w.happen("crm", "form", NOON, w.person("crm", "one@x"))
    w.run()
    w.clock.tick(86_400)
    w.run()
    assert settled_in(w) == 1
    w.run()
    assert settled_in(w) == 0


def test_a_lead_of_whom_nothing_counts_any_more_is_never_due_again(world: World) -> None:
    w = world
    w.happen("crm", "call", NOON, w.person("crm", "one@x"))
    w.run()
    w.clock.tick(86_400 * 26)
    w.run()
    assert due(w) == {}
    assert w.lead("one@x")["score"] == 0


def test_every_change_of_a_score_is_kept_with_its_day(world: World) -> None:
    w = world
    w.happen("crm", "form", NOON, w.person("crm", "one@x"))
    shown: list[int] = []
    for _ in range(30):
        w.run()
        shown.append(w.lead("one@x")["score"])
        w.clock.tick(86_400)
    history = w.table(t.score)
    told = [next(row.total for row in reversed(history) if day_of(row.at) <= day_of(NOON) + n) for n in range(30)]
    assert told == shown
    assert len(history) == len(dict.fromkeys(shown))


def test_a_preview_ages_scores_and_keeps_nothing(world: World) -> None:
    w = world
    w.happen("crm", "form", NOON, w.person("crm", "one@x"))
    w.run()
    w.clock.tick(86_400 * 20)
    before = [w.table(table) for table in (t.hub, t.score, t.score_due)]
    store = Store(w.engine, dry=True)
    asyncio.run(preview(w.rules, w.connectors(), store, options=Options(batch=3), clock=w.clock))
    assert store.hubs([row.id for row in w.table(t.hub)]).popitem()[1].fields["score"] == 10
    store.close()
    assert [w.table(table) for table in (t.hub, t.score, t.score_due)] == before


def test_a_crash_at_any_step_leaves_the_scores_of_an_uninterrupted_run(tmp_path: Path) -> None:
    def play(folder: Path, crash_at: int) -> tuple[int, list[Any]]:
        folder.mkdir()
        engine = open_database(f"sqlite:///{folder / 'state.sqlite'}")
        w = World(engine, rules())
        for n in range(4):
            person = w.person("crm", f"p{n}@x")
            w.happen("crm", "form", NOON - timedelta(days=9 * n), person)
            w.happen("crm", "call", NOON - timedelta(days=3 * n), person)
        w.run()
        w.clock.tick(86_400 * 5)
        begun = w.steps
        w.crash_at = begun + crash_at if crash_at else -1
        try:
            w.run()
        except Crash:
            w.crash_at = -1
            w.run()
        told = [(w.lead(f"p{n}@x")["score"], w.lead(f"p{n}@x").get(ENGAGED)) for n in range(4)]
        days = sorted(due(w).values())
        engine.dispose()
        return w.steps - begun, [told, days]

    steps, expected = play(tmp_path / "whole", 0)
    for at in range(1, steps + 1, 3):
        assert play(tmp_path / f"crash{at}", at)[1] == expected, f"a crash at step {at}"


def test_a_lead_is_scored_by_what_both_did_who_were_united(world: World) -> None:
    """Roll-ups of the merged: the same way as all activities."""
    w = world
    person = w.person("crm", "one@x")
    w.happen("crm", "form", NOON, person)
    w.happen("mkt", "form", NOON, w.person("mkt", "one@x"))
    w.run()
    assert engaged_parts(w.lead("one@x")[ENGAGED]) == {"Form": 40}


def test_a_new_model_is_computed_for_everybody_once(world: World) -> None:
    w = world
    w.rules = rules(predicts=True, rollups=(tally_activities("activity_tally"),))
    one = w.person("crm", "one@x")
    w.happen("crm", "form", NOON, one)
    w.person("crm", "two@x")
    w.run()
    assert "predicted_score" not in w.lead("one@x")
    store = Store(w.engine)
    features = [{"activity": "form", "mean": 0.0, "scale": 1.0}]
    store.save_model(ModelRow("1" * 32, NOON, NOON, features, {"coefficients": [2.0], "intercept": 0.0}, {}))
    store.commit()
    store.close()
    w.run()
    assert (w.lead("one@x")["predicted_score"], w.lead("two@x")["predicted_score"]) == (80, 50)
    w.run()
    assert settled_in(w) == 0
    w.happen("crm", "form", NOON, one)
    w.run()
    assert w.lead("one@x")["predicted_score"] == 90


def test_rules_that_are_gone_leave_nothing_behind(world: World) -> None:
    w = world
    w.happen("crm", "form", NOON, w.person("crm", "one@x"))
    w.run()
    assert w.lead("one@x")["score"] == 20
    fewer = Scoring.model_validate({"engagement": {"rules": [{"name": "Call", "points": 9, "on": ["call"]}]}})
    score = scorer(fewer, Lifecycle())
    w.rules = replace(w.rules, hash="other", decays=decays_of(fewer), derive=lambda hub: {"score": score(hub).total})
    w.run()
    assert w.lead("one@x")["score"] == 0
